// LooseSocket: a socket that no loop owns, on its way to one.
#pragma once

namespace uturn {

/// Listeners are bound before any shard reads; reservations and connections change shards. Plain
/// data, so that it can cross threads: adopt it, or close it by Loop::close_loose().
struct LooseSocket {
  int handle = -1;
};

}  // namespace uturn
