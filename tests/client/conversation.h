// Conversation: a TurnClient under a virtual clock, and the server's lines spoken by the test.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/key.h"
#include "client/turn_client.h"
#include "protocol/message_builder.h"

namespace uturn {

/// The same numbers in every run; never the same twice in one.
class CountingRandom final : public Random {
 public:
  void fill(MutableBytes out) override {
    for (uint8_t& byte : out) {
      state_ = state_ * 6364136223846793005 + 1442695040888963407;
      byte = static_cast<uint8_t>(state_ >> 56);
    }
  }

 private:
  uint64_t state_ = 1;
};

/// A message that keeps its bytes.
class Message {
 public:
  explicit Message(Bytes bytes) : bytes_(bytes.begin(), bytes.end()) {}
  MessageView view() const { return *MessageView::parse(bytes_); }
  Bytes bytes() const { return bytes_; }
  Method method() const { return view().method(); }
  TransactionId id() const { return view().transaction_id(); }
  bool has(AttributeType type) const { return view().has(type); }
  std::string text(AttributeType type) const;  ///< "" where absent
  std::optional<uint32_t> u32(AttributeType type) const;
  TransportAddress xor_address(AttributeType type) const;

 private:
  std::vector<uint8_t> bytes_;
};

using Body = std::function<void(MessageBuilder&)>;

/// What the scripted server announces with a challenge.
struct Announcement {
  std::string realm = "example.org";
  std::string nonce = "n-1";
  std::vector<uint16_t> algorithms{};  ///< PASSWORD-ALGORITHMS; none: no such attribute
};

/// alice with the password "secret"; no SOFTWARE and no FINGERPRINT unless a test wants them.
TurnClient::Settings alice();
TransportAddress address(std::string_view text);
std::vector<uint8_t> channel_data(uint16_t channel, std::string_view data);

class Conversation {
 public:
  explicit Conversation(TurnClient::Settings settings = alice()) : client(settings, random_) {}

  /// Lets time pass; deadlines on the way are served, what is sent meanwhile is collected.
  void advance(Duration duration);
  Now now() const { return now_; }
  Duration elapsed() const { return now_.monotonic - Instant{}; }

  /// The next datagram the client sends, which has to be a request of this method.
  Message request(Method method);
  bool is_silent();
  /// When each datagram went out, since the start.
  const std::vector<Duration>& sent_at() const { return sent_at_; }

  // The server's answers. Signed as the request was, with the key of alice in `realm`.
  void succeed(const Message& request, const Body& body = {});
  void reject(const Message& request, ErrorCode code, const Body& body = {});
  void challenge(const Message& request, ErrorCode code, const Announcement& announcement = {});
  /// The same without or with another signature.
  void answer(const Message& request, MessageClass message_class, const Body& body,
              const std::optional<Key>& key);
  void deliver(Bytes datagram);
  void indicate(const Body& body);  ///< a Data indication

  /// The next event, which has to be one of these.
  template <class Event>
  Event event() {
    auto next = client.poll_event();
    if (!next || !std::holds_alternative<Event>(*next)) {
      ADD_FAILURE() << "another event: " << describe(next);
      return Event{};
    }
    return std::get<Event>(*std::move(next));
  }
  bool no_event() { return !client.poll_event(); }

  /// The whole way: challenged, signed, granted. Relayed 203.0.113.9:50000 (and
  /// [2001:db8::9]:50000).
  Allocated allocate(const AllocationRequest& request = {}, std::chrono::seconds lifetime = 600s);
  void create_permission(std::string_view ip);
  ChannelNumber bind_channel(std::string_view peer);

  static Key key_of(const Message& request);

 private:
  static std::string describe(const std::optional<TurnEvent>& event);
  void collect();

  CountingRandom random_;
  Now now_{};
  std::vector<Message> sent_;
  std::vector<Duration> sent_at_;
  std::vector<uint8_t> delivered_;

 public:
  TurnClient client;
};

/// The body of an Allocate success response.
Body granted(std::chrono::seconds lifetime, std::vector<std::string> relayed);

}  // namespace uturn
