// A world with TCP allocations (RFC 6062): peers' ends, and a client that has one.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "tests/simulation/stream_visitor.h"

namespace uturn {

inline constexpr uint8_t kTcp = 6;
inline constexpr std::string_view kPeer = "198.51.100.7:5000";

/// A peer's end of one connection.
class PeerEnd {
 public:
  PeerEnd(StreamWorld& world, StreamNetwork::End end) : world_(world), end_(end) {
    world_.streams().watch(end_, [this](const StreamChange& change) {
      if (change.readable || change.failed) read();
      if (change.writable) write();
    });
    read();  // it may have been told before
  }
  ~PeerEnd() {
    if (end_ != 0) world_.streams().close(end_);
  }
  void say(std::string_view text) {
    unsent_ += text;
    write();
  }
  void end_writing() { world_.streams().end_writing(end_); }
  void leave() { world_.streams().close(std::exchange(end_, 0)); }
  void reset() { world_.streams().reset(std::exchange(end_, 0)); }
  bool has_said_all() const { return unsent_.empty(); }
  std::string heard;
  bool has_ended = false;
  bool was_reset = false;
  bool is_over() const { return has_ended || was_reset; }

 private:
  void write() {
    while (!unsent_.empty()) {
      const Bytes piece = bytes_of(unsent_);
      const auto size = world_.streams().write(end_, {&piece, 1});
      if (!size) return;
      unsent_.erase(0, *size);
    }
  }
  void read() {
    std::array<uint8_t, 2'048> buffer;
    for (;;) {
      const auto size = world_.streams().read(end_, buffer);
      if (size) {
        heard += text_of(Bytes{buffer}.first(*size));
        continue;
      }
      has_ended = has_ended || size.error() == StreamError::ended;
      was_reset = was_reset || (!has_ended && size.error() != StreamError::would_block);
      return;
    }
  }
  StreamWorld& world_;
  StreamNetwork::End end_;
  std::string unsent_;
};

/// Listens; or connects from its address.
class TcpPeer {
 public:
  explicit TcpPeer(StreamWorld& world, std::string_view address = kPeer)
      : world_(world), address_(*TransportAddress::parse(address)) {
    StreamSpec spec;
    spec.address = address_;
    spec.reuse_address = true;
    listener_ = *world.streams().listen(spec, [] {});
  }
  ~TcpPeer() { world_.streams().close_listener(listener_); }
  std::unique_ptr<PeerEnd> accept() {
    std::optional<StreamNetwork::End> end;
    world_.run_until([&] { return (end = world_.streams().accept(listener_)).has_value(); });
    EXPECT_TRUE(end) << "nobody connected";
    return end ? std::make_unique<PeerEnd>(world_, *end) : nullptr;
  }
  std::unique_ptr<PeerEnd> connect(const TransportAddress& to) {
    StreamSpec spec;
    spec.address = {address_.ip, 0, 0};
    const auto end = world_.streams().connect(spec, to, [](const StreamChange&) {});
    EXPECT_TRUE(end);
    world_.run_until([&] {
      const StreamEnd* known = world_.streams().find(*end);
      return known == nullptr || known->is_connected || known->failure;
    });
    return std::make_unique<PeerEnd>(world_, *end);
  }

 private:
  StreamWorld& world_;
  TransportAddress address_;
  StreamNetwork::Listener listener_ = 0;
};

inline StreamVisitor::Body to_peer(std::string_view peer = kPeer) {
  return [address = *TransportAddress::parse(peer)](MessageBuilder& message) {
    message.add_xor_address(AttributeType::xor_peer_address, address);
  };
}
inline StreamVisitor::Body of(ConnectionId id) {
  return [id](MessageBuilder& message) { message.add_u32(AttributeType::connection_id, id.value); };
}

class TcpAllocations : public testing::Test {
 protected:
  explicit TcpAllocations(uint8_t shards = 1)
      : TcpAllocations([&](ServerSpec& spec) { spec.shards = shards; }) {}
  explicit TcpAllocations(const std::function<void(ServerSpec&)>& more, uint64_t seed = 1,
                          const std::string& user = "alice")
      : world(stream_server(more), seed),
        user_(user),
        alice(world, "203.0.113.1:4000", Manners{.user = user}) {}

  ConnectionId connect() {
    const Message answer = alice.ask(Method::connect, to_peer());
    EXPECT_TRUE(answer.is_success()) << answer.error();
    return answer.connection();
  }
  /// A connection of the client's that knows what `alice` has learned.
  std::unique_ptr<StreamVisitor> data_connection(bool tls = false) {
    auto data =
        std::make_unique<StreamVisitor>(world, "203.0.113.1:" + std::to_string(next_port_++),
                                        Manners{.speaks_tls = tls, .user = user_});
    return data;
  }
  /// What comes behind the answer are a peer's bytes.
  Message bind(StreamVisitor& data, ConnectionId id) {
    data.listen_to_bytes();
    return data.ask(Method::connection_bind, of(id));
  }
  /// A connection of the client's, and the peer's end that it is joined with.
  struct Pair {
    std::unique_ptr<StreamVisitor> ours;
    std::unique_ptr<PeerEnd> theirs;
  };
  Pair pair() {
    const ConnectionId id = connect();
    Pair pair{data_connection(), peer.accept()};
    EXPECT_TRUE(bind(*pair.ours, id).is_success());
    return pair;
  }
  /// The peer has connected: there may be many of these.
  Pair attempted_pair() {
    alice.ask(Method::create_permission, to_peer());
    Pair pair{data_connection(), peer.connect(relayed)};
    EXPECT_TRUE(world.run_until([&] { return !alice.frames.empty(); }));
    if (alice.frames.empty()) return pair;
    const ConnectionId id = Message(alice.frames.front()).connection();
    alice.frames.pop_front();
    EXPECT_TRUE(bind(*pair.ours, id).is_success());
    return pair;
  }
  bool nothing_remains() {
    return world.run_until(
        [&] { return world.peer_connections() == 0 && world.counters().joined_now == 0; }, 1s);
  }

  StreamWorld world;
  TcpPeer peer{world};
  std::string user_;
  StreamVisitor alice;
  TransportAddress relayed = alice.allocate(kTcp);
  uint16_t next_port_ = 5'000;
};

}  // namespace uturn
