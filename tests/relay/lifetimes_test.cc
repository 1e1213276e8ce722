// Lifetimes: nothing outlives its deadline, and no pass ends more than its share.
#include "tests/relay/test_relay.h"

namespace uturn {
namespace {

TEST(Expire, OfMoreThanAPassMayEndTheRestIsDueAtOnce) {
  TestRelay relay({.ports = {50'000, 51'999}, .authenticates = false});
  constexpr uint32_t kMany = kExpirationsPerPass + 50;
  for (uint32_t i = 0; i < kMany; ++i) {
    ASSERT_TRUE(relay.client("192.0.2.1:" + std::to_string(4'000 + i)).allocate().is_success());
  }
  relay.passes_unswept(601s);
  relay.at().expire(relay.now);
  EXPECT_EQ(relay.at().allocations(), 50u);
  EXPECT_LE(relay.at().next_deadline(), relay.now.monotonic);
  relay.at().expire(relay.now);
  EXPECT_EQ(relay.at().allocations(), 0u);
}

TEST(Expire, LeavesNothingBehind) {
  TestRelay relay({.has_slow_directory = true});
  auto& alice = relay.client("192.0.2.1:4000");
  alice.allocate([](auto& m) { m.add_even_port(true); });
  alice.bind_channel(0x4000, "198.51.100.7:5000");
  alice.create_permission("198.51.100.8:0");
  relay.client("192.0.2.2:4000", "carol").allocate();
  relay.passes(3601s);
  EXPECT_EQ(relay.at().allocations(), 0u);
  EXPECT_EQ(relay.at().reservations(), 0u);
  EXPECT_EQ(relay.at().pending(), 0u);
  EXPECT_EQ(relay.at().next_deadline(), kNever);
  EXPECT_EQ(relay.ports.taken(), 0u);
  EXPECT_EQ(relay.quota.held(), 0u);
  EXPECT_EQ(relay.quota.users(), 0u);
  EXPECT_EQ(relay.sockets().open_now() + relay.sockets().held_now(), 0u);
}

TEST(CloseAll, ReturnsEverythingInTheMiddleOfLife) {
  TestRelay relay({.has_slow_directory = true, .shards = 2});
  auto& alice = relay.client("192.0.2.1:4000");
  const Message first = alice.allocate([](auto& m) { m.add_even_port(true); });
  alice.bind_channel(0x4000, "198.51.100.7:5000");
  relay.client("192.0.2.2:4000", "carol").allocate();
  relay.client("192.0.2.1:4001", "alice", 1).allocate([&](auto& m) {
    m.add_u64(AttributeType::reservation_token, *first.token());
  });
  relay.close_all();
  EXPECT_EQ(relay.at().allocations(), 0u);
  EXPECT_EQ(relay.at().reservations(), 0u);
  EXPECT_EQ(relay.ports.taken(), 0u);
  EXPECT_EQ(relay.quota.held(), 0u);
}

}  // namespace
}  // namespace uturn
