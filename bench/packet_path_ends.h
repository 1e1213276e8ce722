// The ends of packet_path: clients and peers on sockets of their own, in the thread that relays.
#pragma once

#include <sys/socket.h>

#include <array>
#include <vector>

#include "io/control_messages.h"
#include "io/udp_socket.h"
#include "protocol/attributes.h"
#include "protocol/channel_data.h"
#include "protocol/message_builder.h"

namespace uturn {

/// What is sent to it and not asked for is the kernel's to drop.
class UdpEnd {
 public:
  explicit UdpEnd(const IpAddress& ip) {
    auto opened = UdpSocket::open(
        {.address = {ip, 0, 0}, .receive_buffer = 4'096, .send_buffer = 4'096}, false);
    CHECK(opened);
    socket_ = std::move(*opened);
    address_ = socket_.local_address();
  }
  const TransportAddress& address() const { return address_; }

  void send(const TransportAddress& to, Bytes datagram) const {
    SocketName name;
    const socklen_t size = write_name(to, name);
    const auto sent = ::sendto(socket_.fd(), datagram.data(), datagram.size(), 0, &name.any, size);
    CHECK(sent == static_cast<ssize_t>(datagram.size()));
  }
  /// The answer, for which `pass` lets the other side work.
  template <class Pass>
  std::vector<uint8_t> receive(Pass pass) const {
    std::array<uint8_t, 2'048> bytes;
    for (int passes = 0;; ++passes) {
      CHECK(passes < 1'000);
      pass();
      const ssize_t size = ::recv(socket_.fd(), bytes.data(), bytes.size(), MSG_DONTWAIT);
      if (size >= 0) return {bytes.begin(), bytes.begin() + size};
    }
  }

 private:
  UdpSocket socket_;
  TransportAddress address_;
};

/// A client of a TURN server that asks for no password.
class TurnEnd {
 public:
  TurnEnd(const IpAddress& ip, const TransportAddress& server) : end_(ip), server_(server) {}
  const UdpEnd& end() const { return end_; }
  const TransportAddress& relayed() const { return relayed_; }

  template <class Pass>
  void allocate(Pass pass) {
    MessageBuilder builder(space_, Method::allocate, MessageClass::request, {});
    const auto answer = ask(builder.add_requested_transport(17), pass);
    const auto message = MessageView::parse(answer);
    CHECK(message && message->message_class() == MessageClass::success);
    const auto relayed = message->value(AttributeType::xor_relayed_address);
    relayed_ = *decode_xor_address(*relayed, message->transaction_id());
  }
  template <class Pass>
  void bind_channel(const TransportAddress& peer, Pass pass) {
    MessageBuilder builder(space_, Method::channel_bind, MessageClass::request, {});
    builder.add_channel_number(kChannel).add_xor_address(AttributeType::xor_peer_address, peer);
    const auto answer = ask(builder, pass);
    const auto message = MessageView::parse(answer);
    CHECK(message && message->message_class() == MessageClass::success);
  }

  static std::vector<uint8_t> channel_data(Bytes payload) {
    std::vector<uint8_t> bytes(kChannelHeaderSize);
    write_channel_header(std::span(bytes).first<kChannelHeaderSize>(),
                         *ChannelNumber::from_wire(kChannel),
                         static_cast<uint16_t>(payload.size()));
    bytes.insert(bytes.end(), payload.begin(), payload.end());
    return bytes;
  }
  static std::vector<uint8_t> send_indication(const TransportAddress& peer, Bytes payload) {
    std::array<uint8_t, 2'048> space;
    MessageBuilder builder(space, Method::send, MessageClass::indication, {});
    builder.add_xor_address(AttributeType::xor_peer_address, peer);
    const Bytes message = builder.add(AttributeType::data, payload).finish();
    return {message.begin(), message.end()};
  }

 private:
  static constexpr uint16_t kChannel = 0x4000;
  template <class Pass>
  std::vector<uint8_t> ask(MessageBuilder& request, Pass pass) {
    end_.send(server_, request.finish());
    return end_.receive(pass);
  }

  UdpEnd end_;
  TransportAddress server_;
  TransportAddress relayed_;
  std::array<uint8_t, 256> space_{};
};

/// A client of the bare forwarder.
class ForwardEnd {
 public:
  ForwardEnd(const IpAddress& ip, const TransportAddress& server) : end_(ip), server_(server) {}
  const UdpEnd& end() const { return end_; }
  const TransportAddress& relayed() const { return relayed_; }

  template <class Pass>
  void set_up(const TransportAddress& peer, Pass pass) {
    std::array<uint8_t, 24> message{'F', 'W', 'D', '1'};
    const size_t size = encode_address(peer, MutableBytes{message}.subspan<4, 20>());
    end_.send(server_, Bytes{message}.first(4 + size));
    const auto answer = end_.receive(pass);
    relayed_ = *decode_address(Bytes{answer}.subspan(4));
  }

 private:
  UdpEnd end_;
  TransportAddress server_;
  TransportAddress relayed_;
};

}  // namespace uturn
