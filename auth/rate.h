// Rates: token buckets for bytes; one kind for one thread, one that shards share without a lock.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "protocol/time.h"

namespace uturn {

/// Bytes that may pass in a second, and at once behind a silence: a quarter of a second's worth,
/// and at least the longest datagram there is, which could never pass otherwise.
class Rate {
 public:
  explicit Rate(uint64_t bytes_per_second)
      : nanoseconds_per_byte_(1e9 / static_cast<double>(std::max<uint64_t>(bytes_per_second, 1))),
        burst_(std::max<int64_t>(static_cast<int64_t>(bytes_per_second / 4), kSmallestBurst)) {}

  /// How many of `wanted` bytes may pass, where `paid_until` (nanoseconds) says what passed before:
  /// it is moved by what is granted. All bytes are counted in time, so that one number is the whole
  /// state.
  int64_t grant(int64_t& paid_until, int64_t wanted, Instant now) const {
    const int64_t instant = now.time_since_epoch().count();
    const auto burst = static_cast<int64_t>(static_cast<double>(burst_) * nanoseconds_per_byte_);
    const int64_t from = std::max(paid_until, instant - burst);
    const auto there =
        static_cast<int64_t>(static_cast<double>(instant - from) / nanoseconds_per_byte_);
    const int64_t granted = std::clamp<int64_t>(there, 0, wanted);
    paid_until = from + time_of(granted);
    return granted;
  }
  int64_t time_of(int64_t bytes) const {
    return static_cast<int64_t>(static_cast<double>(bytes) * nanoseconds_per_byte_ + 0.5);
  }
  int64_t burst() const { return burst_; }

  static constexpr int64_t kSmallestBurst = 65'536;

 private:
  double nanoseconds_per_byte_;
  int64_t burst_;
};

/// Of one thread.
class TokenBucket {
 public:
  explicit TokenBucket(uint64_t bytes_per_second) : rate_(bytes_per_second) {}
  void set_rate(uint64_t bytes_per_second) { rate_ = Rate(bytes_per_second); }
  int64_t take(int64_t wanted, Instant now) { return rate_.grant(paid_until_, wanted, now); }
  void give_back(int64_t bytes) { paid_until_ -= rate_.time_of(bytes); }

 private:
  Rate rate_;
  int64_t paid_until_ = INT64_MIN / 2;
};

/// Shared by all shards, at a rate that an operator may change while it is drawn from. 0: no limit.
/// One compare-and-swap for each lot of bytes that somebody draws, never one for a packet.
class AdjustableBucket {
 public:
  void set_rate(uint64_t bytes_per_second) {
    bytes_per_second_.store(bytes_per_second, std::memory_order_relaxed);
  }
  bool has_limit() const { return bytes_per_second_.load(std::memory_order_relaxed) != 0; }
  int64_t take(int64_t wanted, Instant now) {
    const uint64_t bytes_per_second = bytes_per_second_.load(std::memory_order_relaxed);
    if (bytes_per_second == 0) return wanted;
    const Rate rate(bytes_per_second);
    int64_t before = paid_until_.load(std::memory_order_relaxed);
    for (;;) {
      int64_t after = before;
      const int64_t granted = rate.grant(after, wanted, now);
      if (granted == 0) return 0;
      if (paid_until_.compare_exchange_weak(before, after, std::memory_order_relaxed)) {
        return granted;
      }
    }
  }
  void give_back(int64_t bytes) {
    const uint64_t bytes_per_second = bytes_per_second_.load(std::memory_order_relaxed);
    if (bytes_per_second == 0) return;
    paid_until_.fetch_sub(Rate(bytes_per_second).time_of(bytes), std::memory_order_relaxed);
  }

 private:
  std::atomic<uint64_t> bytes_per_second_{0};
  std::atomic<int64_t> paid_until_ = INT64_MIN / 2;
};

/// Bytes that may pass once and for all: the cap of a credential class.
class SharedAllowance {
 public:
  explicit SharedAllowance(uint64_t bytes) : left_(static_cast<int64_t>(bytes)) {}
  int64_t take(int64_t wanted) {
    int64_t before = left_.load(std::memory_order_relaxed);
    for (;;) {
      const int64_t granted = std::clamp<int64_t>(before, 0, wanted);
      if (granted == 0) return 0;
      if (left_.compare_exchange_weak(before, before - granted, std::memory_order_relaxed)) {
        return granted;
      }
    }
  }
  void give_back(int64_t bytes) { left_.fetch_add(bytes, std::memory_order_relaxed); }
  bool is_spent() const { return left_.load(std::memory_order_relaxed) <= 0; }

 private:
  std::atomic<int64_t> left_;
};

}  // namespace uturn
