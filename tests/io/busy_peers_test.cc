// The vote on a relay socket's busiest peer.
#include "io/busy_peers.h"

#include <gtest/gtest.h>

#include "tests/io/loop_harness.h"

namespace uturn {
namespace {

constexpr SocketId kRelay{3, 1};
constexpr SocketId kTwin{7, 1};

class BusyPeersVote : public testing::Test {
 protected:
  SocketId send_to(std::string_view to, IpFields ip = {}, int times = 1) {
    SocketId by;
    for (int i = 0; i < times; ++i) by = peers.vote(kRelay, {kRelay, at(to), {}, {}, ip});
    return by;
  }
  /// The end of a pass. Returns whom a twin was connected to, in order.
  std::vector<TransportAddress> connect(bool can_open = true, bool can_connect = true) {
    std::vector<TransportAddress> connected;
    now += BusyPeers::kPause;
    peers.connect_busy(
        now,
        [&](SocketId owner) {
          EXPECT_EQ(owner, kRelay);
          ++opened;
          return can_open ? kTwin : SocketId{};
        },
        [&](SocketId twin, const BusyPeers::Peer& peer) {
          EXPECT_EQ(twin, kTwin);
          connected.push_back(peer.to);
          return can_connect;
        });
    return connected;
  }

  BusyPeers peers{16, 4};
  Instant now{};
  int opened = 0;
};

constexpr std::string_view kAlice = "192.0.2.1:5000";
constexpr std::string_view kBob = "192.0.2.2:5000";

TEST_F(BusyPeersVote, NobodyIsBusyBeforeManySends) {
  EXPECT_FALSE(send_to(kAlice, {}, BusyPeers::kBusy - 1).is_valid());
  EXPECT_TRUE(connect().empty());
  EXPECT_EQ(opened, 0);
}

TEST_F(BusyPeersVote, ABusyPeerGetsATwinAndIsSentToByIt) {
  EXPECT_FALSE(send_to(kAlice, {}, BusyPeers::kBusy).is_valid()) << "not before the pass ends";
  EXPECT_EQ(connect(), std::vector{at(kAlice)});
  EXPECT_EQ(send_to(kAlice), kTwin);
  EXPECT_EQ(peers.twin_of(kRelay), kTwin);
  EXPECT_EQ(peers.twins(), 1u);
}

TEST_F(BusyPeersVote, WhatHasOtherFieldsOrAnotherPortLeavesByTheRelaySocket) {
  send_to(kAlice, {10, 1, 63, false, {}}, BusyPeers::kBusy);
  connect();
  EXPECT_EQ(send_to(kAlice, {10, 1, 63, false, {}}), kTwin);
  EXPECT_FALSE(send_to(kAlice, {10, 3, 63, false, {}}).is_valid());
  EXPECT_FALSE(send_to(kAlice, {11, 1, 63, false, {}}).is_valid());
  EXPECT_FALSE(send_to(kAlice, {10, 1, 62, false, {}}).is_valid());
  EXPECT_FALSE(send_to("192.0.2.1:5001", {10, 1, 63, false, {}}).is_valid());
  EXPECT_EQ(send_to(kAlice, {10, 1, 63, false, {}}), kTwin) << "five others do not outvote it";
}

TEST_F(BusyPeersVote, TwoPeersThatTakeTurnsOutvoteEachOther) {
  for (int i = 0; i < 1'000; ++i) {
    send_to(kAlice);
    send_to(kBob);
  }
  EXPECT_TRUE(connect().empty());
}

TEST_F(BusyPeersVote, APeerWithMostOfTheTrafficWinsAmongMany) {
  for (int i = 0; i < 400; ++i) {
    send_to(kAlice, {}, 3);
    send_to("192.0.2.9:" + std::to_string(1'000 + i));
  }
  EXPECT_EQ(connect(), std::vector{at(kAlice)});
}

TEST_F(BusyPeersVote, AnotherBusyPeerTakesTheTwinOverInTheEnd) {
  send_to(kAlice, {}, 10'000);
  connect();
  EXPECT_FALSE(send_to(kBob, {}, BusyPeers::kMostVotes).is_valid());
  EXPECT_EQ(send_to(kAlice), kTwin) << "connected to her until somebody else is";
  send_to(kBob, {}, BusyPeers::kMostVotes + BusyPeers::kBusy + 2);
  EXPECT_EQ(connect(), std::vector{at(kBob)});
  EXPECT_EQ(opened, 1) << "the same twin";
  EXPECT_EQ(send_to(kBob), kTwin);
  EXPECT_EQ(peers.twins(), 1u);
}

TEST_F(BusyPeersVote, WhereNoTwinCanBeHadItIsTriedAgainAfterAsManySends) {
  send_to(kAlice, {}, BusyPeers::kBusy);
  EXPECT_TRUE(connect(false).empty());
  send_to(kAlice, {}, BusyPeers::kBusy - 1);
  EXPECT_TRUE(connect().empty());
  EXPECT_EQ(opened, 1);
  send_to(kAlice);
  EXPECT_EQ(connect(), std::vector{at(kAlice)});
}

TEST_F(BusyPeersVote, ATwinThatCannotBeConnectedIsNotSentBy) {
  send_to(kAlice, {}, BusyPeers::kBusy);
  connect(true, false);
  EXPECT_FALSE(send_to(kAlice).is_valid());
  EXPECT_EQ(peers.twin_of(kRelay), kTwin) << "it goes with its relay socket";
  EXPECT_EQ(peers.twins(), 1u);
}

TEST_F(BusyPeersVote, TwinsAreLimitedAndALimitOfNoneAsksForNone) {
  for (const uint32_t limit : {2u, 0u}) {
    BusyPeers few{16, limit};
    uint32_t asked = 0;
    for (uint32_t slot = 0; slot < 8; ++slot) {
      for (int i = 0; i < BusyPeers::kBusy; ++i) {
        few.vote({slot, 1}, {{slot, 1}, at(kAlice), {}, {}, {}});
      }
      few.connect_busy(
          now += BusyPeers::kPause,
          [&](SocketId owner) { return ++asked, SocketId{owner.slot + 8, 1}; },
          [](SocketId, const BusyPeers::Peer&) { return true; });
    }
    EXPECT_EQ(few.twins(), limit);
    EXPECT_EQ(asked, limit);
    few.forget({0, 1});
    EXPECT_EQ(few.twins(), limit > 0 ? 1u : 0u);
  }
}

TEST_F(BusyPeersVote, AThousandCallsThatBeginAtOnceGetTheirTwinsOneByOne) {
  constexpr uint32_t kCalls = 1'000;
  BusyPeers many{2 * kCalls, kCalls};
  Instant at_last{};
  for (Duration passed{}; many.twins() < kCalls && passed < std::chrono::seconds(3);
       passed += std::chrono::microseconds(100)) {
    const uint32_t before = many.twins();
    for (uint32_t slot = 0; slot < kCalls; ++slot) {
      for (int i = 0; i < (passed == Duration{} ? BusyPeers::kBusy : 1); ++i) {
        many.vote({slot, 1}, {{slot, 1}, at(kAlice), {}, {}, {}});
      }
    }
    many.connect_busy(
        now + passed, [](SocketId owner) { return SocketId{owner.slot + kCalls, 1}; },
        [](SocketId, const BusyPeers::Peer&) { return true; });
    ASSERT_LE(many.twins(), before + 1);
    if (many.twins() == before) continue;
    ASSERT_TRUE(before == 0 || now + passed - at_last >= BusyPeers::kPause);
    at_last = now + passed;
  }
  EXPECT_EQ(many.twins(), kCalls);
}

TEST_F(BusyPeersVote, ASlotsNextLifeBeginsWithoutVotes) {
  send_to(kAlice, {}, BusyPeers::kBusy);
  peers.forget(kRelay);
  EXPECT_TRUE(connect().empty());
  EXPECT_FALSE(peers.twin_of(kRelay).is_valid());
}

}  // namespace
}  // namespace uturn
