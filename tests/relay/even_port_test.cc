// EVEN-PORT and RESERVATION-TOKEN (RFC 8656, Sections 7.2, 18.7 and 18.10).
#include "tests/relay/test_relay.h"

namespace uturn {
namespace {

const auto kEven = [](MessageBuilder& m) { m.add_even_port(false); };
const auto kPair = [](MessageBuilder& m) { m.add_even_port(true); };
Body with_token(const Message& answer) {
  return [token = *answer.token()](MessageBuilder& m) {
    m.add_u64(AttributeType::reservation_token, token);
  };
}

TEST(EvenPort, WithoutReservationIsEvenAndHoldsNothingElse) {
  TestRelay relay;
  for (int i = 0; i < 20; ++i) {
    const Message answer = relay.client("192.0.2.1:" + std::to_string(4000 + i)).allocate(kEven);
    EXPECT_EQ(answer.relayed().port % 2, 0);
    EXPECT_FALSE(answer.token());
  }
  EXPECT_EQ(relay.ports.taken(), 20u);
}

TEST(EvenPort, WithReservationHoldsTheNextPortForTheToken) {
  TestRelay relay;
  const Message first = relay.client("192.0.2.1:4000").allocate(kPair);
  ASSERT_TRUE(first.token());
  EXPECT_EQ(first.relayed().port % 2, 0);
  EXPECT_EQ(relay.sockets().held_now(), 1u);
  const Message second = relay.client("192.0.2.1:4001").allocate(with_token(first));
  ASSERT_TRUE(second.is_success());
  EXPECT_EQ(second.relayed().ip, first.relayed().ip);
  EXPECT_EQ(second.relayed().port, first.relayed().port + 1);
  EXPECT_FALSE(second.token());
  EXPECT_EQ(relay.at().reservations(), 0u);
  EXPECT_EQ(relay.counters().reservations_redeemed, 1u);
}

TEST(EvenPort, MalformedIsABadRequest) {
  TestRelay relay;
  const Message answer = relay.client("192.0.2.1:4000").allocate([](auto& m) {
    m.add_u32(AttributeType::even_port, 0x8000'0000);
  });
  EXPECT_EQ(answer.error(), 400);
}

TEST(EvenPort, WithoutAPairLeftIsBeyondCapacity) {
  TestRelay relay({.ports = {50'001, 50'002}});
  EXPECT_EQ(relay.client("192.0.2.1:4000").allocate(kPair).error(), 508);
  EXPECT_TRUE(relay.client("192.0.2.1:4000").allocate(kEven).is_success());
  EXPECT_EQ(relay.client("192.0.2.1:4001").allocate(kEven).error(), 508);
  EXPECT_EQ(relay.ports.taken(), 1u);
}

TEST(EvenPort, OccupiedNeighbourMovesThePairElsewhere) {
  TestRelay relay;
  relay.sockets().occupy_next(1);
  EXPECT_TRUE(relay.client("192.0.2.1:4000").allocate(kPair).is_success());
  EXPECT_EQ(relay.ports.resting(), 1u);
  EXPECT_EQ(relay.ports.taken(), 2u);
}

TEST(EvenPort, SixteenOccupiedPairsAreEnough) {
  TestRelay relay;
  relay.sockets().occupy_next(1'000);
  EXPECT_EQ(relay.client("192.0.2.1:4000").allocate(kPair).error(), 508);
  EXPECT_EQ(relay.ports.taken(), 0u);
}

TEST(EvenPort, DescriptorForOneOfTwoGivesBothPortsBack) {
  TestRelay relay;
  relay.sockets().exhaust_after(1);
  EXPECT_EQ(relay.client("192.0.2.1:4000").allocate(kPair).error(), 508);
  EXPECT_EQ(relay.ports.taken(), 0u);
  EXPECT_EQ(relay.sockets().held_now(), 0u);
}

TEST(EvenPort, ReservationsAreBounded) {
  TestSettings settings;
  settings.relay.limits.reservations = 2;
  TestRelay relay(std::move(settings));
  EXPECT_TRUE(relay.client("192.0.2.1:4000").allocate(kPair).is_success());
  EXPECT_TRUE(relay.client("192.0.2.1:4001").allocate(kPair).is_success());
  EXPECT_EQ(relay.client("192.0.2.1:4002").allocate(kPair).error(), 508);
  EXPECT_TRUE(relay.client("192.0.2.1:4003").allocate(kEven).is_success());
}

TEST(ReservationToken, OfAnotherUserIsNotValid) {
  TestRelay relay;
  const Message first = relay.client("192.0.2.1:4000").allocate(kPair);
  auto& bob = relay.client("192.0.2.1:4001", "bob");
  EXPECT_EQ(bob.allocate(with_token(first)).error(), 508);
  EXPECT_EQ(relay.at().reservations(), 1u) << "a stranger's attempt uses nothing up";
  EXPECT_TRUE(relay.client("192.0.2.1:4002").allocate(with_token(first)).is_success());
}

TEST(ReservationToken, IsGoodOnce) {
  TestRelay relay;
  const Message first = relay.client("192.0.2.1:4000").allocate(kPair);
  EXPECT_TRUE(relay.client("192.0.2.1:4001").allocate(with_token(first)).is_success());
  EXPECT_EQ(relay.client("192.0.2.1:4002").allocate(with_token(first)).error(), 508);
}

TEST(ReservationToken, IsHeldForThirtySecondsAndNotLonger) {
  TestRelay relay;
  const Message kept = relay.client("192.0.2.1:4000").allocate(kPair);
  relay.passes(30s - 1ms);
  EXPECT_TRUE(relay.client("192.0.2.1:4001").allocate(with_token(kept)).is_success());
  const Message lost = relay.client("192.0.2.1:4002").allocate(kPair);
  relay.passes(30s);
  EXPECT_EQ(relay.client("192.0.2.1:4003").allocate(with_token(lost)).error(), 508);
  relay.passes(1s);
  EXPECT_EQ(relay.at().reservations(), 0u);
  EXPECT_EQ(relay.sockets().held_now(), 0u);
  EXPECT_EQ(relay.counters().reservations_expired, 1u);
}

TEST(ReservationToken, OutlivesTheAllocationThatReserved) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000");
  const Message first = alice.allocate(kPair);
  alice.refresh(0);
  EXPECT_TRUE(relay.client("192.0.2.1:4001").allocate(with_token(first)).is_success());
}

TEST(ReservationToken, WithOtherWishesIsABadRequest) {
  TestRelay relay;
  const Message first = relay.client("192.0.2.1:4000").allocate(kPair);
  const Body token = with_token(first);
  auto& other = relay.client("192.0.2.1:4001");
  EXPECT_EQ(other.allocate([&](auto& m) { token(m), kEven(m); }).error(), 400);
  for (const auto type :
       {AttributeType::requested_address_family, AttributeType::additional_address_family}) {
    const auto with_family = [&](auto& m) { token(m), m.add_family(type, AddressFamily::ipv6); };
    EXPECT_EQ(other.allocate(with_family).error(), 400);
  }
  EXPECT_EQ(relay.at().reservations(), 1u);
}

TEST(ReservationToken, MalformedIsABadRequestAndUnknownIsBeyondCapacity) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000");
  EXPECT_EQ(alice.allocate([](auto& m) { m.add_u32(AttributeType::reservation_token, 1); }).error(),
            400);
  EXPECT_EQ(alice.allocate([](auto& m) { m.add_u64(AttributeType::reservation_token, 1); }).error(),
            508);
  const uint64_t of_no_shard = uint64_t{200} << 56;
  EXPECT_EQ(
      alice.allocate([&](auto& m) { m.add_u64(AttributeType::reservation_token, of_no_shard); })
          .error(),
      508);
}

TEST(ReservationToken, CountsLikeTheAllocationItIsFor) {
  TestRelay relay({.quota = {.allocations_per_user = 2}});
  auto& alice = relay.client("192.0.2.1:4000");
  const Message first = alice.allocate(kPair);
  auto& second = relay.client("192.0.2.1:4001");
  EXPECT_EQ(second.allocate().error(), 486);
  EXPECT_TRUE(second.allocate(with_token(first)).is_success());
  EXPECT_EQ(relay.quota.held(), 2u);
}

// Whoever deletes the allocation and keeps the reservation goes on being counted for it.
TEST(ReservationToken, OutlivingItsAllocationStillCounts) {
  TestRelay relay({.quota = {.allocations_per_user = 2}});
  auto& alice = relay.client("192.0.2.1:4000");
  alice.allocate(kPair);
  alice.refresh(0);
  EXPECT_EQ(alice.allocate(kPair).error(), 486);
  relay.passes(31s);
  EXPECT_TRUE(alice.allocate(kPair).is_success());
}

TEST(EvenPort, APairBeyondTheQuotaIsRefused) {
  TestRelay relay({.quota = {.allocations_per_user = 1}});
  auto& alice = relay.client("192.0.2.1:4000");
  EXPECT_EQ(alice.allocate(kPair).error(), 486);
  EXPECT_EQ(relay.ports.taken(), 0u);
}

TEST(ReservationToken, SocketThatCannotBeReadIsBeyondCapacity) {
  TestRelay relay;
  const Message first = relay.client("192.0.2.1:4000").allocate(kPair);
  relay.sockets().exhaust(true);
  EXPECT_EQ(relay.client("192.0.2.1:4001").allocate(with_token(first)).error(), 508);
  EXPECT_EQ(relay.ports.taken(), 1u);
  EXPECT_EQ(relay.quota.held(), 1u);
}

TEST(ReservationToken, WithDontFragmentAcrossFamiliesIsUnknown) {
  TestRelay relay;
  const Message first = relay.client("192.0.2.1:4000").allocate([](auto& m) {
    m.add_family(AttributeType::requested_address_family, AddressFamily::ipv6).add_even_port(true);
  });
  const Body token = with_token(first);
  const Message answer = relay.client("192.0.2.1:4001").allocate([&](auto& m) {
    token(m), m.add_flag(AttributeType::dont_fragment);
  });
  EXPECT_EQ(answer.error(), 420);
  EXPECT_EQ(answer.unknown(), std::vector{AttributeType::dont_fragment});
}

TEST(ReservationToken, OfAnotherShardIsFetchedFromThere) {
  TestRelay relay({.shards = 2});
  const Message first = relay.client("192.0.2.1:4000", "alice", 0).allocate(kPair);
  auto& other = relay.client("192.0.2.1:4001", "alice", 1);
  EXPECT_TRUE(other.allocate(with_token(first)).is_none());
  EXPECT_TRUE(relay.last_was_deferred());
  EXPECT_TRUE(other.repeat().is_none()) << "a retransmission joins";
  EXPECT_EQ(relay.questions_between_shards(), 1u);
  relay.shards_answer();
  const Message second = other.answer();
  ASSERT_TRUE(second.is_success());
  EXPECT_EQ(second.relayed().port, first.relayed().port + 1);
  EXPECT_TRUE(other.hears_nothing());
  EXPECT_EQ(relay.at(0).reservations(), 0u);
  EXPECT_EQ(relay.at(1).allocations(), 1u);
}

TEST(ReservationToken, OfAnotherShardAndAnotherUserIsNotValid) {
  TestRelay relay({.shards = 2});
  const Message first = relay.client("192.0.2.1:4000", "alice", 0).allocate(kPair);
  auto& bob = relay.client("192.0.2.1:4001", "bob", 1);
  bob.allocate(with_token(first));
  relay.shards_answer();
  EXPECT_EQ(bob.answer().error(), 508);
  EXPECT_EQ(relay.at(0).reservations(), 1u);
}

TEST(ReservationToken, WithoutAWayToTheOtherShardIsBeyondCapacity) {
  TestRelay relay({.shards = 2});
  const Message first = relay.client("192.0.2.1:4000", "alice", 0).allocate(kPair);
  relay.others(1).fill_up(true);
  EXPECT_EQ(relay.client("192.0.2.1:4001", "alice", 1).allocate(with_token(first)).error(), 508);
  EXPECT_EQ(relay.at(1).pending(), 0u);
  EXPECT_EQ(relay.at(0).reservations(), 1u);
}

TEST(ReservationToken, WhoseAnswerComesTooLateGivesItsPortBack) {
  TestRelay relay({.shards = 2});
  const Message first = relay.client("192.0.2.1:4000", "alice", 0).allocate(kPair);
  auto& other = relay.client("192.0.2.1:4001", "alice", 1);
  other.allocate(with_token(first));
  relay.passes(11s);
  EXPECT_EQ(relay.at(1).pending(), 0u);
  relay.shards_answer();
  EXPECT_TRUE(other.hears_nothing());
  EXPECT_EQ(relay.ports.taken(), 1u);
  EXPECT_EQ(relay.sockets(1).held_now(), 0u);
}

TEST(ReservationToken, ArrivingAfterAnotherAllocateOnTheFiveTupleIsAMismatch) {
  TestRelay relay({.shards = 2});
  const Message first = relay.client("192.0.2.1:4000", "alice", 0).allocate(kPair);
  auto& other = relay.client("192.0.2.1:4001", "alice", 1);
  other.allocate(with_token(first));
  EXPECT_TRUE(other.allocate().is_success());
  relay.shards_answer();
  EXPECT_EQ(other.answer().error(), 437);
  EXPECT_EQ(relay.ports.taken(), 2u);
}

TEST(ReservationToken, FetchedFromAnotherShardBringsItsQuotaAlong) {
  TestRelay relay({.quota = {.allocations_per_user = 2}, .shards = 2});
  const Message first = relay.client("192.0.2.1:4000", "alice", 0).allocate(kPair);
  auto& other = relay.client("192.0.2.1:4001", "alice", 1);
  other.allocate(with_token(first));
  relay.shards_answer();
  EXPECT_TRUE(other.answer().is_success());
  EXPECT_EQ(relay.quota.held(), 2u);
}

}  // namespace
}  // namespace uturn
