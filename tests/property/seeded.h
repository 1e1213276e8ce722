// Seeded: the randomness of property tests; a failure names the seed that replays it.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "protocol/bytes.h"

namespace uturn {

/// One case of a property. The same seed makes the same case.
class Seeded {
 public:
  explicit Seeded(uint64_t seed) : engine_(seed) {}

  /// Uniform in [0, bound), bound > 0.
  size_t below(size_t bound) {
    return std::uniform_int_distribution<size_t>(0, bound - 1)(engine_);
  }
  bool one_in(size_t n) { return below(n) == 0; }
  uint8_t byte() { return static_cast<uint8_t>(engine_()); }
  uint64_t word() { return engine_(); }
  std::vector<uint8_t> bytes(size_t size) {
    std::vector<uint8_t> bytes(size);
    for (uint8_t& each : bytes) each = byte();
    return bytes;
  }
  template <class Range>
  auto& pick(Range& range) {
    return range[below(std::size(range))];
  }

 private:
  std::mt19937_64 engine_;
};

/// Runs `property` for `cases` seeds, or, with UTURN_SEED in the environment, for that seed alone.
template <class Property>
void for_seeds(uint64_t cases, Property property) {
  const char* const replayed = std::getenv("UTURN_SEED");
  const uint64_t first = replayed != nullptr ? std::strtoull(replayed, nullptr, 10) : 1;
  const uint64_t last = replayed != nullptr ? first : cases;
  for (uint64_t seed = first; seed <= last; ++seed) {
    SCOPED_TRACE("replay with UTURN_SEED=" + std::to_string(seed));
    Seeded random(seed);
    property(random);
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace uturn
