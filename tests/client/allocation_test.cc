// Allocations: asked for, granted, refused, refreshed, lost and released (RFC 8656, Sections 7, 8).
#include "protocol/attributes.h"
#include "tests/client/conversation.h"

namespace uturn {
namespace {

using enum AttributeType;
using State = TurnClient::State;

/// What the first Allocate request of this wish looks like.
Message first_request(const AllocationRequest& wish, TurnClient::Settings settings = alice()) {
  Conversation talk{std::move(settings)};
  talk.client.allocate(wish, talk.now());
  return talk.request(Method::allocate);
}

TEST(Allocation, AsksForUdpAndNothingElseByDefault) {
  const Message request = first_request({});
  EXPECT_EQ(request.u32(requested_transport), 17u << 24);
  for (const AttributeType type :
       {requested_address_family, additional_address_family, even_port, reservation_token, lifetime,
        dont_fragment, software, fingerprint}) {
    EXPECT_FALSE(request.has(type)) << name_of(type);
  }
}

TEST(Allocation, SaysEveryWish) {
  const Message one = first_request({.relayed = OneRelayedAddress{.family = AddressFamily::ipv6,
                                                                  .even_port = true,
                                                                  .reserve_next_port = true},
                                     .lifetime = 900s,
                                     .dont_fragment = true});
  EXPECT_EQ(one.u32(requested_address_family), 2u << 24);
  EXPECT_EQ(decode_even_port(one.view().find(even_port)->value), true);
  EXPECT_EQ(one.u32(lifetime), 900u);
  EXPECT_TRUE(one.has(dont_fragment));

  const Message both = first_request({.relayed = RelayedAddressOfEachFamily{.even_port = true}});
  EXPECT_EQ(both.u32(additional_address_family), 2u << 24);
  EXPECT_FALSE(both.has(requested_address_family));
  EXPECT_EQ(decode_even_port(both.view().find(even_port)->value), false);

  const Message reserved = first_request({.relayed = ReservedRelayedAddress{0x0102030405060708}});
  EXPECT_EQ(decode_reservation_token(reserved.view().find(reservation_token)->value),
            0x0102030405060708u);
  EXPECT_FALSE(reserved.has(even_port));
}

TEST(Allocation, NamesItsSoftwareUnlessToldNotTo) {
  TurnClient::Settings settings = alice();
  settings.decoration = {};
  const Message request = first_request({}, settings);
  EXPECT_EQ(request.text(software).substr(0, 6), "uturn ");
  EXPECT_TRUE(request.has(fingerprint));
}

TEST(Allocation, IsGranted) {
  Conversation talk;
  talk.client.allocate({}, talk.now());
  EXPECT_EQ(talk.client.state(), State::allocating);
  EXPECT_FALSE(talk.client.allocate({}, talk.now())) << "one at a time";
  talk.challenge(talk.request(Method::allocate), ErrorCode::unauthenticated);
  talk.advance(40ms);
  talk.succeed(talk.request(Method::allocate), [](MessageBuilder& message) {
    granted(1200s, {"203.0.113.9:50000"})(message);
    message.add_u64(reservation_token, 42);
  });
  const auto allocated = talk.event<Allocated>();
  EXPECT_EQ(allocated.relayed.at(0), relayed_address(address("203.0.113.9:50000")));
  EXPECT_EQ(allocated.mapped, client_address(address("192.0.2.1:4000")));
  EXPECT_EQ(allocated.lifetime, 1200s);
  EXPECT_EQ(allocated.reservation_token, 42u);
  EXPECT_FALSE(allocated.refused);
  EXPECT_EQ(talk.client.state(), State::allocated);
}

TEST(Allocation, OfBothFamiliesMayLackOne) {
  Conversation talk;
  talk.client.allocate({.relayed = RelayedAddressOfEachFamily{}}, talk.now());
  talk.challenge(talk.request(Method::allocate), ErrorCode::unauthenticated);
  talk.succeed(talk.request(Method::allocate), [](MessageBuilder& message) {
    granted(600s, {"203.0.113.9:50000"})(message);
    message.add_address_error(AddressFamily::ipv6, ErrorCode::address_family_not_supported);
  });
  const auto allocated = talk.event<Allocated>();
  EXPECT_EQ(allocated.relayed.size(), 1u);
  ASSERT_TRUE(allocated.refused);
  EXPECT_EQ(allocated.refused->family, AddressFamily::ipv6);
  EXPECT_EQ(allocated.refused->code, 440);
  talk.advance(200s);
  EXPECT_TRUE(talk.is_silent()) << "the rejected family is not asked for again";
}

TEST(Allocation, EveryRefusalHasItsName) {
  struct {
    ErrorCode code;
    std::string_view text;
  } const cases[] = {
      {ErrorCode::bad_request, "Allocate: 400 Bad Request"},
      {ErrorCode::forbidden, "Allocate: 403 Forbidden"},
      {ErrorCode::unknown_attribute, "Allocate: 420 Unknown Attribute"},
      {ErrorCode::allocation_mismatch, "Allocate: 437 Allocation Mismatch"},
      {ErrorCode::address_family_not_supported, "Allocate: 440 Address Family not Supported"},
      {ErrorCode::wrong_credentials, "Allocate: 441 Wrong Credentials"},
      {ErrorCode::unsupported_transport_protocol, "Allocate: 442 Unsupported Transport Protocol"},
      {ErrorCode::allocation_quota_reached, "Allocate: 486 Allocation Quota Reached"},
      {ErrorCode::server_error, "Allocate: 500 Server Error"},
      {ErrorCode::insufficient_capacity, "Allocate: 508 Insufficient Capacity"},
  };
  for (const auto& expected : cases) {
    Conversation talk;
    talk.client.allocate({}, talk.now());
    talk.challenge(talk.request(Method::allocate), ErrorCode::unauthenticated);
    talk.reject(talk.request(Method::allocate), expected.code);
    const auto failure = talk.event<RequestFailure>();
    EXPECT_EQ(to_string(failure), expected.text);
    EXPECT_EQ(failure.cause, FailureCause::error_response);
    EXPECT_EQ(failure.code, static_cast<uint16_t>(expected.code));
    EXPECT_EQ(talk.client.state(), State::idle);
    talk.advance(3600s);
    EXPECT_TRUE(talk.is_silent()) << "a refused request is not repeated by itself";
  }
}

TEST(Allocation, ARedirectionNamesTheAlternateServer) {
  Conversation talk;
  talk.client.allocate({}, talk.now());
  talk.challenge(talk.request(Method::allocate), ErrorCode::unauthenticated);
  talk.reject(talk.request(Method::allocate), ErrorCode::try_alternate,
              [](MessageBuilder& message) {
                message.add_address(alternate_server, address("192.0.2.200:3478"));
              });
  const auto failure = talk.event<RequestFailure>();
  EXPECT_EQ(failure.code, 300);
  EXPECT_EQ(failure.alternate, address("192.0.2.200:3478"));
}

TEST(Allocation, TimesOutAfterTheRfcsSchedule) {
  Conversation talk;
  talk.client.allocate({}, talk.now());
  talk.advance(39499ms);
  EXPECT_TRUE(talk.no_event());
  EXPECT_EQ(talk.sent_at(),
            (std::vector<Duration>{0ms, 500ms, 1500ms, 3500ms, 7500ms, 15500ms, 31500ms}));
  talk.advance(1ms);
  const auto failure = talk.event<RequestFailure>();
  EXPECT_EQ(failure.cause, FailureCause::timed_out);
  EXPECT_EQ(failure.method, Method::allocate);
}

TEST(Allocation, AHardIcmpErrorEndsIt) {
  Conversation talk;
  talk.client.allocate({}, talk.now());
  talk.request(Method::allocate);
  talk.client.handle_unreachable(talk.now());
  EXPECT_EQ(talk.event<RequestFailure>().cause, FailureCause::unreachable);
  EXPECT_EQ(talk.client.next_deadline(), kNever);
}

TEST(Allocation, AnAnswerAfterARetransmissionStillCounts) {
  Conversation talk;
  talk.client.allocate({}, talk.now());
  const Message lost = talk.request(Method::allocate);
  talk.advance(600ms);
  const Message again = talk.request(Method::allocate);
  EXPECT_EQ(again.id(), lost.id());
  talk.challenge(again, ErrorCode::unauthenticated);
  talk.challenge(again, ErrorCode::unauthenticated, {.nonce = "twice"});
  const Message signed_request = talk.request(Method::allocate);
  EXPECT_EQ(signed_request.text(nonce), "n-1") << "the second answer is nobody's";
  EXPECT_TRUE(talk.is_silent());
}

TEST(Allocation, AnIncompleteSuccessIsMalformedAndDeleted) {
  for (const Body& body : {Body{}, granted(600s, {}), Body{[](MessageBuilder& message) {
                             message.add_xor_address(xor_relayed_address,
                                                     address("203.0.113.9:50000"));
                             message.add_u32(lifetime, 600);
                           }}}) {
    Conversation talk;
    talk.client.allocate({}, talk.now());
    talk.challenge(talk.request(Method::allocate), ErrorCode::unauthenticated);
    talk.succeed(talk.request(Method::allocate), body);
    EXPECT_EQ(talk.event<RequestFailure>().cause, FailureCause::malformed_response);
    EXPECT_EQ(talk.request(Method::refresh).u32(lifetime), 0u);
  }
}

TEST(Allocation, OfAnotherFamilyThanAskedForIsDeleted) {
  Conversation talk;
  talk.client.allocate({.relayed = OneRelayedAddress{.family = AddressFamily::ipv6}}, talk.now());
  talk.challenge(talk.request(Method::allocate), ErrorCode::unauthenticated);
  talk.succeed(talk.request(Method::allocate), granted(600s, {"203.0.113.9:50000"}));
  EXPECT_EQ(talk.event<RequestFailure>().cause, FailureCause::unexpected_family);
  const Message refresh = talk.request(Method::refresh);
  EXPECT_EQ(refresh.u32(lifetime), 0u);
  talk.succeed(refresh);
  EXPECT_EQ(talk.client.state(), State::idle);
}

TEST(Allocation, AnUnknownRequiredAttributeFailsTheTransaction) {
  Conversation talk;
  talk.client.allocate({}, talk.now());
  talk.challenge(talk.request(Method::allocate), ErrorCode::unauthenticated);
  talk.succeed(talk.request(Method::allocate), [](MessageBuilder& message) {
    granted(600s, {"203.0.113.9:50000"})(message);
    message.add_u32(AttributeType{0x7FF0}, 1);
  });
  EXPECT_EQ(talk.event<RequestFailure>().cause, FailureCause::unknown_attribute);
}

TEST(Allocation, AnUnknownOptionalAttributeIsIgnored) {
  Conversation talk;
  talk.client.allocate({}, talk.now());
  talk.challenge(talk.request(Method::allocate), ErrorCode::unauthenticated);
  talk.succeed(talk.request(Method::allocate), [](MessageBuilder& message) {
    granted(600s, {"203.0.113.9:50000"})(message);
    message.add_u32(AttributeType{0xFFF0}, 1);
  });
  talk.event<Allocated>();
}

TEST(Allocation, AnErrorWithoutErrorCodeFailsTheTransaction) {
  Conversation talk;
  talk.client.allocate({}, talk.now());
  talk.challenge(talk.request(Method::allocate), ErrorCode::unauthenticated);
  const Message request = talk.request(Method::allocate);
  talk.answer(request, MessageClass::error, {}, Conversation::key_of(request));
  EXPECT_EQ(talk.event<RequestFailure>().cause, FailureCause::malformed_response);
}

TEST(Allocation, NoMoreThanTenRequestsAreOutstanding) {
  Conversation talk;
  talk.allocate();
  for (int i = 1; i <= 25; ++i) {
    talk.client.create_permission(*IpAddress::parse("198.51.100." + std::to_string(i)), talk.now());
  }
  std::vector<Message> requests;
  while (!talk.is_silent()) requests.push_back(talk.request(Method::create_permission));
  EXPECT_EQ(requests.size(), TurnClient::kMaxOutstanding);
  talk.succeed(requests[3]);
  talk.event<PermissionInstalled>();
  EXPECT_EQ(talk.request(Method::create_permission).xor_address(xor_peer_address).ip,
            *IpAddress::parse("198.51.100.11"));
  EXPECT_TRUE(talk.is_silent());
}

TEST(Allocation, ReleaseDeletesIt) {
  Conversation talk;
  talk.allocate();
  EXPECT_TRUE(talk.client.release(talk.now()));
  const Message refresh = talk.request(Method::refresh);
  EXPECT_EQ(refresh.u32(lifetime), 0u);
  EXPECT_FALSE(refresh.has(requested_address_family));
  talk.succeed(refresh, [](MessageBuilder& message) { message.add_u32(lifetime, 0); });
  EXPECT_FALSE(talk.event<Released>().family);
  EXPECT_EQ(talk.client.state(), State::idle);
  EXPECT_EQ(talk.client.next_deadline(), kNever);
}

TEST(Allocation, ReleasingWhatIsNotThereSucceeds) {
  Conversation talk;
  talk.allocate();
  talk.client.release(talk.now());
  talk.reject(talk.request(Method::refresh), ErrorCode::allocation_mismatch);
  talk.event<Released>();
  EXPECT_TRUE(talk.no_event());
}

TEST(Allocation, ReleasedWhileItIsOnItsWayIsDeletedOnArrival) {
  Conversation talk;
  talk.client.allocate({}, talk.now());
  EXPECT_TRUE(talk.client.release(talk.now()));
  talk.challenge(talk.request(Method::allocate), ErrorCode::unauthenticated);
  talk.succeed(talk.request(Method::allocate), granted(600s, {"203.0.113.9:50000"}));
  talk.event<Allocated>();
  talk.succeed(talk.request(Method::refresh));
  talk.event<Released>();
}

TEST(Allocation, HalfOfADualOneGoesWithItsPermissionsAndChannelsOnly) {
  Conversation talk;
  talk.allocate({.relayed = RelayedAddressOfEachFamily{}});
  talk.create_permission("198.51.100.7");
  talk.create_permission("2001:db8::7");
  talk.bind_channel("[2001:db8::7]:5000");
  EXPECT_TRUE(talk.client.release(AddressFamily::ipv6, talk.now()));
  const Message refresh = talk.request(Method::refresh);
  EXPECT_EQ(refresh.u32(requested_address_family), 2u << 24);
  EXPECT_EQ(refresh.u32(lifetime), 0u);
  talk.succeed(refresh, [](MessageBuilder& message) { message.add_u32(lifetime, 0); });
  EXPECT_EQ(talk.event<Released>().family, AddressFamily::ipv6);

  std::array<uint8_t, 100> out;
  const auto send = [&](std::string_view peer) {
    return talk.client.send(peer_address(address(peer)), bytes_of("x"), out, talk.now());
  };
  EXPECT_TRUE(send("198.51.100.7:5000"));
  EXPECT_FALSE(send("[2001:db8::7]:5000"));
  EXPECT_FALSE(talk.client.create_permission(*IpAddress::parse("2001:db8::8"), talk.now()));
  EXPECT_FALSE(talk.client.release(AddressFamily::ipv6, talk.now())) << "already deleted";
}

}  // namespace
}  // namespace uturn
