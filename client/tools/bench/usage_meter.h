// UsageMeter: what the watched server used between begin() and end(), as the report says it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "client/tools/bench/report.h"
#include "client/tools/bench/server_usage.h"

namespace uturn {

/// Without a process to watch it reports nothing.
class UsageMeter {
 public:
  /// The error is a sentence for people.
  static Result<UsageMeter, std::string> watching(std::optional<int> pid);

  void begin();
  /// Of the time since begin(), shared out among `units` of what `per` names ("packet").
  std::optional<UsageReport> end(const std::string& per, uint64_t units) const;

  std::optional<uint64_t> rss_bytes() const;  ///< at this moment
  bool is_watching() const { return usage_.has_value(); }
  /// Watched, and ended by now.
  bool has_vanished() const { return usage_ && !usage_->look(); }

 private:
  std::optional<ServerUsage> usage_;
  std::optional<UsageSnapshot> before_;
};

}  // namespace uturn
