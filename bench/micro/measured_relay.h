// MeasuredRelay: a complete relay with many allocations, and nothing below it that costs anything.
#pragma once

#include <memory>
#include <vector>

#include "bench/micro/samples.h"
#include "protocol/channel_data.h"
#include "server/relay/port_pool.h"
#include "server/relay/relay.h"

namespace uturn {

/// Each allocation has channel 0x4000 to the first of its two peers, and a permission for both.
class MeasuredRelay {
 public:
  explicit MeasuredRelay(uint32_t allocations) {
    for (uint32_t i = 0; i < allocations; ++i) {
      allocate(i);
      bind_channel(i);
    }
    CHECK(relay_.allocations() == allocations && sockets_.tags.size() == allocations);
  }
  ~MeasuredRelay() { relay_.close_all(); }

  Arrival arrival(uint32_t i) const {
    return {{client_address(sample_end(10, i)), server_, Transport::udp}, kListener, 0, 0, 64};
  }
  RelayTag tag(uint32_t i) const { return sockets_.tags[i]; }
  static PeerAddress bound_peer(uint32_t i) { return peer_address(sample_end(8, i)); }
  static PeerAddress other_peer(uint32_t i) {
    PeerAddress peer = bound_peer(i);
    peer.port = 9;
    return peer;
  }

  void expect(const Arrival& arrival) { relay_.expect(arrival.five_tuple); }
  void expect(RelayTag tag) { relay_.expect(tag); }
  void look_ahead() { relay_.look_ahead(); }
  Outcome from_client(const Arrival& arrival, const Packet& packet) {
    return relay_.on_client_packet(arrival, packet, now_);
  }
  Outcome from_peer(RelayTag tag, const PeerAddress& peer, const Packet& packet) {
    return relay_.on_peer_packet(tag, peer, {0, 0, 64, false, {}}, packet, now_);
  }

 private:
  static constexpr SocketId kListener{0, 1};

  struct Sockets final : RelaySockets {
    std::vector<RelayTag> tags;  ///< in the order of the allocations
    Result<SocketId, SocketFailure> open(const RelayedAddress&, RelayTag tag) override {
      tags.push_back(tag);
      return SocketId{static_cast<uint32_t>(tags.size()), 1};
    }
    bool begin_receiving(SocketId, const RelayedAddress&) override { return true; }
    void close(SocketId) override {}
    Result<HeldSocket, SocketFailure> hold(const RelayedAddress&) override {
      return Failure{SocketFailure::exhausted};
    }
    Result<SocketId, SocketFailure> adopt(HeldSocket, const RelayedAddress&, RelayTag) override {
      return Failure{SocketFailure::exhausted};
    }
    void drop(HeldSocket) override {}
  };
  struct Answers final : AnswerSpace {
    std::array<uint8_t, kAnswerSize> space{};
    MutableBytes lend(size_t size) override { return MutableBytes{space}.first(size); }
  };
  struct NoOthers final : OtherShards {
    bool ask_for_reservation(uint8_t, uint64_t, std::string_view, PendingId) override {
      return false;
    }
    void expect_shortcuts_to(uint8_t) override {}
  };

  void allocate(uint32_t i) {
    tell(i, sample_message(Method::allocate, MessageClass::request,
                           [](MessageBuilder& builder) { builder.add_requested_transport(17); }));
  }
  void bind_channel(uint32_t i) {
    tell(i,
         sample_message(Method::channel_bind, MessageClass::request, [i](MessageBuilder& builder) {
           builder.add_channel_number(0x4000);
           builder.add_xor_address(AttributeType::xor_peer_address, bound_peer(i));
         }));
  }
  void tell(uint32_t i, std::vector<uint8_t> message) {
    std::array<uint8_t, kHeadroom> room{};
    const Outcome outcome = from_client(arrival(i), Packet{room, message});
    CHECK(std::holds_alternative<Answer>(outcome));
  }
  /// Enough for 16,384 allocations each.
  static std::vector<IpAddress> relay_addresses() {
    std::vector<IpAddress> addresses;
    for (uint8_t i = 1; i <= 8; ++i) {
      addresses.push_back(IpAddress::v4(std::array<uint8_t, 4>{203, 0, 113, i}));
    }
    return addresses;
  }

  Now now_{Instant{} + 1h, CalendarTime{1'800'000'000s}};
  ServerAddress server_ = server_address(sample_address("203.0.113.100:3478"));
  CsprngRandom random_;
  PortPools ports_{relay_addresses(), PortRange{}, random_};
  QuotaLedger quota_{QuotaLimits{}};
  // Who somebody is, is asked by requests only.
  Realms realms_{
      std::make_shared<const Authenticator>(
          Authenticator::Settings{
              .realm = "example.org", .required = false, .nonce = {.keys = {NonceKey{}}}},
          nullptr, nullptr, std::vector<std::shared_ptr<UserDirectory>>{}),
      std::make_shared<const PeerPolicy>(PeerPolicy::Settings{})};
  Sockets sockets_;
  Answers answers_;
  NoOthers others_;
  RelayObserver observer_;
  Relay relay_{RelaySettings{},
               {realms_, quota_, ports_, sockets_, answers_, others_, observer_, random_},
               now_};
};

}  // namespace uturn
