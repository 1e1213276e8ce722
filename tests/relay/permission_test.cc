// CreatePermission (RFC 8656, Sections 9 and 10): who may talk to the client, and for how long.
#include "tests/relay/test_relay.h"

namespace uturn {
namespace {

Body peers(std::vector<std::string> all) {
  return [all = std::move(all)](MessageBuilder& m) {
    for (const std::string& peer : all) {
      m.add_xor_address(AttributeType::xor_peer_address, address(peer));
    }
  };
}

TEST(CreatePermission, LetsTheAddressInFromEveryPort) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000");
  alice.allocate();
  relay.datagram_from_peer("198.51.100.7:5000", "too early");
  EXPECT_EQ(relay.last_drop(), DropReason::no_permission);
  EXPECT_TRUE(alice.create_permission("198.51.100.7:9").is_success());
  relay.datagram_from_peer("198.51.100.7:5001", "hello");
  EXPECT_EQ(alice.answer().peer(), address("198.51.100.7:5001"));
  relay.datagram_from_peer("198.51.100.8:5001", "a stranger");
  EXPECT_EQ(relay.last_drop(), DropReason::no_permission);
}

bool is_read(TestRelay& relay, const TransportAddress& relayed) {
  return relay.sockets().find(*relay.sockets().at(relayed))->receives;
}

// FakeSockets calls it an error to ask for the same socket twice.
TEST(CreatePermission, TheFirstOfAFamilyHasItsSocketRead) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000");
  const auto relayed =
      alice
          .allocate([](MessageBuilder& m) {
            m.add_family(AttributeType::additional_address_family, AddressFamily::ipv6);
          })
          .addresses(AttributeType::xor_relayed_address);
  EXPECT_FALSE(is_read(relay, relayed.at(0)));
  alice.create_permission("198.51.100.7:0");
  EXPECT_TRUE(is_read(relay, relayed.at(0)));
  EXPECT_FALSE(is_read(relay, relayed.at(1)));
  alice.create_permission("198.51.100.8:0");
  alice.bind_channel(0x4000, "[2001:db8::7]:5000");
  EXPECT_TRUE(is_read(relay, relayed.at(1)));
  alice.create_permission("[2001:db8::7]:0");
}

TEST(CreatePermission, OfASocketThatTheKernelCannotHaveReadInstallsNothing) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000");
  alice.allocate();
  relay.sockets().refuse_to_receive(true);
  EXPECT_EQ(alice.create_permission("198.51.100.7:0").error(), 508);
  EXPECT_EQ(alice.bind_channel(0x4000, "198.51.100.7:5000").error(), 508);
  alice.send("198.51.100.7:5000", "hello");
  EXPECT_EQ(relay.last_drop(), DropReason::no_permission);
  relay.sockets().refuse_to_receive(false);
  EXPECT_TRUE(alice.bind_channel(0x4000, "198.51.100.7:5000").is_success());
}

TEST(CreatePermission, LastsExactlyThreeHundredSeconds) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000");
  alice.allocate();
  alice.create_permission("198.51.100.7:0");
  relay.passes(300s - 1ns);
  alice.send("198.51.100.7:5000", "in time");
  EXPECT_EQ(relay.sent_to_peer().data, "in time");
  relay.passes(1ns);
  alice.send("198.51.100.7:5000", "late");
  EXPECT_EQ(relay.last_drop(), DropReason::no_permission);
  relay.datagram_from_peer("198.51.100.7:5000", "late");
  EXPECT_EQ(relay.last_drop(), DropReason::no_permission);
}

TEST(CreatePermission, AgainStartsTheThreeHundredSecondsAnew) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000");
  alice.allocate();
  alice.create_permission("198.51.100.7:0");
  relay.passes(200s);
  alice.create_permission("198.51.100.7:0");
  relay.passes(200s);
  alice.send("198.51.100.7:5000", "hello");
  EXPECT_EQ(relay.sent_to_peer().data, "hello");
}

TEST(CreatePermission, IsNotProlongedByData) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000");
  alice.allocate();
  alice.create_permission("198.51.100.7:0");
  relay.passes(299s);
  alice.send("198.51.100.7:5000", "hello");
  relay.datagram_from_peer("198.51.100.7:5000", "hello");
  relay.passes(1s);
  alice.send("198.51.100.7:5000", "hello");
  EXPECT_EQ(relay.last_drop(), DropReason::no_permission);
}

TEST(CreatePermission, OfOneAllocationIsNoneOfAnother) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000");
  auto& bob = relay.client("192.0.2.2:4000", "bob");
  alice.allocate();
  bob.allocate();
  alice.create_permission("198.51.100.7:0");
  bob.send("198.51.100.7:5000", "hello");
  EXPECT_EQ(relay.last_drop(), DropReason::no_permission);
}

TEST(CreatePermission, TakesManyPeersAtOnce) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000");
  alice.allocate();
  EXPECT_TRUE(alice
                  .request(Method::create_permission,
                           peers({"198.51.100.1:1", "198.51.100.2:2", "198.51.100.1:3"}))
                  .is_success());
  relay.datagram_from_peer("198.51.100.1:5", "one");
  relay.datagram_from_peer("198.51.100.2:5", "two");
  EXPECT_EQ(alice.answer().data(), "one");
  EXPECT_EQ(alice.answer().data(), "two");
}

TEST(CreatePermission, OfManyIsAllOrNothing) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000");
  alice.allocate();
  const auto ask = [&](std::vector<std::string> all) {
    return alice.request(Method::create_permission, peers(std::move(all))).error();
  };
  EXPECT_EQ(ask({"198.51.100.1:1", "10.0.0.1:1"}), 403);
  EXPECT_EQ(ask({"198.51.100.1:1", "[2001:db8::7]:1"}), 443);
  EXPECT_EQ(alice
                .request(Method::create_permission,
                         [](auto& m) {
                           m.add_xor_address(AttributeType::xor_peer_address,
                                             address("198.51.100.1:1"));
                           m.add_u32(AttributeType::xor_peer_address, 1);
                         })
                .error(),
            400);
  relay.datagram_from_peer("198.51.100.1:5", "one");
  EXPECT_EQ(relay.last_drop(), DropReason::no_permission);
}

TEST(CreatePermission, AnInvalidPeerIsToldBeforeAForbiddenOne) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000");
  alice.allocate();
  for (const char* forbidden : {"10.0.0.1:1", "[2001:db8::7]:1"}) {
    const Message answer = alice.request(Method::create_permission, [&](auto& m) {
      m.add_xor_address(AttributeType::xor_peer_address, address(forbidden));
      m.add_u32(AttributeType::xor_peer_address, 1);
    });
    EXPECT_EQ(answer.error(), 400) << forbidden;
  }
}

TEST(CreatePermission, WithoutPeerIsABadRequest) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000");
  alice.allocate();
  EXPECT_EQ(alice.request(Method::create_permission).error(), 400);
}

TEST(CreatePermission, ForMorePeersThanARequestMayNameIsBeyondCapacity) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000");
  alice.allocate();
  std::vector<std::string> all;
  for (uint32_t i = 1; i <= kPeersPerRequest; ++i) {
    all.push_back("198.51.100." + std::to_string(i) + ":0");
  }
  EXPECT_TRUE(alice.request(Method::create_permission, peers(all)).is_success());
  all.push_back("198.51.100.200:0");
  EXPECT_EQ(alice.request(Method::create_permission, peers(all)).error(), 508);
}

TEST(CreatePermission, BeyondTheLimitOfTheAllocationIsBeyondCapacity) {
  TestSettings settings;
  settings.relay.limits.permissions_per_allocation = 3;
  TestRelay relay(std::move(settings));
  auto& alice = relay.client("192.0.2.1:4000");
  alice.allocate();
  const auto ask = [&](std::vector<std::string> all) {
    return alice.request(Method::create_permission, peers(std::move(all))).error();
  };
  EXPECT_EQ(ask({"198.51.100.1:0", "198.51.100.2:0"}), 0);
  EXPECT_EQ(ask({"198.51.100.3:0", "198.51.100.4:0"}), 508);
  EXPECT_EQ(ask({"198.51.100.1:0", "198.51.100.3:0", "198.51.100.3:9"}), 0)
      << "what exists, or comes twice, needs no room";
  EXPECT_EQ(alice.bind_channel(0x4000, "198.51.100.4:5000").error(), 508);
  relay.passes(301s);
  EXPECT_EQ(ask({"198.51.100.4:0"}), 0) << "what expired makes room";
}

TEST(CreatePermission, ForADeniedPeerIsForbiddenAndTold) {
  TestRelay relay({.deny = {"100.100.0.0/16"}});
  auto& alice = relay.client("192.0.2.1:4000");
  alice.allocate();
  EXPECT_EQ(alice.create_permission("127.0.0.1:0").error(), 403);
  EXPECT_EQ(alice.create_permission("100.100.0.9:0").error(), 403);
  EXPECT_EQ(relay.counters().peers_denied, 2u);
  EXPECT_EQ(relay.observer.denied.size(), 2u);
}

TEST(CreatePermission, OfAnotherFamilyIsAMismatch) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000");
  alice.allocate();
  EXPECT_EQ(alice.create_permission("[2001:db8::7]:0").error(), 443);
  EXPECT_EQ(alice.bind_channel(0x4000, "[2001:db8::7]:5000").error(), 443);
  alice.send("[2001:db8::7]:5000", "hello");
  EXPECT_EQ(relay.last_drop(), DropReason::wrong_family);
}

// RFC 8656, Section 21.4, whatever the configuration allows.
TEST(CreatePermission, For6to4OrTeredoIsForbidden) {
  TestRelay relay({.allow = {"2000::/3", "192.0.2.0/24"}});
  auto& alice = relay.client("192.0.2.1:4000");
  alice.allocate(
      [](auto& m) { m.add_family(AttributeType::requested_address_family, AddressFamily::ipv6); });
  EXPECT_EQ(alice.create_permission("[2002:c000:0207::1]:0").error(), 403);
  EXPECT_EQ(alice.bind_channel(0x4000, "[2001:0:c000:207::1]:5000").error(), 403);
  EXPECT_TRUE(alice.create_permission("[2001:db8::7]:0").is_success());
}

}  // namespace
}  // namespace uturn
