// LookAhead: fetches what the next few datagrams will ask for into the cache, all at once.
#pragma once

#include <array>

#include "server/relay/allocation_table.h"

namespace uturn {

/// One datagram after the other, a shard with many allocations waits for memory several times for
/// each: for the place in the index, for the allocation, for its permissions and channels. Of a few
/// datagrams together it waits as long as for one.
class LookAhead {
 public:
  static constexpr size_t kMost = 16;  ///< more misses are not under way at a time
  /// What a datagram asks of fewer stays in a second-level cache: about eight lines of each.
  static constexpr size_t kFewest = 2'048;

  explicit LookAhead(const AllocationTable& allocations) : allocations_(allocations) {}

  // At most kMost of both together, then fetch().
  void expect(const FiveTuple& five_tuple) {
    CHECK(places_ + known_ < kMost);
    place_[places_++] = allocations_.prefetch_place(five_tuple);
  }
  void expect(AllocationId id) {
    CHECK(places_ + known_ < kMost);
    allocation_[known_++] = allocations_.prefetch(id);
  }
  void fetch();

 private:
  const AllocationTable& allocations_;
  std::array<uint32_t, kMost> place_;
  std::array<const Allocation*, kMost> allocation_;
  size_t places_ = 0;
  size_t known_ = 0;
};

}  // namespace uturn
