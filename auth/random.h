// Random: randomness that somebody hands in; CsprngRandom is the real one.
#pragma once

#include <array>
#include <cstdint>

#include "protocol/bytes.h"

namespace uturn {

/// Given to whatever needs randomness, through its constructor.
class Random {
 public:
  virtual ~Random() = default;
  virtual void fill(MutableBytes out) = 0;
  uint64_t next_u64();
  /// Uniform in [0, bound), without modulo bias; bound > 0.
  uint64_t below(uint64_t bound);
};

/// OpenSSL's CSPRNG, drawn in blocks; one per thread (CVE-2025-69217: never anything weaker).
class CsprngRandom final : public Random {
 public:
  CsprngRandom() = default;
  ~CsprngRandom() override;  ///< wipes what it holds
  void fill(MutableBytes out) override;

 private:
  std::array<uint8_t, 512> block_{};
  size_t left_ = 0;
};

}  // namespace uturn
