// The shard's datagrams that are not simply TURN: behind a proxy's header, or records of DTLS.
//
// RFC 7983, Section 7; RFC 7350, Section 4.6.
#include "server/shard.h"
#include "server/streams/first_bytes.h"

namespace uturn {
namespace {

constexpr uint8_t kDtlsByte = 1;
constexpr uint8_t kOtherByte = 2;

constexpr uint8_t kind_of(uint8_t first) {
  return static_cast<uint8_t>(first - 20) < 44 ? kDtlsByte : kOtherByte;
}
constexpr bool agrees_with_first_bytes() {
  for (int first = 0; first < 256; ++first) {
    const auto byte = static_cast<uint8_t>(first);
    const bool is_dtls = kind_of_datagram(byte, ChannelRange::rfc8656) == DatagramKind::dtls;
    if ((kind_of(byte) == kDtlsByte) != is_dtls) return false;
  }
  return true;
}
static_assert(agrees_with_first_bytes());

}  // namespace

/// Asked for every datagram of a client: no look-up, and one branch at its caller.
uint8_t Shard::kind_of_first_byte(const Packet& packet) {
  return kind_of(packet.size() > 0 ? packet.bytes()[0] : 0);
}

void Shard::note_wrappings() {
  for (DatagramListener& listener : listeners_) {
    listener.wrapped = 0;
    if (dtls_.is_on()) listener.wrapped |= kDtlsByte;
    if (listener.plain == TakesPlain::no) listener.wrapped |= kOtherByte;
    if (proxied_.is_on()) listener.wrapped |= kDtlsByte | kOtherByte;
  }
}

// The proxy's header first: what it announces is the client, for DTLS too.
void Shard::on_wrapped(Arrival arrival, const ReceivedDatagram& datagram) {
  Packet packet = datagram.packet;
  bool is_announced = false;
  if (proxied_.is_on() && proxied_.is_proxy(datagram.from.ip)) {
    const auto announced = proxied_.read(packet.bytes());
    if (!announced) return;
    packet = packet.inner(announced->payload);
    is_announced = announced->client.has_value();
    if (is_announced) arrival.five_tuple.client = client_address(*announced->client);
  }
  if (dtls_.is_on() && kind_of_first_byte(packet) == kDtlsByte) {
    arrival.five_tuple.transport = Transport::dtls;
    dtls_.on_datagram(arrival, datagram.from, packet, now_);
  } else if (listeners_[datagram.tag].plain == TakesPlain::no) {
    dtls_.refuse_plain();
  } else if (is_announced) {
    on_proxied(arrival, datagram.from, packet);
  } else {
    carry_out(arrival, relay_.on_client_packet(arrival, packet, now_));
  }
}

// Answers go where the request came from.
void Shard::on_proxied(const Arrival& arrival, const TransportAddress& proxy,
                       const Packet& packet) {
  const bool is_known = proxied_.update(arrival.listener, arrival.five_tuple, proxy);
  const Outcome outcome = relay_.on_client_packet(arrival, packet, now_);
  const auto* answered = std::get_if<Answer>(&outcome);
  if (answered == nullptr) {
    if (!is_known && std::holds_alternative<Defer>(outcome)) {
      proxied_.await(arrival.listener, arrival.five_tuple, proxy);
    }
    carry_out(arrival, outcome);
    return;
  }
  if (!is_known && has_allocation(arrival.five_tuple)) {
    proxied_.remember(arrival.listener, arrival.five_tuple, proxy);
  }
  loop_->send({arrival.listener, proxy, {}, answered->message, answered->ip});
}

/// Where an answer goes; of a request behind a proxy, one that had to wait.
TransportAddress Shard::route_of(const Arrival& arrival) const {
  if (!proxied_.is_on()) return arrival.five_tuple.client;
  return proxied_.route_of_waiting(arrival.listener, arrival.five_tuple);
}

void Shard::on_dtls_message(const Arrival& arrival, const Packet& packet) {
  carry_out(arrival, relay_.on_client_packet(arrival, packet, now_));
}

}  // namespace uturn
