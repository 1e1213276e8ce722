// ShardMeter: how large a shard's batches are, and how long it works on them.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "protocol/counter.h"
#include "protocol/time.h"

namespace uturn {

/// The upper bounds of passes' times; longer ones stand behind the last.
inline constexpr std::array kPassBounds = {
    std::chrono::microseconds(10),     std::chrono::microseconds(20),
    std::chrono::microseconds(50),     std::chrono::microseconds(100),
    std::chrono::microseconds(200),    std::chrono::microseconds(500),
    std::chrono::microseconds(1'000),  std::chrono::microseconds(2'000),
    std::chrono::microseconds(5'000),  std::chrono::microseconds(10'000),
    std::chrono::microseconds(20'000), std::chrono::microseconds(50'000)};
/// Batches of up to 1, 2, 4 … 256 datagrams.
inline constexpr size_t kBatchBounds = 9;

/// Asked once per batch and pass, never per datagram; plain integers of the shard's thread.
struct ShardMeter {
  std::array<uint64_t, kBatchBounds + 1> batches{};
  uint64_t datagrams = 0;  ///< of all batches
  std::array<uint64_t, kPassBounds.size() + 1> passes{};
  uint64_t pass_nanoseconds = 0;  ///< of all passes

  void count_batch(size_t size) {
    if (!kCounted) return;
    const auto place = static_cast<size_t>(std::bit_width(size > 0 ? size - 1 : 0));
    ++batches[place < kBatchBounds ? place : kBatchBounds];
    datagrams += size;
  }
  /// From when the first thing that had arrived was looked at until everything was sent.
  void count_pass(Duration worked) {
    if (!kCounted) return;
    size_t place = 0;
    while (place < kPassBounds.size() && worked > kPassBounds[place]) ++place;
    ++passes[place];
    pass_nanoseconds +=
        static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(worked).count());
  }
};

}  // namespace uturn
