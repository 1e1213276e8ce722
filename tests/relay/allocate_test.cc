// Allocate: every check of RFC 8656, Section 7.2, in its order, and what a success says.
#include "tests/relay/test_relay.h"

namespace uturn {
namespace {

const auto kWithV6 = [](MessageBuilder& m) {
  m.add_family(AttributeType::requested_address_family, AddressFamily::ipv6);
};

TEST(Allocate, SaysWhatWasAllocatedAndHowTheClientLooks) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000");
  const Message answer = alice.allocate();
  ASSERT_TRUE(answer.is_success());
  EXPECT_EQ(answer.relayed().ip, ip_at("203.0.113.10"));
  EXPECT_TRUE((PortRange{50'000, 50'099}.contains(answer.relayed().port)));
  EXPECT_EQ(answer.lifetime(), 600u);
  EXPECT_EQ(answer.address(AttributeType::xor_mapped_address), address("192.0.2.1:4000"));
  EXPECT_EQ(answer.text(AttributeType::software), "uturn");
  EXPECT_FALSE(answer.has(AttributeType::reservation_token));
  EXPECT_FALSE(answer.has(AttributeType::address_error_code));
  EXPECT_EQ(relay.sockets().open_now(), 1u);
  EXPECT_TRUE(relay.ports.held().is_held(answer.relayed()));
}

TEST(Allocate, SuccessIsSignedBySha256WhereTheRequestWas) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000");
  alice.signs_by_sha256();
  const Message answer = alice.allocate();  // the client verifies the signature
  EXPECT_TRUE(answer.is_success());
  EXPECT_TRUE(answer.has(AttributeType::message_integrity_sha256));
}

TEST(Allocate, WithoutCredentialsIsChallenged) {
  TestRelay relay;
  const Message answer = relay.client("192.0.2.1:4000").unsigned_request(Method::allocate);
  EXPECT_EQ(answer.error(), 401);
  EXPECT_EQ(answer.text(AttributeType::realm), "example.org");
  EXPECT_TRUE(answer.has(AttributeType::nonce));
  EXPECT_TRUE(answer.has(AttributeType::password_algorithms));
  EXPECT_EQ(relay.at().allocations(), 0u);
  EXPECT_EQ(relay.sockets().asked(), 0u);
}

TEST(Allocate, WithAWrongPasswordIsChallengedAgain) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000");
  alice.has_password("guess");
  EXPECT_EQ(alice.allocate().error(), 401);
  EXPECT_EQ(relay.observer.failures.size(), 1u);
}

TEST(Allocate, WithoutUsernameRealmOrNonceIsABadRequest) {
  TestRelay relay;
  const Message answer =
      relay.client("192.0.2.1:4000").unsigned_request(Method::allocate, [](auto& m) {
        m.add_integrity(bytes_of("0123456789abcdef"));
      });
  EXPECT_EQ(answer.error(), 400);
  EXPECT_FALSE(answer.has(AttributeType::nonce));
}

TEST(Allocate, WithAnAlienNonceIsToldAFreshOne) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000");
  alice.has_nonce("obMatJos2AAAAno-nonce-of-ours");
  const Message answer = alice.allocate();
  EXPECT_EQ(answer.error(), 438);
  ASSERT_TRUE(answer.has(AttributeType::nonce));
  alice.has_nonce(answer.text(AttributeType::nonce));
  EXPECT_TRUE(alice.allocate().is_success());
}

TEST(Allocate, AfterAnHourTheNonceIsStale) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000");
  alice.allocate();
  relay.passes(500s);
  alice.refresh(3600);
  relay.passes(3550s);
  EXPECT_EQ(alice.refresh(600).error(), 438);
  EXPECT_EQ(relay.at().allocations(), 1u);
}

TEST(Allocate, WithoutAuthenticationIsServedUnsigned) {
  TestRelay relay({.authenticates = false});
  const Message answer = relay.client("192.0.2.1:4000").allocate();
  EXPECT_TRUE(answer.is_success());
  EXPECT_FALSE(answer.has(AttributeType::message_integrity));
}

TEST(Allocate, UnknownAttributesAreNamed) {
  TestRelay relay;
  const Message answer = relay.client("192.0.2.1:4000").allocate([](auto& m) {
    m.add_u32(AttributeType{0x7F01}, 1).add_u32(AttributeType::priority, 2);
    m.add_u32(AttributeType{0xFF01}, 3);  // comprehension-optional: ignored
  });
  EXPECT_EQ(answer.error(), 420);
  EXPECT_EQ(answer.unknown(), (std::vector{AttributeType{0x7F01}, AttributeType::priority}));
  EXPECT_TRUE(answer.has(AttributeType::message_integrity));
}

TEST(Allocate, UnknownAttributesAreNotDiscussedWithStrangers) {
  TestRelay relay;
  const Message answer =
      relay.client("192.0.2.1:4000").unsigned_request(Method::allocate, [](auto& m) {
        m.add_u32(AttributeType{0x7F01}, 1);
      });
  EXPECT_EQ(answer.error(), 401);
}

TEST(Allocate, SecondOnTheFiveTupleIsAMismatch) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000");
  alice.allocate();
  const Message second = alice.allocate();
  EXPECT_EQ(second.error(), 437);
  EXPECT_EQ(second.reason(), "Allocation Mismatch");
  EXPECT_EQ(relay.client("192.0.2.1:4000", "bob").allocate().error(), 437);
  EXPECT_EQ(relay.at().allocations(), 1u);
  EXPECT_TRUE(relay.client("192.0.2.1:4001").allocate().is_success()) << "another five-tuple";
}

TEST(Allocate, RetransmissionIsAnsweredWithTheSameAddressesAndTokenAndTheLifetimeLeft) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000");
  const Message first = alice.allocate([](auto& m) { m.add_even_port(true); });
  relay.passes(7s);
  const Message again = alice.repeat();
  ASSERT_TRUE(again.is_success());
  EXPECT_EQ(again.relayed(), first.relayed());
  EXPECT_EQ(again.token(), first.token());
  EXPECT_EQ(again.lifetime(), 593u);
  EXPECT_EQ(relay.at().allocations(), 1u);
  EXPECT_EQ(relay.at().reservations(), 1u);
}

TEST(Allocate, RetransmissionRepeatsTheAddressErrorToo) {
  TestRelay relay({.relay_addresses = {"203.0.113.10"}});
  auto& alice = relay.client("192.0.2.1:4000");
  const auto both = [](MessageBuilder& m) {
    m.add_family(AttributeType::additional_address_family, AddressFamily::ipv6);
  };
  const Message first = alice.allocate(both);
  EXPECT_EQ(alice.repeat().bytes(), first.bytes());
}

TEST(Allocate, RetransmissionAfterTheAllocationEndedIsNotAnsweredWithANegativeLifetime) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000");
  alice.allocate();
  relay.passes_unswept(605s);
  const Message again = alice.repeat();  // by now it asks for a new allocation
  ASSERT_TRUE(again.is_success());
  EXPECT_EQ(again.lifetime(), 600u);
  EXPECT_EQ(relay.counters().allocations_made, 2u);
  EXPECT_EQ(relay.counters().allocations_expired, 1u);
  EXPECT_EQ(relay.sockets().open_now(), 1u);
}

TEST(Allocate, WithoutRequestedTransportIsABadRequest) {
  TestRelay relay;
  EXPECT_EQ(relay.client("192.0.2.1:4000").request(Method::allocate).error(), 400);
}

TEST(Allocate, MalformedRequestedTransportIsABadRequest) {
  TestRelay relay;
  const Message answer = relay.client("192.0.2.1:4000").request(Method::allocate, [](auto& m) {
    m.add(AttributeType::requested_transport, Bytes{});
  });
  EXPECT_EQ(answer.error(), 400);
}

TEST(Allocate, TransportOtherThanUdpIsUnsupported) {
  TestRelay relay;
  const Message answer = relay.client("192.0.2.1:4000").request(Method::allocate, [](auto& m) {
    m.add_requested_transport(6);
  });
  EXPECT_EQ(answer.error(), 442);
}

TEST(Allocate, UnknownFamilyIsNotSupported) {
  TestRelay relay;
  const Message answer = relay.client("192.0.2.1:4000").allocate([](auto& m) {
    m.add_u32(AttributeType::requested_address_family, 0x0300'0000);
  });
  EXPECT_EQ(answer.error(), 440);
}

TEST(Allocate, FamilyWithoutRelayAddressIsNotSupported) {
  TestRelay v4_only({.relay_addresses = {"203.0.113.10"}});
  EXPECT_EQ(v4_only.client("192.0.2.1:4000").allocate(kWithV6).error(), 440);
  TestRelay v6_only({.relay_addresses = {"2001:db8:feed::10"}});
  EXPECT_EQ(v6_only.client("192.0.2.1:4000").allocate().error(), 440);
}

TEST(Allocate, FamilyOfAnotherLengthIsABadRequest) {
  TestRelay relay;
  const Message answer = relay.client("192.0.2.1:4000").allocate([](auto& m) {
    m.add_u64(AttributeType::requested_address_family, 0x0100'0000'0000'0000);
  });
  EXPECT_EQ(answer.error(), 400);
}

TEST(Allocate, Ipv4IsTheDefaultFamilyForIpv6ClientsToo) {
  TestRelay relay;
  EXPECT_TRUE(relay.client("[2001:db8::1]:4000").allocate().relayed().ip.is_v4());
}

TEST(Allocate, TheDefaultFamilyMayFollowTheClientOrBeIpv6) {
  TestSettings keep;
  keep.relay.default_family = DefaultFamily::keep;
  TestRelay follows(std::move(keep));
  EXPECT_FALSE(follows.client("[2001:db8::1]:4000").allocate().relayed().ip.is_v4());
  EXPECT_TRUE(follows.client("192.0.2.1:4000").allocate().relayed().ip.is_v4());
  TestSettings v6;
  v6.relay.default_family = DefaultFamily::ipv6;
  TestRelay prefers(std::move(v6));
  EXPECT_FALSE(prefers.client("192.0.2.1:4000").allocate().relayed().ip.is_v4());
}

TEST(Allocate, RequestedFamilyIsServed) {
  TestRelay relay;
  EXPECT_EQ(relay.client("192.0.2.1:4000").allocate(kWithV6).relayed().ip,
            ip_at("2001:db8:feed::10"));
}

TEST(Allocate, DontFragmentIsHonouredFromIpv4ToIpv4) {
  TestRelay relay;
  const auto df = [](MessageBuilder& m) { m.add_flag(AttributeType::dont_fragment); };
  EXPECT_TRUE(relay.client("192.0.2.1:4000").allocate(df).is_success());
  EXPECT_TRUE(relay.client("[2001:db8::1]:4000").allocate(df).is_success());
}

// The DF bit of an IPv4 client's datagrams cannot be read (RFC 8656, Section 3.7).
TEST(Allocate, DontFragmentFromIpv4ToIpv6IsUnknown) {
  TestRelay relay;
  const Message answer = relay.client("192.0.2.1:4000").allocate([](auto& m) {
    kWithV6(m);
    m.add_flag(AttributeType::dont_fragment);
  });
  EXPECT_EQ(answer.error(), 420);
  EXPECT_EQ(answer.unknown(), std::vector{AttributeType::dont_fragment});
}

TEST(Allocate, LifetimeIsBetweenTheDefaultAndTheMaximum) {
  TestRelay relay;
  uint16_t port = 4000;
  for (const auto& [asked, granted] :
       std::vector<std::pair<uint32_t, uint32_t>>{{0, 600},
                                                  {1, 600},
                                                  {600, 600},
                                                  {601, 601},
                                                  {3600, 3600},
                                                  {3601, 3600},
                                                  {UINT32_MAX, 3600}}) {
    auto& client = relay.client("192.0.2.1:" + std::to_string(port++));
    const Message answer =
        client.allocate([asked = asked](auto& m) { m.add_u32(AttributeType::lifetime, asked); });
    EXPECT_EQ(answer.lifetime(), granted) << asked;
  }
}

TEST(Allocate, ExpiresAtItsInstant) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000");
  alice.allocate();
  relay.passes(599s);
  EXPECT_EQ(relay.at().allocations(), 1u);
  relay.passes(2s);
  EXPECT_EQ(relay.at().allocations(), 0u);
  EXPECT_EQ(relay.sockets().closed(), 1u);
  EXPECT_EQ(relay.ports.taken(), 0u);
  EXPECT_EQ(relay.quota.held(), 0u);
  EXPECT_TRUE(alice.allocate().is_success());
}

TEST(Allocate, DataDoesNotProlongIt) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000");
  alice.allocate();
  alice.bind_channel(0x4000, "198.51.100.7:5000");
  relay.passes(598s);
  alice.channel_data(0x4000, "still there");
  EXPECT_EQ(relay.sent_to_peer().data, "still there");
  relay.passes(3s);
  alice.channel_data(0x4000, "gone");
  EXPECT_EQ(relay.last_drop(), DropReason::no_allocation);
}

TEST(Allocate, UserAtTheQuotaIsRefusedAndMayComeBack) {
  TestRelay relay({.quota = {.allocations_per_user = 2}});
  auto& first = relay.client("192.0.2.1:4000");
  EXPECT_TRUE(first.allocate().is_success());
  EXPECT_TRUE(relay.client("192.0.2.2:4000").allocate().is_success());
  EXPECT_EQ(relay.client("192.0.2.3:4000").allocate().error(), 486);
  EXPECT_TRUE(relay.client("192.0.2.3:4000", "bob").allocate().is_success());
  first.refresh(0);
  EXPECT_TRUE(relay.client("192.0.2.3:4001").allocate().is_success());
}

TEST(Allocate, NetworkAtTheQuotaIsRefused) {
  TestRelay relay({.quota = {.allocations_per_client_ip = 1}});
  EXPECT_TRUE(relay.client("[2001:db8::1]:4000").allocate().is_success());
  EXPECT_EQ(relay.client("[2001:db8::2]:4000", "bob").allocate().error(), 486);
  EXPECT_TRUE(relay.client("[2001:db8:0:1::1]:4000").allocate().is_success());
}

TEST(Allocate, QuotaOfATurnRestUserCountsTheIdAndNotTheTimestamp) {
  TestRelay relay({.quota = {.allocations_per_user = 1}, .rest_secrets = {"north"}});
  auto& first = relay.client("192.0.2.1:4000", "1800001000:erin");
  first.has_password(rest_password("north", "1800001000:erin"));
  EXPECT_TRUE(first.allocate().is_success());
  auto& second = relay.client("192.0.2.1:4001", "1800002000:erin");
  second.has_password(rest_password("north", "1800002000:erin"));
  EXPECT_EQ(second.allocate().error(), 486);
}

TEST(Allocate, ExpiredTurnRestCredentialBeginsNothingAndEndsNothing) {
  TestRelay relay({.rest_secrets = {"north"}});
  auto& erin = relay.client("192.0.2.1:4000", "1800000300:erin");
  erin.has_password(rest_password("north", "1800000300:erin"));
  EXPECT_TRUE(erin.allocate().is_success());
  relay.passes(500s);
  EXPECT_TRUE(erin.refresh(600).is_success()) << "a running allocation outlives its credential";
  auto& late = relay.client("192.0.2.1:4001", "1800000300:erin");
  late.has_password(rest_password("north", "1800000300:erin"));
  EXPECT_EQ(late.allocate().error(), 401);
}

TEST(Allocate, WithoutAFreePortIsBeyondCapacity) {
  TestRelay relay({.ports = {50'000, 50'001}});
  EXPECT_TRUE(relay.client("192.0.2.1:4000").allocate().is_success());
  EXPECT_TRUE(relay.client("192.0.2.1:4001").allocate().is_success());
  EXPECT_EQ(relay.client("192.0.2.1:4002").allocate().error(), 508);
  EXPECT_EQ(relay.counters().ports_exhausted, 1u);
  EXPECT_EQ(relay.observer.exhausted.size(), 1u);
  EXPECT_EQ(relay.quota.held(), 2u);
}

TEST(Allocate, PortsOccupiedByOthersAreSkippedAndRest) {
  TestRelay relay;
  relay.sockets().occupy_next(15);
  EXPECT_TRUE(relay.client("192.0.2.1:4000").allocate().is_success());
  EXPECT_EQ(relay.ports.resting(), 15u);
  EXPECT_EQ(relay.counters().ports_occupied, 15u);
  relay.passes(61s);
  relay.client("192.0.2.1:4001").allocate();
  EXPECT_EQ(relay.ports.resting(), 0u) << "who rested long enough is taken again";
}

TEST(Allocate, SixteenOccupiedPortsAreEnough) {
  TestRelay relay;
  relay.sockets().occupy_next(1'000);
  EXPECT_EQ(relay.client("192.0.2.1:4000").allocate().error(), 508);
  EXPECT_EQ(relay.sockets().asked(), 16u);
  EXPECT_EQ(relay.ports.resting(), 16u);
  EXPECT_EQ(relay.quota.held(), 0u);
}

TEST(Allocate, WithoutDescriptorsIsBeyondCapacityAtOnce) {
  TestRelay relay;
  relay.sockets().exhaust(true);
  EXPECT_EQ(relay.client("192.0.2.1:4000").allocate().error(), 508);
  EXPECT_EQ(relay.sockets().asked(), 1u);
  EXPECT_EQ(relay.ports.taken() + relay.ports.resting(), 0u);
}

TEST(Allocate, RelayedAddressesAreUnique) {
  TestRelay relay({.ports = {50'000, 50'063}});
  std::vector<TransportAddress> all;
  for (int i = 0; i < 64; ++i) {
    const Message answer = relay.client("192.0.2.1:" + std::to_string(4000 + i)).allocate();
    ASSERT_TRUE(answer.is_success());
    all.push_back(answer.relayed());
  }
  std::ranges::sort(all);
  EXPECT_EQ(std::ranges::adjacent_find(all), all.end());
}

// RFC 8656, Section 21.4: from a tunnel's end nothing is accepted.
TEST(Allocate, From6to4OrTeredoIsForbidden) {
  TestRelay relay;
  EXPECT_EQ(relay.client("[2002:c000:0201::1]:4000").allocate().error(), 403);
  EXPECT_EQ(relay.client("[2001:0:c000:201::1]:4000").allocate().error(), 403);
}

TEST(Allocate, FingerprintIsAnsweredByFingerprint) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000");
  EXPECT_FALSE(alice.binding().has(AttributeType::fingerprint));
  EXPECT_TRUE(alice.binding([](auto& m) { m.add_fingerprint(); }).has(AttributeType::fingerprint));
}

}  // namespace
}  // namespace uturn
