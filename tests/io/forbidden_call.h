// System calls that the test's own thread may not make, as in containers with a narrow seccomp
// profile.
#pragma once

#include <cerrno>
#include <cstdint>
#include <optional>

namespace uturn {

/// An argument of a system call; the lower 32 bits are compared.
struct CallArgument {
  uint32_t index = 0;
  uint32_t value = 0;
};

/// From here on this thread, and no other, gets `error` for `call`: always, or where it has the
/// argument. False where this machine allows no filters.
bool forbid_call(long call, int error = EPERM, std::optional<CallArgument> only_with = {});

/// Whether forbid_call() works, tried in a thread of its own.
bool can_forbid_calls();

}  // namespace uturn
