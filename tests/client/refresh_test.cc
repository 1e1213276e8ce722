// Refreshing: an allocation, its permissions and channels stay alive while somebody wants them
// (RFC 8656, Sections 8, 9 and 12).
#include "tests/client/conversation.h"

namespace uturn {
namespace {

using enum AttributeType;
using State = TurnClient::State;

Body lifetime_of(std::chrono::seconds seconds) {
  return [seconds](MessageBuilder& message) {
    message.add_u32(lifetime, static_cast<uint32_t>(seconds.count()));
  };
}

TEST(Refresh, ComesAMinuteBeforeTheExpiry) {
  Conversation talk;
  talk.allocate({}, 600s);
  talk.advance(539999ms);
  EXPECT_TRUE(talk.is_silent());
  talk.advance(1ms);
  const Message refresh = talk.request(Method::refresh);
  EXPECT_FALSE(refresh.has(lifetime)) << "the server's default, as when it was allocated";
  talk.succeed(refresh, lifetime_of(900s));
  EXPECT_EQ(talk.event<Refreshed>().lifetime, 900s);
  talk.advance(839s);
  EXPECT_TRUE(talk.is_silent());
  talk.advance(1s);
  talk.request(Method::refresh);
}

TEST(Refresh, AsksForTheLifetimeThatWasWanted) {
  Conversation talk;
  talk.allocate({.lifetime = 1800s}, 1800s);
  talk.advance(1740s);
  EXPECT_EQ(talk.request(Method::refresh).u32(lifetime), 1800u);
}

TEST(Refresh, OfAShortLifetimeComesHalfway) {
  Conversation talk;
  talk.allocate({}, 60s);
  talk.advance(29999ms);
  EXPECT_TRUE(talk.is_silent());
  talk.advance(1ms);
  talk.request(Method::refresh);
}

TEST(Refresh, CountsFromTheRequestAndNotFromTheAnswer) {
  Conversation talk;
  talk.client.allocate({}, talk.now());
  talk.challenge(talk.request(Method::allocate), ErrorCode::unauthenticated);
  const Message request = talk.request(Method::allocate);
  talk.advance(400ms);
  talk.succeed(request, granted(600s, {"203.0.113.9:50000"}));
  EXPECT_EQ(talk.client.expires_at(), Instant{600s});
}

TEST(Refresh, CanBeAskedForAtAnyTime) {
  Conversation talk;
  talk.allocate();
  EXPECT_TRUE(talk.client.refresh(1200s, talk.now()));
  const Message refresh = talk.request(Method::refresh);
  EXPECT_EQ(refresh.u32(lifetime), 1200u);
  EXPECT_FALSE(talk.client.refresh(0s, talk.now())) << "that would be release()";
}

TEST(Refresh, OfADualAllocationConcernsBothHalves) {
  Conversation talk;
  talk.allocate({.relayed = RelayedAddressOfEachFamily{}});
  talk.advance(540s);
  EXPECT_FALSE(talk.request(Method::refresh).has(requested_address_family));
}

TEST(Refresh, AMismatchLosesTheAllocation) {
  Conversation talk;
  talk.allocate();
  talk.create_permission("198.51.100.7");
  talk.client.refresh(600s, talk.now());
  talk.reject(talk.request(Method::refresh), ErrorCode::allocation_mismatch);
  EXPECT_EQ(talk.event<RequestFailure>().code, 437);
  EXPECT_EQ(talk.event<AllocationLost>().reason, AllocationLost::Reason::mismatch);
  EXPECT_EQ(talk.client.state(), State::idle);
  talk.advance(3600s);
  EXPECT_TRUE(talk.is_silent());
}

TEST(Refresh, AMismatchOfAPermissionLosesItToo) {
  Conversation talk;
  talk.allocate();
  talk.client.create_permission(*IpAddress::parse("198.51.100.7"), talk.now());
  talk.reject(talk.request(Method::create_permission), ErrorCode::allocation_mismatch);
  talk.event<RequestFailure>();
  EXPECT_EQ(talk.event<AllocationLost>().reason, AllocationLost::Reason::mismatch);
}

TEST(Refresh, WhatNobodyAnswersExpires) {
  Conversation talk;
  talk.allocate({}, 600s);
  talk.advance(540s + 39500ms);
  EXPECT_EQ(talk.event<RequestFailure>().cause, FailureCause::timed_out);
  EXPECT_EQ(talk.client.state(), State::allocated) << "it may still be there";
  talk.advance(20499ms);
  EXPECT_TRUE(talk.no_event());
  talk.advance(1ms);
  EXPECT_EQ(talk.event<AllocationLost>().reason, AllocationLost::Reason::expired);
  EXPECT_EQ(talk.client.next_deadline(), kNever);
}

TEST(Refresh, ALostAnswerIsMadeUpForByRetransmission) {
  Conversation talk;
  talk.allocate();
  talk.advance(540s);
  const Message lost = talk.request(Method::refresh);
  talk.advance(500ms);
  const Message again = talk.request(Method::refresh);
  EXPECT_EQ(again.id(), lost.id());
  talk.succeed(again, lifetime_of(600s));
  talk.event<Refreshed>();
  EXPECT_EQ(talk.client.expires_at(), Instant{1140s});
}

TEST(Refresh, ASuccessWithoutLifetimeIsMalformed) {
  Conversation talk;
  talk.allocate();
  talk.client.refresh(600s, talk.now());
  talk.succeed(talk.request(Method::refresh));
  EXPECT_EQ(talk.event<RequestFailure>().cause, FailureCause::malformed_response);
}

TEST(Permissions, AreRefreshedAMinuteBeforeTheirFiveMinutesEnd) {
  Conversation talk;
  talk.allocate({}, 3600s);
  talk.create_permission("198.51.100.7");
  for (int i = 0; i < 5; ++i) {
    talk.advance(239999ms);
    EXPECT_TRUE(talk.is_silent());
    talk.advance(1ms);
    const Message request = talk.request(Method::create_permission);
    EXPECT_EQ(request.xor_address(xor_peer_address).ip, *IpAddress::parse("198.51.100.7"));
    talk.succeed(request);
    talk.event<PermissionInstalled>();
  }
}

TEST(Permissions, EndAfterFiveMinutesWhenDropped) {
  Conversation talk;
  talk.allocate({}, 3600s);
  talk.create_permission("198.51.100.7");
  talk.client.drop_permission(*IpAddress::parse("198.51.100.7"));
  std::array<uint8_t, 100> out;
  const auto send = [&] {
    return talk.client.send_indication(peer_address(address("198.51.100.7:5000")), bytes_of("x"),
                                       out, talk.now());
  };
  talk.advance(299s);
  EXPECT_TRUE(talk.is_silent());
  EXPECT_TRUE(send());
  talk.advance(1s);
  EXPECT_FALSE(send());
}

TEST(Permissions, ARefusedPeerIsNamedAndNotAskedForAgain) {
  Conversation talk;
  talk.allocate();
  talk.client.create_permission(*IpAddress::parse("10.0.0.1"), talk.now());
  talk.reject(talk.request(Method::create_permission), ErrorCode::forbidden);
  const auto failure = talk.event<RequestFailure>();
  EXPECT_EQ(to_string(failure), "CreatePermission: 403 Forbidden");
  EXPECT_EQ(failure.peer->ip, *IpAddress::parse("10.0.0.1"));
  EXPECT_EQ(talk.client.state(), State::allocated);
  talk.advance(500s);
  EXPECT_TRUE(talk.is_silent());
}

TEST(Permissions, AreOnlyForAllocatedFamilies) {
  Conversation talk;
  EXPECT_FALSE(talk.client.create_permission(*IpAddress::parse("198.51.100.7"), talk.now()));
  talk.allocate();
  EXPECT_FALSE(talk.client.create_permission(*IpAddress::parse("2001:db8::7"), talk.now()));
  EXPECT_FALSE(talk.client.bind_channel(peer_address(address("[2001:db8::7]:5000")), talk.now()));
  EXPECT_TRUE(talk.is_silent());
}

TEST(Permissions, TheTableHasALimitAndExpiredOnesMakeRoom) {
  Permissions permissions;
  const Now start{};
  const auto peer = [](size_t i) {
    const std::array<uint8_t, 4> bytes{198, 51, static_cast<uint8_t>(i >> 8),
                                       static_cast<uint8_t>(i)};
    return IpAddress::v4(bytes);
  };
  for (size_t i = 0; i < kMaxPermissions; ++i) EXPECT_TRUE(permissions.want(peer(i), start));
  EXPECT_FALSE(permissions.want(peer(kMaxPermissions), start));
  EXPECT_TRUE(permissions.want(peer(0), start)) << "it has its place";
  permissions.drop(peer(1));
  EXPECT_TRUE(permissions.want(peer(kMaxPermissions), start));
  EXPECT_EQ(permissions.size(), kMaxPermissions);
}

TEST(Channels, AreRenewedSoOftenThatThePermissionLivesToo) {
  Conversation talk;
  talk.allocate({}, 3600s);
  talk.create_permission("198.51.100.7");
  const ChannelNumber channel = talk.bind_channel("198.51.100.7:5000");
  for (int i = 0; i < 5; ++i) {
    talk.advance(239999ms);
    EXPECT_TRUE(talk.is_silent());
    talk.advance(1ms);
    const Message renewal = talk.request(Method::channel_bind);
    EXPECT_EQ(renewal.u32(channel_number), static_cast<uint32_t>(channel.value()) << 16);
    EXPECT_TRUE(talk.is_silent()) << "no CreatePermission besides";
    talk.succeed(renewal);
    EXPECT_TRUE(talk.client.poll_event());
  }
}

TEST(Channels, ARefusedRenewalLeavesThePermissionToItself) {
  Conversation talk;
  talk.allocate({}, 3600s);
  talk.create_permission("198.51.100.7");
  talk.bind_channel("198.51.100.7:5000");
  talk.advance(240s);
  talk.reject(talk.request(Method::channel_bind), ErrorCode::bad_request);
  const auto failure = talk.event<RequestFailure>();
  EXPECT_EQ(failure.peer, peer_address(address("198.51.100.7:5000")));
  talk.request(Method::create_permission);
}

TEST(Channels, NumbersAreTakenFromTheRangeInTurn) {
  Conversation talk;
  talk.allocate();
  EXPECT_EQ(talk.bind_channel("198.51.100.7:5000").value(), 0x4000);
  EXPECT_EQ(talk.bind_channel("198.51.100.7:5001").value(), 0x4001);
  const auto again =
      talk.client.bind_channel(peer_address(address("198.51.100.7:5000")), talk.now());
  EXPECT_EQ(again->value(), 0x4000) << "a peer has one channel";
  EXPECT_TRUE(talk.is_silent());
}

TEST(Channels, TheFiveMinutesAfterTheExpiryAreWaited) {
  Channels channels;
  const PeerAddress first = peer_address(address("198.51.100.7:5000"));
  const auto at = [](Duration time) { return Now{Instant{time}, CalendarTime{}}; };
  const ChannelNumber number = channels.want(first, at(0s))->number;
  channels.bound(number, Instant{0s});
  channels.drop(number);

  EXPECT_TRUE(channels.find(first)->is_active(at(599s)));
  EXPECT_FALSE(channels.find(first)->is_active(at(600s)));
  EXPECT_EQ(channels.want(first, at(899s))->number, number) << "the same pair may be bound at once";
  channels.drop(number);
  for (int i = 0; i < 4095; ++i) {  // all numbers but this one pass by
    const PeerAddress other = peer_address(address("198.51.100.8:" + std::to_string(1000 + i)));
    const ChannelNumber taken = channels.want(other, at(899s))->number;
    ASSERT_NE(taken, number);
    channels.refused(taken);
  }
  const PeerAddress other = peer_address(address("198.51.100.9:5000"));
  EXPECT_NE(channels.want(other, at(899s))->number, number) << "quarantined";
  EXPECT_NE(channels.find(first), nullptr);
  const PeerAddress third = peer_address(address("198.51.100.10:5000"));
  channels.want(third, at(900s));
  EXPECT_EQ(channels.find(first), nullptr) << "free again";
}

TEST(Channels, WhatNobodyConfirmedMayBeBoundThere) {
  Channels channels;
  const PeerAddress peer = peer_address(address("198.51.100.7:5000"));
  const ChannelNumber number = channels.want(peer, {})->number;
  channels.request_vanished(number, Now{Instant{40s}, CalendarTime{}});
  EXPECT_FALSE(channels.find(peer)->is_active({}));
  EXPECT_EQ(channels.want(peer, Now{Instant{939s}, CalendarTime{}})->number, number);
}

TEST(Channels, TheTableHasALimit) {
  Channels channels;
  for (size_t i = 0; i < kMaxChannels; ++i) {
    const TransportAddress peer{*IpAddress::parse("198.51.100.7"), static_cast<uint16_t>(1000 + i),
                                0};
    EXPECT_TRUE(channels.want(peer_address(peer), {}));
  }
  EXPECT_FALSE(channels.want(peer_address(address("198.51.100.8:5000")), {}));
}

}  // namespace
}  // namespace uturn
