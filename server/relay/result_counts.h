// ResultCounts: requests by method and how they were answered.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "protocol/error_code.h"
#include "protocol/method.h"

namespace uturn {

/// The methods that have requests.
inline constexpr std::array kRequestMethods = {
    Method::binding,      Method::allocate, Method::refresh,        Method::create_permission,
    Method::channel_bind, Method::connect,  Method::connection_bind};

/// Zero is a success.
inline constexpr std::array<uint16_t, 19> kResults = {
    0, 300, 400, 401, 403, 405, 420, 437, 438, 440, 441, 442, 443, 446, 447, 486, 487, 500, 508};

struct ResultCounts {
  std::array<std::array<uint64_t, kResults.size()>, kRequestMethods.size()> counts{};

  void count(Method method, std::optional<ErrorCode> error) {
    const auto result = static_cast<uint16_t>(error.value_or(ErrorCode{}));
    for (size_t m = 0; m < kRequestMethods.size(); ++m) {
      if (kRequestMethods[m] != method) continue;
      for (size_t r = 0; r < kResults.size(); ++r) {
        if (kResults[r] == result) ++counts[m][r];
      }
    }
  }
  uint64_t of(Method method, uint16_t result) const {
    for (size_t m = 0; m < kRequestMethods.size(); ++m) {
      for (size_t r = 0; r < kResults.size(); ++r) {
        if (kRequestMethods[m] == method && kResults[r] == result) return counts[m][r];
      }
    }
    return 0;
  }
};

}  // namespace uturn
