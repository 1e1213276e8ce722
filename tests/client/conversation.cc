// Conversation: the server's side, written with MessageBuilder.
#include "tests/client/conversation.h"

#include <algorithm>
#include <array>

#include "protocol/attributes.h"

namespace uturn {
namespace {

constexpr std::string_view kRealm = "example.org";

}  // namespace

std::string Message::text(AttributeType type) const {
  const MessageView message = view();
  const auto attribute = message.find(type);
  return attribute ? std::string{text_of(attribute->value)} : std::string{};
}

std::optional<uint32_t> Message::u32(AttributeType type) const {
  const auto attribute = view().find(type);
  return attribute ? decode_u32(attribute->value) : std::nullopt;
}

TransportAddress Message::xor_address(AttributeType type) const {
  const auto attribute = view().find(type);
  const auto value = attribute ? decode_xor_address(attribute->value, id()) : std::nullopt;
  return value.value_or(TransportAddress{});
}

TurnClient::Settings alice() {
  return {.credentials = {"alice", "secret"},
          .retransmission = {},
          .decoration = {.software = "", .fingerprint = false}};
}

TransportAddress address(std::string_view text) {
  const auto parsed = TransportAddress::parse(text);
  EXPECT_TRUE(parsed) << text;
  return parsed.value_or(TransportAddress{});
}

std::vector<uint8_t> channel_data(uint16_t channel, std::string_view data) {
  std::vector<uint8_t> datagram(kChannelHeaderSize + data.size());
  write_channel_header(std::span{datagram}.first<kChannelHeaderSize>(),
                       *ChannelNumber::from_wire(channel), static_cast<uint16_t>(data.size()));
  std::ranges::copy(bytes_of(data), datagram.begin() + kChannelHeaderSize);
  return datagram;
}

void Conversation::advance(Duration duration) {
  const Instant end = now_.monotonic + duration;
  collect();
  while (client.next_deadline() <= end) {
    now_.monotonic = std::max(now_.monotonic, client.next_deadline());
    client.on_deadline(now_);
    collect();
    // A deadline that stays would keep an owner's loop spinning.
    ASSERT_GT(client.next_deadline(), now_.monotonic);
  }
  now_.monotonic = end;
}

void Conversation::collect() {
  while (const auto datagram = client.poll_transmit(now_)) {
    sent_.emplace_back(*datagram);
    sent_at_.push_back(elapsed());
  }
}

Message Conversation::request(Method method) {
  collect();
  if (sent_.empty()) {
    ADD_FAILURE() << "nothing was sent, expected " << name_of(method);
    return Message{std::array<uint8_t, kStunHeaderSize>{0, 0, 0, 0, 0x21, 0x12, 0xA4, 0x42}};
  }
  Message first = sent_.front();
  sent_.erase(sent_.begin());
  EXPECT_EQ(name_of(first.method()), name_of(method));
  EXPECT_EQ(first.view().message_class(), MessageClass::request);
  return first;
}

bool Conversation::is_silent() {
  collect();
  return sent_.empty();
}

Key Conversation::key_of(const Message& request) {
  const auto algorithm = request.view().find(AttributeType::password_algorithm);
  const bool sha256 = algorithm && decode_password_algorithm(algorithm->value)->algorithm ==
                                       static_cast<uint16_t>(PasswordAlgorithm::sha256);
  return Key::derive(sha256 ? PasswordAlgorithm::sha256 : PasswordAlgorithm::md5, "alice", kRealm,
                     "secret");
}

void Conversation::succeed(const Message& request, const Body& body) {
  answer(request, MessageClass::success, body, key_of(request));
}

void Conversation::reject(const Message& request, ErrorCode code, const Body& body) {
  const Body with_code = [&](MessageBuilder& message) {
    message.add_error(code, reason_of(code));
    if (body) body(message);
  };
  answer(request, MessageClass::error, with_code, key_of(request));
}

void Conversation::challenge(const Message& request, ErrorCode code,
                             const Announcement& announcement) {
  const Body body = [&](MessageBuilder& message) {
    message.add_error(code);
    message.add_text(AttributeType::realm, announcement.realm);
    message.add_text(AttributeType::nonce, announcement.nonce);
    if (announcement.algorithms.empty()) return;
    message.add_password_algorithms(announcement.algorithms);
  };
  answer(request, MessageClass::error, body, std::nullopt);
}

void Conversation::answer(const Message& request, MessageClass message_class, const Body& body,
                          const std::optional<Key>& key) {
  std::array<uint8_t, 2048> buffer;
  MessageBuilder message{buffer, request.method(), message_class, request.id()};
  if (body) body(message);
  if (key && request.has(AttributeType::message_integrity)) message.add_integrity(key->bytes());
  if (key && request.has(AttributeType::message_integrity_sha256)) {
    message.add_integrity_sha256(key->bytes());
  }
  ASSERT_FALSE(message.overflowed());
  deliver(message.finish());
}

void Conversation::deliver(Bytes datagram) {
  delivered_.assign(datagram.begin(), datagram.end());
  client.handle(delivered_, now_);
}

void Conversation::indicate(const Body& body) {
  std::array<uint8_t, 2048> buffer;
  TransactionId id;
  random_.fill(id.bytes);
  MessageBuilder message{buffer, Method::data, MessageClass::indication, id};
  body(message);
  deliver(message.finish());
}

Body granted(std::chrono::seconds lifetime, std::vector<std::string> relayed) {
  return [lifetime, relayed = std::move(relayed)](MessageBuilder& message) {
    for (const std::string& text : relayed) {
      message.add_xor_address(AttributeType::xor_relayed_address, address(text));
    }
    message.add_xor_address(AttributeType::xor_mapped_address, address("192.0.2.1:4000"));
    message.add_u32(AttributeType::lifetime, static_cast<uint32_t>(lifetime.count()));
  };
}

Allocated Conversation::allocate(const AllocationRequest& wanted, std::chrono::seconds lifetime) {
  EXPECT_TRUE(client.allocate(wanted, now_));
  challenge(request(Method::allocate), ErrorCode::unauthenticated);
  std::vector<std::string> relayed{"203.0.113.9:50000"};
  if (std::holds_alternative<RelayedAddressOfEachFamily>(wanted.relayed)) {
    relayed.push_back("[2001:db8::9]:50000");
  }
  succeed(request(Method::allocate), granted(lifetime, std::move(relayed)));
  return event<Allocated>();
}

void Conversation::create_permission(std::string_view ip) {
  EXPECT_TRUE(client.create_permission(*IpAddress::parse(ip), now_));
  succeed(request(Method::create_permission));
  event<PermissionInstalled>();
}

ChannelNumber Conversation::bind_channel(std::string_view peer) {
  const auto channel = client.bind_channel(peer_address(address(peer)), now_);
  EXPECT_TRUE(channel);
  succeed(request(Method::channel_bind));
  const auto next = client.poll_event();
  EXPECT_TRUE(next && std::holds_alternative<ChannelBound>(*next)) << describe(next);
  return *channel;
}

std::string Conversation::describe(const std::optional<TurnEvent>& event) {
  if (!event) return "none";
  if (const auto* failure = std::get_if<RequestFailure>(&*event)) return to_string(*failure);
  constexpr std::array<std::string_view, std::variant_size_v<TurnEvent>> kNames{
      "Allocated",    "Refreshed",    "Released",        "AllocationLost", "PermissionInstalled",
      "ChannelBound", "PeerDatagram", "PeerUnreachable", "RequestFailure"};
  return std::string{kNames[event->index()]};
}

}  // namespace uturn
