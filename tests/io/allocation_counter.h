// AllocationCounter: how often operator new was called by this thread since it was made.
#pragma once

#include <cstdint>

namespace uturn {

class AllocationCounter {
 public:
  AllocationCounter();
  uint64_t count() const;

 private:
  uint64_t before_;
};

}  // namespace uturn
