// Result<T, E>: a value or the reason why there is none.
#pragma once

#include <utility>
#include <variant>

#include "protocol/bytes.h"

namespace uturn {

/// Wraps an error on its way into a Result: `return Failure{ParseError::truncated};`
template <class E>
struct Failure {
  E error;
};
template <class E>
Failure(E) -> Failure<E>;

struct Done {};  ///< the value of a Result that has nothing to say but "yes"

template <class T, class E>
class [[nodiscard]] Result {
 public:
  Result(T value)
      : content_(std::in_place_index<0>, std::move(value)) {}  // NOLINT: implicit by design
  template <class F>
  Result(Failure<F> failure)
      : content_(std::in_place_index<1>, std::move(failure.error)) {}  // NOLINT

  bool has_value() const { return content_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  T& operator*() & { return checked(); }
  const T& operator*() const& { return checked(); }
  T&& operator*() && { return std::move(checked()); }
  T* operator->() { return &checked(); }
  const T* operator->() const { return &checked(); }

  const E& error() const {
    CHECK(!has_value());
    return *std::get_if<1>(&content_);
  }

 private:
  T& checked() {
    CHECK(has_value());
    return *std::get_if<0>(&content_);
  }
  const T& checked() const {
    CHECK(has_value());
    return *std::get_if<0>(&content_);
  }
  std::variant<T, E> content_;
};

}  // namespace uturn
