// DtlsCookies: cookies that show that a client receives what is sent to its address (RFC 6347,
// Section 4.2.1), without remembering any.
#pragma once

#include <array>

#include "protocol/bytes.h"
#include "protocol/time.h"
#include "protocol/transport_address.h"

struct evp_mac_ctx_st;

namespace uturn {

/// A cookie is HMAC-SHA256 over both ends of the five-tuple, truncated. The secret is of this
/// process, never kept anywhere, and changes: cookies collected from many addresses are soon
/// worthless, while one handed out just before the change is still good.
class DtlsCookies {
 public:
  static constexpr size_t kSize = 16;
  static constexpr Duration kRotation = std::chrono::seconds(60);
  using Cookie = std::array<uint8_t, kSize>;

  explicit DtlsCookies(Now now);
  ~DtlsCookies();
  DtlsCookies(const DtlsCookies&) = delete;
  DtlsCookies& operator=(const DtlsCookies&) = delete;

  void rotate_if_due(Now now);
  Cookie make(const FiveTuple& five_tuple) const;
  /// Compared in constant time, with the present secret and the former one.
  bool check(Bytes cookie, const FiveTuple& five_tuple) const;

 private:
  using Secret = std::array<uint8_t, 32>;
  Cookie sign(const Secret& secret, const FiveTuple& five_tuple) const;

  Secret present_{};
  Secret former_{};
  Instant rotates_at_;
  evp_mac_ctx_st* mac_;  ///< fetched once: a fetch takes a lock that all shards share
};

}  // namespace uturn
