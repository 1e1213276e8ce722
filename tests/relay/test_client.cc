// TestClient: a client's side of the conversation.
#include "tests/relay/test_relay.h"

namespace uturn {

TestClient::TestClient(TestRelay& relay, FiveTuple five_tuple, SocketId listener,
                       std::string username, uint8_t shard)
    : relay_(relay),
      arrival_{.five_tuple = five_tuple, .listener = listener},
      username_(std::move(username)),
      password_("secret of " + username_),
      shard_(shard) {}

void TestClient::marks(uint8_t dscp, uint8_t ecn, uint8_t ttl) {
  arrival_.dscp = dscp;
  arrival_.ecn = ecn;
  arrival_.ttl = ttl;
}

Message TestClient::allocate(const Body& body) {
  const Message answer = request(Method::allocate, [&](MessageBuilder& message) {
    message.add_requested_transport(17);
    if (body) body(message);
  });
  if (answer.is_success()) relayed = answer.relayed();
  return answer;
}

Message TestClient::refresh(const Body& body) { return request(Method::refresh, body); }
Message TestClient::refresh(uint32_t lifetime) {
  return refresh([&](auto& message) { message.add_u32(AttributeType::lifetime, lifetime); });
}

Message TestClient::create_permission(std::string_view peer) {
  return request(Method::create_permission, [&](auto& message) {
    message.add_xor_address(AttributeType::xor_peer_address, address(peer));
  });
}

Message TestClient::bind_channel(uint16_t number, std::string_view peer) {
  return request(Method::channel_bind, [&](auto& message) {
    message.add_channel_number(number);
    message.add_xor_address(AttributeType::xor_peer_address, address(peer));
  });
}

Message TestClient::allocate_tcp(const Body& body) {
  const Message answer = request(Method::allocate, [&](MessageBuilder& message) {
    message.add_requested_transport(6);
    if (body) body(message);
  });
  if (answer.is_success()) relayed = answer.relayed();
  return answer;
}

Message TestClient::connect(std::string_view peer) {
  return request(Method::connect, [&](auto& message) {
    message.add_xor_address(AttributeType::xor_peer_address, address(peer));
  });
}

Message TestClient::bind_connection(ConnectionId id) {
  return request(Method::connection_bind,
                 [&](auto& message) { message.add_u32(AttributeType::connection_id, id.value); });
}

Message TestClient::binding(const Body& body) { return unsigned_request(Method::binding, body); }

Message TestClient::unsigned_request(Method method, const Body& body) {
  std::vector<uint8_t> bytes(65'535);
  MessageBuilder builder(bytes, method, MessageClass::request, relay_.next_transaction());
  if (body) body(builder);
  CHECK(!builder.overflowed());
  bytes.resize(builder.size());
  return send_request(std::move(bytes));
}

Message TestClient::request(Method method, const Body& body) {
  return send_request(signed_bytes(method, body));
}

std::vector<uint8_t> TestClient::signed_bytes(Method method, const Body& body) {
  if (nonce_.empty() && !relay_.is_authenticating()) {
    nonce_ = "none";
  } else if (nonce_.empty()) {
    const Message challenge = unsigned_request(Method::allocate);
    CHECK(challenge.error() == 401 || challenge.is_none());
    if (!challenge.is_none()) {
      nonce_ = challenge.text(AttributeType::nonce);
      const auto algorithms = *challenge.view().value(AttributeType::password_algorithms);
      algorithms_.assign(algorithms.begin(), algorithms.end());
    }
  }
  std::vector<uint8_t> bytes(65'535);
  MessageBuilder builder(bytes, method, MessageClass::request, relay_.next_transaction());
  if (body) body(builder);
  if (relay_.is_authenticating()) prove(builder);
  CHECK(!builder.overflowed());
  bytes.resize(builder.size());
  return bytes;
}

TokenKey token_key() {
  TokenKey key;
  key.kid = "kid";
  return key;
}

void TestClient::has_token(std::chrono::seconds lifetime) {
  static uint8_t tokens = 0;
  const std::array<uint8_t, 20> mac_key{++tokens};
  session_key_ = *Key::from_mac_key(mac_key);
  const std::array<uint8_t, kTokenNonceSize> nonce{tokens};
  token_ =
      seal_token({*session_key_, relay_.now.calendar, lifetime}, token_key(), "example.org", nonce);
}

Key TestClient::key() const {
  if (session_key_) return *session_key_;
  return Key::derive(by_sha256_ ? PasswordAlgorithm::sha256 : PasswordAlgorithm::md5, username_,
                     realm_, password_);
}

void TestClient::prove(MessageBuilder& builder) {
  builder.add_text(AttributeType::username, username_)
      .add_text(AttributeType::realm, realm_)
      .add_text(AttributeType::nonce, nonce_);
  if (!token_.empty()) builder.add(AttributeType::access_token, token_);
  if (by_sha256_) {
    builder.add(AttributeType::password_algorithms, algorithms_);
    builder.add_password_algorithm(static_cast<uint16_t>(PasswordAlgorithm::sha256));
    builder.add_integrity_sha256(key().bytes());
  } else {
    builder.add_integrity(key().bytes());
  }
}

Message TestClient::repeat() { return send_request(last_request_); }

// What comes at once is the answer, and perhaps what a request brings about besides: the answer is
// of this transaction, and signed where it tells the authenticated anything.
Message TestClient::send_request(std::vector<uint8_t> bytes) {
  last_request_ = bytes;
  const size_t before = inbox_.size();
  relay_.from_client(*this, bytes);
  if (inbox_.size() == before) return {};
  const TransactionId asked = MessageView::parse(bytes)->transaction_id();
  auto at = std::find_if(inbox_.begin() + static_cast<ptrdiff_t>(before), inbox_.end(),
                         [&](const auto& heard) {
                           const auto view = MessageView::parse(heard);
                           return view && view->transaction_id() == asked;
                         });
  if (at == inbox_.end()) --at;
  const std::vector<uint8_t> heard = std::move(*at);
  inbox_.erase(at);
  const Message message(heard);
  const MessageView view = message.view();
  EXPECT_EQ(view.transaction_id(), asked);
  EXPECT_EQ(view.method(), MessageView::parse(bytes)->method());
  EXPECT_TRUE(fingerprint_is_absent_or_right(view));
  const bool was_signed = MessageView::parse(bytes)->has(AttributeType::username);
  if (was_signed && message.is_success()) {
    EXPECT_TRUE(by_sha256_ ? verify_integrity_sha256(view, key().bytes())
                           : verify_integrity(view, key().bytes()))
        << "a success response is signed as its request was";
  }
  return message;
}

void TestClient::send(std::string_view peer, std::string_view data, const Body& more) {
  std::vector<uint8_t> bytes(70'000);
  MessageBuilder builder(bytes, Method::send, MessageClass::indication, relay_.next_transaction());
  builder.add_xor_address(AttributeType::xor_peer_address, address(peer));
  if (more) more(builder);
  builder.add_text(AttributeType::data, data);
  CHECK(!builder.overflowed());
  bytes.resize(builder.size());
  datagram(std::move(bytes));
}

void TestClient::channel_data(uint16_t number, std::string_view data) {
  datagram(uturn::channel_data(number, data));
}

void TestClient::datagram(std::vector<uint8_t> bytes) { relay_.from_client(*this, bytes); }

std::vector<uint8_t> TestClient::received() {
  if (inbox_.empty()) {
    ADD_FAILURE() << "the client heard nothing";
    return {};
  }
  std::vector<uint8_t> first = std::move(inbox_.front());
  inbox_.pop_front();
  return first;
}

Message TestClient::answer() { return inbox_.empty() ? Message{} : Message(received()); }

}  // namespace uturn
