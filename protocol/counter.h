// Counter: what is counted for each packet that passes.
#pragma once

#include <cstdint>

namespace uturn {

#ifndef UTURN_UNCOUNTED

/// Written by one thread: a plain integer.
using Counter = uint64_t;
inline constexpr bool kCounted = true;

#else

/// Counts nothing and costs nothing: what the data path would be without its metrics. Only
/// `bench/instructions.py --uncounted` asks for it.
inline constexpr bool kCounted = false;
struct Counter {
  constexpr Counter() = default;
  constexpr Counter(uint64_t) {}
  constexpr operator uint64_t() const { return 0; }
  constexpr Counter& operator++() { return *this; }
  constexpr Counter& operator--() { return *this; }
  constexpr Counter& operator+=(uint64_t) { return *this; }
  constexpr Counter& operator-=(uint64_t) { return *this; }
  template <class Json>
  friend void to_json(Json& json, Counter) {
    json = uint64_t{0};
  }
};

#endif

}  // namespace uturn
