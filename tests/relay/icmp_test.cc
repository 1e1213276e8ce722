// ICMP errors told to the client (RFC 8656, Sections 11.5 and 18.13).
#include "tests/relay/test_relay.h"

namespace uturn {
namespace {

class Icmp : public testing::Test {
 protected:
  Icmp() {
    alice.allocate([](auto& m) {
      m.add_family(AttributeType::additional_address_family, AddressFamily::ipv6);
    });
    alice.bind_channel(0x4000, "198.51.100.7:5000");
    alice.create_permission("[2001:db8::7]:0");
  }
  /// What the client is told; nothing where the error is dropped.
  std::optional<IcmpValue> told(std::string_view destination, IcmpValue icmp) {
    relay.icmp_error(destination, icmp);
    const Message indication = alice.answer();
    return indication.is_none() ? std::nullopt : indication.icmp();
  }
  TestRelay relay;
  TestClient& alice = relay.client("192.0.2.1:4000");
};

TEST_F(Icmp, ErrorIsADataIndicationEvenWhereAChannelIsBound) {
  relay.icmp_error("198.51.100.7:5000", {3, 3, 0});
  const Message indication = alice.answer();
  EXPECT_TRUE(indication.is(Method::data, MessageClass::indication));
  EXPECT_EQ(indication.peer(), address("198.51.100.7:5000"));
  EXPECT_EQ(indication.icmp(), (IcmpValue{3, 3, 0}));
  EXPECT_FALSE(indication.has(AttributeType::data));
  EXPECT_EQ(relay.counters().icmp_told, 1u);
}

TEST_F(Icmp, TypesOfIpv4AreUnreachableAndTimeExceeded) {
  for (int type = 0; type < 256; ++type) {
    relay.passes(1s);
    const auto icmp = told("198.51.100.7:5000", {static_cast<uint8_t>(type), 1, 0});
    EXPECT_EQ(icmp.has_value(), type == 3 || type == 11) << type;
    if (type == 200) alice.bind_channel(0x4000, "198.51.100.7:5000");
  }
  EXPECT_EQ(relay.counters().icmp_drops[static_cast<size_t>(DropReason::icmp_not_relayed)], 254u);
}

TEST_F(Icmp, TypesOfIpv6AreUnreachableTooBigAndTimeExceeded) {
  for (int type = 0; type < 256; ++type) {
    relay.passes(1s);
    const auto icmp = told("[2001:db8::7]:5000", {static_cast<uint8_t>(type), 0, 0});
    EXPECT_EQ(icmp.has_value(), type >= 1 && type <= 3) << type;
  }
}

TEST_F(Icmp, OnlyTooBigCarriesTheMtu) {
  EXPECT_EQ(told("198.51.100.7:5000", {3, 4, 1400})->error_data, 1400u);
  EXPECT_EQ(told("198.51.100.7:5000", {3, 1, 1400})->error_data, 0u);
  EXPECT_EQ(told("198.51.100.7:5000", {11, 4, 1400})->error_data, 0u);
  EXPECT_EQ(told("[2001:db8::7]:5000", {2, 0, 1280})->error_data, 1280u);
  EXPECT_EQ(told("[2001:db8::7]:5000", {1, 4, 1280})->error_data, 0u);
}

TEST_F(Icmp, DestinationWithoutPermissionIsNotTold) {
  EXPECT_FALSE(told("198.51.100.8:5000", {3, 3, 0}));
  relay.passes(300s);
  EXPECT_FALSE(told("198.51.100.7:5000", {3, 3, 0}));
}

TEST_F(Icmp, PortsAreNotCompared) { EXPECT_TRUE(told("198.51.100.7:1", {3, 3, 0})); }

TEST_F(Icmp, ErrorsAreToldTenTimesASecond) {
  size_t times = 0;
  for (int i = 0; i < 100; ++i) times += told("198.51.100.7:5000", {3, 3, 0}) ? 1 : 0;
  EXPECT_EQ(times, kIcmpErrorsPerSecond);
  relay.passes(1s);
  EXPECT_TRUE(told("198.51.100.7:5000", {3, 3, 0}));
}

TEST_F(Icmp, AfterTheAllocationExpiredNothingIsTold) {
  relay.passes(400s);
  alice.create_permission("198.51.100.7:0");
  relay.passes_unswept(200s);
  EXPECT_FALSE(told("198.51.100.7:5000", {3, 3, 0}));
}

}  // namespace
}  // namespace uturn
