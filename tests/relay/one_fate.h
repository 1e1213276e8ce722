// one_fate(): a datagram that arrives at a relay meets one fate.
#pragma once

#include <gtest/gtest.h>

#include "server/relay/relay.h"

namespace uturn {

/// `arrive` hands one datagram to the relay. One that takes the shortcut to an allocation of the
/// same shard arrives once more there; one that is handed over does not arrive here.
template <class Arrive>
Outcome one_fate(const Relay& relay, Arrive arrive) {
  const RelayCounters before = relay.counters();
  Outcome outcome = arrive();
  const RelayCounters after = relay.counters();
  EXPECT_EQ(after.datagrams_in - before.datagrams_in + after.handed_over - before.handed_over,
            1 + after.shortcuts_here - before.shortcuts_here);
  return outcome;
}

}  // namespace uturn
