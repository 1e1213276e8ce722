// The later steps, each over all that were announced.
#include "server/relay/look_ahead.h"

#include <utility>

namespace uturn {

void LookAhead::fetch() {
  for (size_t i = 0; i < places_; ++i) allocation_[known_++] = allocations_.prefetch(place_[i]);
  for (size_t i = 0; i < known_; ++i) {
    if (allocation_[i]) AllocationTable::prefetch_tables(*allocation_[i]);
  }
  places_ = known_ = 0;
}

}  // namespace uturn
