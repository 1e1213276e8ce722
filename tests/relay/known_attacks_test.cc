// Attacks that other TURN servers have suffered, each by its name.
#include "tests/relay/test_relay.h"

namespace uturn {
namespace {

/// The error of a CreatePermission for this peer on an allocation of its family, by default rules.
uint16_t permission_error(const std::string& peer, std::vector<std::string> deny = {}) {
  TestRelay relay({.allow = {}, .deny = std::move(deny)});
  auto& alice = relay.client("192.0.2.1:4000");
  const AddressFamily family = address(peer).ip.family();
  alice.allocate([&](auto& m) { m.add_family(AttributeType::requested_address_family, family); });
  const uint16_t error = alice.create_permission(peer).error();
  EXPECT_EQ(alice.bind_channel(0x4000, peer).error(), error);
  alice.send(peer, "hello");
  EXPECT_EQ(relay.peers_hear_nothing(), error != 0);
  while (!relay.peers_hear_nothing()) relay.sent_to_peer();
  return error;
}

TEST(KnownAttacks, Cve2018_4058LoopbackIsNoPeer) {
  EXPECT_EQ(permission_error("127.0.0.1:80"), 403);
  EXPECT_EQ(permission_error("127.255.255.254:80"), 403);
  EXPECT_EQ(permission_error("[::1]:80"), 403);
}

TEST(KnownAttacks, Cve2020_26262TheUnspecifiedAddressIsNoPeer) {
  EXPECT_EQ(permission_error("0.0.0.0:80"), 403);
  EXPECT_EQ(permission_error("0.1.2.3:80"), 403);
  EXPECT_EQ(permission_error("[::]:80"), 403);
  EXPECT_EQ(permission_error("[::ffff:0.0.0.0]:80"), 403);
}

TEST(KnownAttacks, Cve2026_53450MappedLoopbackIsNoPeer) {
  EXPECT_EQ(permission_error("[::ffff:127.0.0.1]:80"), 403);
  EXPECT_EQ(permission_error("[::127.0.0.1]:80"), 403);
  EXPECT_EQ(permission_error("[64:ff9b::7f00:1]:80"), 403);
}

TEST(KnownAttacks, Cve2026_27624MappedFormsOfDeniedPeersAreDenied) {
  EXPECT_EQ(permission_error("8.8.8.8:80"), 0);
  EXPECT_EQ(permission_error("8.8.8.8:80", {"8.8.8.0/24"}), 403);
  EXPECT_EQ(permission_error("[::ffff:8.8.8.8]:80", {"8.8.8.0/24"}), 403);
  EXPECT_EQ(permission_error("[64:ff9b::808:808]:80", {"8.8.8.0/24"}), 403);
  EXPECT_EQ(permission_error("[2002:808:808::1]:80", {"8.8.8.0/24"}), 403);
}

TEST(KnownAttacks, CloudMetadataAndPrivateNetworksAreNoPeers) {
  for (const char* peer :
       {"169.254.169.254:80", "10.0.0.1:80", "172.16.0.1:80", "192.168.1.1:80", "100.64.0.1:80",
        "224.0.0.1:80", "255.255.255.255:80", "[fe80::1]:80", "[fd00::1]:80", "[ff02::1]:80"}) {
    EXPECT_EQ(permission_error(peer), 403) << peer;
  }
}

TEST(KnownAttacks, Cve2020_4067PaddingOfAnswersIsZero) {
  TestSettings settings;
  settings.relay.software = "seven77";  // one byte of padding
  TestRelay relay(std::move(settings));
  const Message answer = relay.client("192.0.2.1:4000").allocate();
  size_t at = kStunHeaderSize;
  while (at < answer.size()) {
    const size_t size = load_be16(&answer.bytes()[at + 2]);
    for (size_t i = 0; i < padding_of(size); ++i) EXPECT_EQ(answer.bytes()[at + 4 + size + i], 0);
    at += 4 + size + padding_of(size);
  }
}

TEST(KnownAttacks, Cve2025_69217RelayPortsCannotBeGuessed) {
  TestRelay relay({.ports = {50'000, 59'999}});
  std::vector<int> ports;
  for (int i = 0; i < 200; ++i) {
    ports.push_back(
        relay.client("192.0.2.1:" + std::to_string(4000 + i)).allocate().relayed().port);
  }
  int neighbours = 0;
  for (size_t i = 1; i < ports.size(); ++i) neighbours += std::abs(ports[i] - ports[i - 1]) < 10;
  EXPECT_LT(neighbours, 10);
  EXPECT_GT(*std::ranges::max_element(ports) - *std::ranges::min_element(ports), 8'000);
}

TEST(KnownAttacks, Cve2026_40613AttributesAtOddAddressesAreRead) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000");
  const auto bytes = alice.signed_bytes(Method::allocate, [](auto& m) {
    m.add_requested_transport(17).add_u32(AttributeType::lifetime, 700);
  });
  std::vector<uint8_t> odd(kHeadroom + 1 + bytes.size());
  std::ranges::copy(bytes, odd.begin() + kHeadroom + 1);
  const Packet packet({odd.data() + 1, kHeadroom}, {odd.data() + 1 + kHeadroom, bytes.size()});
  const Arrival arrival{.five_tuple = alice.five_tuple(), .listener = {1, 1}};
  EXPECT_TRUE(
      std::holds_alternative<Answer>(relay.at().on_client_packet(arrival, packet, relay.now)));
  EXPECT_EQ(relay.at().allocations(), 1u);
}

TEST(KnownAttacks, Ghsa847gEvenPortWithoutReservationLosesNoPorts) {
  TestRelay relay({.ports = {50'000, 50'003}});
  auto& alice = relay.client("192.0.2.1:4000");
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(alice.allocate([](auto& m) { m.add_even_port(false); }).is_success()) << i;
    alice.refresh(0);
  }
  EXPECT_EQ(relay.ports.taken(), 0u);
}

TEST(KnownAttacks, GhsaF6hcQuotaBelongsToTheAllocationHoweverItEnds) {
  TestRelay relay({.quota = {.allocations_per_user = 1}});
  auto& alice = relay.client("192.0.2.1:4000");
  alice.allocate();
  alice.refresh(0);  // deleted
  EXPECT_EQ(relay.quota.held_by("alice", "example.org"), 0u);
  alice.allocate();
  relay.passes(601s);  // expired
  EXPECT_EQ(relay.quota.held_by("alice", "example.org"), 0u);
  alice.allocate();
  relay.passes_unswept(601s);  // expired and found so by the next request
  EXPECT_TRUE(alice.allocate().is_success());
  relay.sockets().exhaust(true);
  alice.refresh(0);
  EXPECT_EQ(alice.allocate().error(), 508);  // never began
  EXPECT_EQ(relay.quota.held_by("alice", "example.org"), 0u);
}

TEST(KnownAttacks, Ghsa4g7cUsernamesAreNoFormats) {
  TestRelay relay;
  auto& mallory = relay.client("192.0.2.1:4000", "%s%s%n%x");
  EXPECT_EQ(mallory.allocate().error(), 401);
}

}  // namespace
}  // namespace uturn
