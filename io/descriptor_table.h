// The kernel's table of this process's descriptors, made long enough before anybody is served.
#pragma once

#include <cstdint>

namespace uturn {

/// That table grows by doubling, and while the process has more than one thread the one that meets
/// its end waits for an RCU grace period: 10 to 20 ms during which a shard relays nothing. It never
/// shrinks, so that one long enough for `count` descriptors (8 bytes each) is made here, at start.
/// Beyond RLIMIT_NOFILE, or without memory for it, it grows when it must, as ever.
void lengthen_descriptor_table(uint64_t count);

}  // namespace uturn
