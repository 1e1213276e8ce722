// A TURN client over TCP and TLS: nothing is sent twice, and the allocation lives as long as its
// connection (RFC 8489, Section 6.2.2; RFC 8656, Section 5).
#include "client/stun_client.h"
#include "tests/client/conversation.h"

namespace uturn {
namespace {

TurnClient::Settings alice_on_a_stream() {
  TurnClient::Settings settings = alice();
  settings.reliable = true;
  return settings;
}

class OnAStream : public ::testing::Test {
 protected:
  Conversation talk{alice_on_a_stream()};
};

TEST_F(OnAStream, ARequestIsSentOnceAndFailsAfter39500ms) {
  talk.client.allocate({}, talk.now());
  talk.request(Method::allocate);
  talk.advance(39499ms);
  EXPECT_TRUE(talk.is_silent());
  EXPECT_TRUE(talk.no_event());
  talk.advance(1ms);
  EXPECT_EQ(talk.event<RequestFailure>().cause, FailureCause::timed_out);
}

TEST_F(OnAStream, RequestsDoNotWaitForEachOther) {
  talk.allocate();
  talk.client.create_permission(*IpAddress::parse("198.51.100.7"), talk.now());
  talk.client.create_permission(*IpAddress::parse("198.51.100.8"), talk.now());
  const Message first = talk.request(Method::create_permission);
  const Message second = talk.request(Method::create_permission);
  talk.succeed(second);
  talk.succeed(first);
  EXPECT_EQ(talk.event<PermissionInstalled>().peer, *IpAddress::parse("198.51.100.8"));
  EXPECT_EQ(talk.event<PermissionInstalled>().peer, *IpAddress::parse("198.51.100.7"));
}

TEST_F(OnAStream, AllocationsAreRefreshedAsOverUdp) {
  talk.allocate({}, 600s);
  talk.advance(540s);
  talk.succeed(talk.request(Method::refresh),
               [](MessageBuilder& message) { message.add_u32(AttributeType::lifetime, 600); });
  EXPECT_EQ(talk.event<Refreshed>().lifetime, 600s);
}

TEST_F(OnAStream, TheAllocationGoesWithItsConnection) {
  talk.allocate();
  const auto peer = peer_address(address("198.51.100.7:5000"));
  talk.client.bind_channel(peer, talk.now());
  talk.request(Method::channel_bind);
  talk.client.handle_connection_ended(talk.now());
  const auto failure = talk.event<RequestFailure>();
  EXPECT_EQ(failure.cause, FailureCause::connection_ended);
  EXPECT_EQ(to_string(failure), "ChannelBind: connection_ended");
  EXPECT_EQ(talk.event<AllocationLost>().reason, AllocationLost::Reason::connection_ended);
  EXPECT_EQ(talk.client.state(), TurnClient::State::idle);
  EXPECT_TRUE(talk.client.relayed().empty());
  talk.advance(3600s);
  EXPECT_TRUE(talk.is_silent()) << "there is nothing left to refresh";
}

TEST_F(OnAStream, WhoeverWasNotAllocatedLosesItsRequestOnly) {
  talk.client.allocate({}, talk.now());
  talk.request(Method::allocate);
  talk.client.handle_connection_ended(talk.now());
  EXPECT_EQ(talk.event<RequestFailure>().cause, FailureCause::connection_ended);
  EXPECT_TRUE(talk.no_event());
  EXPECT_TRUE(talk.client.allocate({}, talk.now())) << "over the next connection";
}

TEST_F(OnAStream, AConnectionThatEndsAfterTheReleaseTakesNothing) {
  talk.allocate();
  talk.client.release(talk.now());
  talk.succeed(talk.request(Method::refresh),
               [](MessageBuilder& message) { message.add_u32(AttributeType::lifetime, 0); });
  talk.event<Released>();
  talk.client.handle_connection_ended(talk.now());
  EXPECT_TRUE(talk.no_event());
}

TEST(BindingOnAStream, FailsWhenTheConnectionEnds) {
  CountingRandom random;
  StunClient client{{.retransmission = {}, .decoration = {}, .reliable = true}, random};
  client.bind({});
  client.poll_transmit({});
  client.handle_connection_ended();
  EXPECT_EQ(std::get<RequestFailure>(*client.poll_event()).cause, FailureCause::connection_ended);
  client.handle_connection_ended();
  EXPECT_FALSE(client.poll_event()) << "nothing was outstanding";
}

}  // namespace
}  // namespace uturn
