// SourceRates: how often each source of requests may ask, in a table of bounded size.
#pragma once

#include <cstdint>
#include <map>

#include "protocol/time.h"
#include "protocol/transport_address.h"

namespace uturn {

/// Token buckets by address, IPv6 by /64. Not for the data path; the caller locks. A full table
/// forgets who has been silent longest among a few: it errs on the side of answering.
class SourceRates {
 public:
  static constexpr size_t kSources = 4'096;

  /// Takes one token, where there is one.
  bool allows(const IpAddress& source, uint32_t per_second, uint32_t burst, Instant now);
  /// What a request that was allowed turned out to cost besides. The source may owe it: it is
  /// allowed nothing until that is refilled.
  void charge(const IpAddress& source, uint32_t tokens);
  size_t size() const { return buckets_.size(); }

 private:
  struct Bucket {
    double tokens = 0;
    Instant filled_at{};
  };
  void make_room(Instant now);
  std::map<IpAddress, Bucket> buckets_;
  IpAddress hand_{};  ///< where the next search for room begins
};

}  // namespace uturn
