// Replaces operator new by malloc and a count, which sanitizers watch as well as their own.
#include "tests/io/allocation_counter.h"

#include <cstdlib>
#include <new>

namespace {
thread_local uint64_t allocations = 0;
}  // namespace

void* operator new(size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size ? size : 1)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace uturn {

AllocationCounter::AllocationCounter() : before_(allocations) {}
uint64_t AllocationCounter::count() const { return allocations - before_; }

}  // namespace uturn
