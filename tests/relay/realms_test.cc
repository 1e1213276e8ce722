// Several realms in one server: which one a request is for, and what an allocation keeps of it.
#include "auth/origin.h"
#include "tests/relay/test_relay.h"

namespace uturn {
namespace {

TestSettings two_realms(const char* allowed_in_the_other = "198.51.100.0/24") {
  TestSettings settings;
  settings.other_realm_allows = std::vector<std::string>{allowed_in_the_other};
  return settings;
}

Body with_origin(std::string_view origin) {
  return [origin](MessageBuilder& builder) {
    builder.add_requested_transport(17).add_text(kOriginAttribute, origin);
  };
}

Body with_realm(std::string_view realm) {
  return [realm](MessageBuilder& builder) {
    builder.add_requested_transport(17).add_text(AttributeType::realm, realm);
  };
}

std::string realm_of_challenge(TestClient& client, const Body& body = {}) {
  const Message challenge = client.unsigned_request(Method::allocate, body);
  EXPECT_EQ(challenge.error(), 401);
  return challenge.text(AttributeType::realm);
}

TEST(RealmOfARequest, IsTheDefaultWhereNothingSaysOtherwise) {
  TestRelay relay{two_realms()};
  EXPECT_EQ(realm_of_challenge(relay.client("192.0.2.1:4000")), "example.org");
}

TEST(RealmOfARequest, IsTheOneThatItsOriginIsSentTo) {
  TestRelay relay{two_realms()};
  auto& zoe = relay.client("192.0.2.1:4000", "zoe");
  EXPECT_EQ(realm_of_challenge(zoe, with_origin("HTTPS://other.example:443")), "other.example");
  EXPECT_EQ(realm_of_challenge(zoe, with_origin("https://other.example:444")), "example.org");
  EXPECT_EQ(realm_of_challenge(zoe, with_origin(std::string(300, 'x'))), "example.org");
}

TEST(RealmOfARequest, IsThatOfTheFirstOriginThatIsKnown) {
  TestRelay relay{two_realms()};
  const auto with_origins = [](size_t others) {
    return [others](MessageBuilder& builder) {
      for (size_t i = 0; i < others; ++i) builder.add_text(kOriginAttribute, "https://a.example");
      builder.add_text(kOriginAttribute, kOtherOrigin);
    };
  };
  auto& zoe = relay.client("192.0.2.1:4000", "zoe");
  EXPECT_EQ(realm_of_challenge(zoe, with_origins(2)), "other.example");
  EXPECT_EQ(realm_of_challenge(zoe, with_origins(8)), "example.org") << "too many to look at";
}

TEST(RealmOfARequest, IsTheOneThatItNames) {
  TestRelay relay{two_realms()};
  auto& zoe = relay.client("192.0.2.1:4000", "zoe");
  EXPECT_EQ(realm_of_challenge(zoe, with_realm("other.example")), "other.example");
  EXPECT_EQ(realm_of_challenge(zoe, with_realm("\"other.example\"")), "other.example");
  zoe.logs_in_to("other.example");
  EXPECT_EQ(zoe.allocate().error(), 0);
}

// RFC 8489, Section 9.2.4: a REALM that is not the server's is answered by the challenge.
TEST(RealmOfARequest, UnknownIsChallengedForTheDefault) {
  TestRelay relay{two_realms()};
  auto& alice = relay.client("192.0.2.1:4000", "alice");
  EXPECT_EQ(realm_of_challenge(alice, with_realm("nowhere.example")), "example.org");
  alice.logs_in_to("nowhere.example");
  const Message refused = alice.allocate();
  EXPECT_EQ(refused.error(), 401);
  EXPECT_EQ(refused.text(AttributeType::realm), "example.org");
}

TEST(RealmOfARequest, IsTheListenersWhateverTheClientSays) {
  TestRelay relay{two_realms()};
  auto& alice = relay.client("192.0.2.1:4000", "alice");
  alice.comes_by_listener_of(kOtherRealm);
  EXPECT_EQ(realm_of_challenge(alice), "other.example");
  EXPECT_EQ(alice.allocate().error(), 401) << "she logs in to example.org";
  alice.logs_in_to("other.example");
  EXPECT_EQ(alice.allocate().error(), 0);
}

TEST(RealmOfAUser, HasNobodyOfAnother) {
  TestRelay relay{two_realms()};
  EXPECT_EQ(relay.client("192.0.2.1:4000", "zoe").allocate().error(), 401);
  auto& bob = relay.client("192.0.2.2:4000", "bob");
  bob.logs_in_to("other.example");
  EXPECT_EQ(bob.allocate().error(), 401);
}

TEST(RealmOfAnAllocation, IsKept) {
  TestRelay relay{two_realms()};
  auto& alice = relay.client("192.0.2.1:4000", "alice");
  alice.logs_in_to("other.example");
  alice.allocate();
  EXPECT_EQ(realm_of_challenge(alice), "other.example") << "nothing else says which realm";
  EXPECT_EQ(alice.refresh().error(), 0);
}

// RFC 8656, Section 5: good credentials that are not the allocation's are wrong ones.
TEST(RealmOfAnAllocation, IsNoneOfTheSameNameInAnotherRealm) {
  TestRelay relay{two_realms()};
  auto& alice = relay.client("192.0.2.1:4000", "alice");
  alice.allocate();
  alice.logs_in_to("other.example");
  EXPECT_EQ(alice.refresh().error(), 441);
  EXPECT_EQ(alice.create_permission("198.51.100.7:5000").error(), 441);
  EXPECT_EQ(alice.allocate().error(), 437);
  alice.has_password("a guess");
  EXPECT_EQ(alice.refresh().error(), 401);
  alice.logs_in_to("example.org");
  alice.has_password("secret of alice");
  EXPECT_EQ(alice.refresh().error(), 0);
}

TEST(RealmOfAnAllocation, HasItsOwnPeers) {
  TestRelay relay{two_realms("203.0.113.0/24")};
  auto& zoe = relay.client("192.0.2.1:4000", "zoe");
  zoe.logs_in_to("other.example");
  zoe.allocate();
  EXPECT_EQ(zoe.create_permission("198.51.100.7:5000").error(), 403);
  EXPECT_EQ(zoe.create_permission("203.0.113.7:5000").error(), 0);
  auto& alice = relay.client("192.0.2.2:4000", "alice");
  alice.allocate();
  EXPECT_EQ(alice.create_permission("198.51.100.7:5000").error(), 0);
}

TEST(RealmOfAnAllocation, IsWhoseTrafficItCountsAs) {
  TestRelay relay{two_realms()};
  auto& zoe = relay.client("192.0.2.1:4000", "zoe");
  zoe.logs_in_to("other.example");
  zoe.allocate();
  ASSERT_EQ(relay.at().traffic().all().size(), 1u);
  EXPECT_EQ(relay.at().traffic().all().front()->realm, "other.example");
}

TEST(RealmThatIsServedNoMore, LetsItsAllocationsRelayAndNobodyRefresh) {
  TestRelay relay{two_realms()};
  auto& zoe = relay.client("192.0.2.1:4000", "zoe");
  zoe.logs_in_to("other.example");
  zoe.allocate();
  zoe.bind_channel(0x4000, "198.51.100.7:5000");
  relay.serves_default_realm_alone();
  zoe.channel_data(0x4000, "still here");
  EXPECT_EQ(relay.sent_to_peer().data, "still here");
  const Message refused = zoe.refresh();
  EXPECT_EQ(refused.error(), 401);
  EXPECT_EQ(refused.text(AttributeType::realm), "example.org");
}

TEST(QuotaOfARealm, IsApartFromOthersAndCountsUsersByRealm) {
  TestSettings settings = two_realms();
  settings.relay.idle_gives_way = false;
  settings.quota.allocations_per_user = 1;
  settings.quota.realms["other.example"] = {.allocations = 3, .allocations_per_user = 2};
  TestRelay relay{settings};
  const auto allocate = [&](std::string_view from, const char* user, const char* realm) {
    auto& client = relay.client(from, user);
    client.logs_in_to(realm);
    return client.allocate().error();
  };
  EXPECT_EQ(allocate("192.0.2.1:1", "alice", "example.org"), 0);
  EXPECT_EQ(allocate("192.0.2.1:2", "alice", "example.org"), 486);
  EXPECT_EQ(allocate("192.0.2.1:3", "alice", "other.example"), 0) << "another alice";
  EXPECT_EQ(allocate("192.0.2.1:4", "alice", "other.example"), 0);
  EXPECT_EQ(allocate("192.0.2.1:5", "alice", "other.example"), 486);
  EXPECT_EQ(allocate("192.0.2.1:6", "zoe", "other.example"), 0);
  EXPECT_EQ(allocate("192.0.2.1:7", "zoe", "other.example"), 486) << "the realm is full";
  EXPECT_EQ(relay.counters().quota_refused[static_cast<size_t>(QuotaLimit::realm)], 1u);
  EXPECT_EQ(relay.quota.held_in("other.example"), 3u);
  EXPECT_EQ(allocate("192.0.2.1:8", "bob", "example.org"), 0);
}

TEST(SilentAllocation, OfTheSameNameInAnotherRealmGivesNoWay) {
  TestSettings settings = two_realms();
  settings.quota.allocations_per_user = 1;
  TestRelay relay{settings};
  relay.client("192.0.2.1:1", "alice").allocate();
  relay.passes(60s);
  auto& other = relay.client("192.0.2.1:2", "alice");
  other.logs_in_to("other.example");
  EXPECT_EQ(other.allocate().error(), 0);
  EXPECT_EQ(relay.at().allocations(), 2u);
}

TEST(FailedLogin, IsToldWithUserAndRealmWhereTheNonceProvesTheClient) {
  TestRelay relay{two_realms()};
  auto& zoe = relay.client("192.0.2.1:4000", "zoe");
  zoe.allocate();  // a user of the other realm
  zoe.logs_in_to("other.example");
  zoe.has_password("a guess");
  zoe.allocate();
  EXPECT_EQ(relay.observer.failed_logins,
            (std::vector<std::string>{"zoe of example.org", "zoe of other.example"}));
}

// Else whoever sends with the address of somebody else could have that one banned.
TEST(FailedLogin, IsNoneWithoutANonceOfThisClient) {
  TestRelay relay;
  auto& mallory = relay.client("192.0.2.1:4000", "alice");
  mallory.has_password("a guess");
  mallory.has_nonce("made up");
  EXPECT_EQ(mallory.allocate().error(), 401);
  auto& other = relay.client("192.0.2.9:4000", "alice");
  const std::string nonce = other.unsigned_request(Method::allocate).text(AttributeType::nonce);
  mallory.has_nonce(nonce);
  EXPECT_EQ(mallory.allocate().error(), 401);
  relay.passes(2h);
  other.has_password("a guess");
  other.has_nonce(nonce);
  EXPECT_EQ(other.allocate().error(), 401) << "too old to prove anything";
  EXPECT_TRUE(relay.observer.failed_logins.empty());
}

TEST(FailedLogin, IsNoneWithTheRightPassword) {
  TestRelay relay{{.rest_secrets = {"hush"}}};
  relay.client("192.0.2.1:4000", "alice").allocate();
  auto& expired = relay.client("192.0.2.2:4000", "1700000000:bob");
  expired.has_password(rest_password("hush", "1700000000:bob"));
  EXPECT_EQ(expired.allocate().error(), 401) << "the credential has expired";
  EXPECT_TRUE(relay.observer.failed_logins.empty());
}

}  // namespace
}  // namespace uturn
