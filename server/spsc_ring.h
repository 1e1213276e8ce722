// SpscRing: a bounded queue between one producer thread and one consumer thread, without a lock.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <optional>
#include <utility>

namespace uturn {

/// Producer and consumer write a cache line each. Capacity is a power of two.
template <class T, size_t Capacity>
class SpscRing {
  static_assert((Capacity & (Capacity - 1)) == 0);

 public:
  /// False when full; the value then is untouched.
  bool push(T& value) {
    const size_t tail = tail_.load(std::memory_order_relaxed);
    if (tail - head_.load(std::memory_order_acquire) == Capacity) return false;
    slots_[tail & (Capacity - 1)].emplace(std::move(value));
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }

  /// How many wait, about: for whoever is neither of the two.
  size_t size() const {
    const size_t head = head_.load(std::memory_order_acquire);
    return tail_.load(std::memory_order_acquire) - head;
  }

  std::optional<T> pop() {
    const size_t head = head_.load(std::memory_order_relaxed);
    if (head == tail_.load(std::memory_order_acquire)) return std::nullopt;
    std::optional<T> value = std::exchange(slots_[head & (Capacity - 1)], std::nullopt);
    head_.store(head + 1, std::memory_order_release);
    return value;
  }

 private:
  static constexpr size_t kCacheLine = 64;
  alignas(kCacheLine) std::atomic<size_t> head_{0};
  alignas(kCacheLine) std::atomic<size_t> tail_{0};
  alignas(kCacheLine) std::array<std::optional<T>, Capacity> slots_;
};

}  // namespace uturn
