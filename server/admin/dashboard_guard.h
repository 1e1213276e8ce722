// DashboardGuard: who may ask what the dashboard asks, and how often.
#pragma once

#include <mutex>
#include <optional>

#include "protocol/time.h"
#include "server/http/http_message.h"
#include "server/secret.h"
#include "server/source_rates.h"

namespace uturn {

/// Whoever shows the token as `Authorization: Bearer TOKEN` (RFC 6750, Section 2.1) may. A page of
/// another origin cannot, whatever name it reaches us by: browsers add no such header by
/// themselves. Any thread may ask.
class DashboardGuard {
 public:
  /// A source, IPv6 by /64, may ask so often. A page that is open asks about twice a second.
  static constexpr uint32_t kRequestsPerSecond = 20;
  static constexpr uint32_t kBurst = 200;
  /// What a wrong token costs besides, in requests: once the burst is gone, less than one guess a
  /// second.
  static constexpr uint32_t kGuess = 20;

  explicit DashboardGuard(Secret token) : token_(std::move(token)) {}
  /// For requests that come from here on.
  void set_token(Secret token);

  /// Nothing where the request may go on; else 401 or 429, without a word about this server.
  std::optional<HttpResponse> refuse(const HttpRequest& request, Instant now);
  /// Likewise, for what anybody may read.
  std::optional<HttpResponse> refuse_haste(const HttpRequest& request, Instant now);

 private:
  bool allows(const HttpRequest& request, Instant now);

  std::mutex mutex_;
  Secret token_;
  SourceRates rates_;
};

}  // namespace uturn
