// Everybody comes back at once after an outage: whoever keeps to RFC 8489's retransmission gets an
// allocation, under the limits that the server has by default.
#include "tests/simulation/world/allocate_storm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/config.h"
#include "tests/simulation/world/accounts.h"

namespace uturn {
namespace {

using testing::IsEmpty;

/// The defaults of the configuration; only relay addresses and descriptors are more, so that there
/// is room for everybody at all.
ServerSpec server_of_defaults() {
  const Config defaults;
  ServerSpec spec;
  spec.shards = 2;
  spec.relay_addresses = 4;
  spec.ports = defaults.relay.ports;
  spec.limits = defaults.limits;
  spec.loop = LoopSettings{.max_sockets = 60'000};
  spec.listener_buffer = static_cast<int>(defaults.server.listener_buffer);
  return spec;
}

void expect_everybody_allocated(const AllocateStorm& storm, uint32_t clients) {
  EXPECT_EQ(storm.allocated(), clients);
  EXPECT_THAT(storm.failures(), IsEmpty());
  EXPECT_EQ(storm.server().ports_taken(), clients);
  EXPECT_EQ(storm.server().quota_held(), clients);
}

void expect_nothing_remains(const AllocateStorm& storm) {
  EXPECT_TRUE(storm.is_silent());
  EXPECT_THAT(remains(storm.server()), IsEmpty());
  EXPECT_THAT(wrong_fates(storm.server()), IsEmpty());
  EXPECT_THAT(storm.laws().violations(), IsEmpty());
}

// Half of them behind one address, so that its burst is spent, and 10,000 requests a second for
// each core, so that the receive buffers overflow besides what the network loses.
TEST(AllocateStorm, FiftyThousandClientsAllGetAnAllocation) {
  StormSpec spec;
  spec.clients = 50'000;
  spec.addresses = 64;
  spec.behind_one_address = 25'000;
  spec.weather = {.lost = 30,
                  .duplicated = 10,
                  .shortest_delay = std::chrono::milliseconds(5),
                  .longest_delay = std::chrono::milliseconds(80)};
  spec.server = server_of_defaults();
  spec.server.work_per_datagram = std::chrono::microseconds(100);
  AllocateStorm storm(spec, 1);

  storm.allocate();
  expect_everybody_allocated(storm, spec.clients);
  EXPECT_GT(storm.dropped_for(DropReason::answer_rate), 0u) << "no limit was put to the test";
  EXPECT_GT(storm.kernel_drops(), 0u) << "the server was never too slow";

  storm.release();
  EXPECT_EQ(storm.released(), spec.clients);
  EXPECT_THAT(storm.failures(), IsEmpty());

  storm.silence();
  expect_nothing_remains(storm);
}

/// Limits that half of the first requests meet, in a network that loses nothing.
StormSpec storm_under_tight_limits() {
  StormSpec spec;
  spec.clients = 2'000;
  spec.addresses = 4;
  spec.server = server_of_defaults();
  spec.server.limits.answers_per_second = 50;
  spec.server.limits.answers_burst = 100;
  return spec;
}

TEST(AllocateStorm, RetransmissionGetsThroughTightLimits) {
  const StormSpec spec = storm_under_tight_limits();
  AllocateStorm storm(spec, 2);
  storm.allocate();
  expect_everybody_allocated(storm, spec.clients);
  EXPECT_GT(storm.dropped_for(DropReason::answer_rate), 0u);
}

// Each request that meets the limit is a client lost: what the storms above would tell of a server
// that loses somebody.
TEST(AllocateStorm, WhoNeverRetransmitsIsLost) {
  StormSpec spec = storm_under_tight_limits();
  spec.retransmission.request_count = 1;
  AllocateStorm storm(spec, 2);
  storm.allocate();
  const uint64_t lost = storm.dropped_for(DropReason::answer_rate);
  EXPECT_GT(lost, 0u);
  EXPECT_EQ(storm.allocated(), spec.clients - lost);
  EXPECT_EQ(storm.failures().size(), lost);

  storm.release();
  storm.silence();
  expect_nothing_remains(storm);
}

}  // namespace
}  // namespace uturn
