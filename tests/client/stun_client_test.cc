// StunClient: a Binding under a virtual clock.
#include "client/stun_client.h"

#include "protocol/attributes.h"
#include "tests/client/conversation.h"

namespace uturn {
namespace {

using enum AttributeType;

class Binding : public ::testing::Test {
 protected:
  Message request() {
    const auto datagram = client.poll_transmit(now);
    EXPECT_TRUE(datagram);
    return Message{*datagram};
  }
  void answer(const TransactionId& id, MessageClass message_class, const Body& body,
              Method method = Method::binding) {
    std::array<uint8_t, 200> buffer;
    MessageBuilder message{buffer, method, message_class, id};
    body(message);
    client.handle(message.finish(), now);
  }
  static void mapped(MessageBuilder& message) {
    message.add_xor_address(xor_mapped_address, address("192.0.2.1:4000"));
  }
  CountingRandom random;
  StunClient client{{}, random};
  Now now{};
};

TEST_F(Binding, TellsTheMappedAddressAndTheRoundTrip) {
  EXPECT_TRUE(client.bind(now));
  EXPECT_FALSE(client.bind(now)) << "one at a time";
  const Message binding = request();
  EXPECT_EQ(binding.method(), Method::binding);
  EXPECT_TRUE(binding.has(fingerprint));
  now.monotonic += 25ms;
  answer(binding.id(), MessageClass::success, mapped);
  const auto event = client.poll_event();
  ASSERT_TRUE(event && std::holds_alternative<Mapped>(*event));
  EXPECT_EQ(std::get<Mapped>(*event).address, client_address(address("192.0.2.1:4000")));
  EXPECT_EQ(std::get<Mapped>(*event).round_trip, 25ms);
  EXPECT_EQ(client.next_deadline(), kNever);
}

TEST_F(Binding, IsRetransmittedAndThenTimesOut) {
  client.bind(now);
  std::vector<Duration> sent;
  while (client.next_deadline() != kNever) {
    now.monotonic = client.next_deadline();
    client.on_deadline(now);
    while (client.poll_transmit(now)) sent.push_back(now.monotonic - Instant{});
  }
  EXPECT_EQ(sent, (std::vector<Duration>{0ms, 500ms, 1500ms, 3500ms, 7500ms, 15500ms, 31500ms}));
  EXPECT_EQ(now.monotonic, Instant{39500ms});
  EXPECT_EQ(std::get<RequestFailure>(*client.poll_event()).cause, FailureCause::timed_out);
}

TEST_F(Binding, OnlyItsOwnAnswerCounts) {
  client.bind(now);
  const Message binding = request();
  answer(TransactionId{{9}}, MessageClass::success, mapped);
  answer(binding.id(), MessageClass::success, mapped, Method::allocate);
  answer(binding.id(), MessageClass::indication, mapped);
  answer(binding.id(), MessageClass::request, mapped);
  answer(binding.id(), MessageClass::success, [](MessageBuilder& message) {
    mapped(message);
    message.add_u32(fingerprint, 0);
  });
  EXPECT_FALSE(client.poll_event());
  answer(binding.id(), MessageClass::success, mapped);
  EXPECT_TRUE(client.poll_event());
}

TEST_F(Binding, AnErrorIsAFailure) {
  client.bind(now);
  answer(request().id(), MessageClass::error,
         [](MessageBuilder& message) { message.add_error(ErrorCode::bad_request); });
  EXPECT_EQ(to_string(std::get<RequestFailure>(*client.poll_event())), "Binding: 400 Bad Request");
}

TEST_F(Binding, ASuccessWithoutAddressIsMalformed) {
  client.bind(now);
  answer(request().id(), MessageClass::success, [](MessageBuilder&) {});
  EXPECT_EQ(std::get<RequestFailure>(*client.poll_event()).cause, FailureCause::malformed_response);
}

TEST_F(Binding, AHardIcmpErrorEndsIt) {
  client.bind(now);
  request();
  client.handle_unreachable();
  EXPECT_EQ(std::get<RequestFailure>(*client.poll_event()).cause, FailureCause::unreachable);
}

TEST_F(Binding, ASlowPathSlowsTheNextTransactionDown) {
  client.bind(now);
  const Message slow = request();
  now.monotonic += 400ms;
  answer(slow.id(), MessageClass::success, mapped);
  client.bind(now);
  request();
  EXPECT_EQ(client.next_deadline(), now.monotonic + 400ms + 4 * 200ms);
}

}  // namespace
}  // namespace uturn
