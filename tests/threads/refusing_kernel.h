// RefusingKernel: a kernel that lacks something, for one thread and those it starts.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace uturn {

/// A system call that is refused with this error, where its first argument is this one.
struct Refusal {
  uint32_t call = 0;
  std::optional<uint32_t> first_argument;
  int error = 0;
};

/// Runs `body` in a thread to which the kernel refuses these calls (seccomp), in a network
/// namespace of its own whose loopback is up. False where that cannot be had.
bool run_refused(const std::vector<Refusal>& refusals, const std::function<void()>& body);

}  // namespace uturn
