// EndReason: why an allocation ended.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace uturn {

enum class EndReason : uint8_t {
  deleted,       ///< by the client: Refresh with a lifetime of zero
  expired,       ///< nobody refreshed it
  disconnected,  ///< the client's connection, or DTLS session, has ended
  kicked,        ///< by the operator
  gave_way,      ///< silent, and its user, at the quota's end, needed the place
  cut_off,       ///< its credential, or the bytes or the time of its class, have ended
  stopped,       ///< the server stops
};
inline constexpr size_t kEndReasons = 7;

std::string_view name_of(EndReason reason);

}  // namespace uturn
