// The error queue of a relay socket: ICMP errors that routers and peers sent back.
#pragma once

#include <cstddef>
#include <span>

#include "io/loop.h"

namespace uturn {

/// Reads at most `into.size()` entries by plain recvmsg, and returns how many of them were ICMP or
/// ICMPv6 errors: those stand at the front of `into`, with destination, type, code and data; the
/// caller adds socket and tag. `exhausted` is set when the queue was found empty.
///
/// Afterwards no error is pending on the socket, even where the queue was left half read: the next
/// send must not fail for what an earlier one met.
struct ErrorQueueRead {
  size_t errors = 0;
  bool exhausted = false;
};
ErrorQueueRead read_error_queue(int fd, std::span<IcmpError> into);

/// How often a send or receive that failed so deserves to be repeated: the error may be one that
/// was pending on the socket, an ICMP error of another destination, and by failing it is taken.
/// 0: the failure was this call's own.
int repeats_after(int error_number);

}  // namespace uturn
