// The forwarder's two ways, and the set-up of a flow.
#include "bench/forwarder.h"

#include <bit>
#include <utility>

#include "protocol/attributes.h"

namespace uturn {
namespace {

constexpr std::string_view kSetUp = "FWD1";

std::optional<TransportAddress> read_set_up(Bytes packet) {
  if (!text_of(packet).starts_with(kSetUp)) return std::nullopt;
  return decode_address(packet.subspan(kSetUp.size()));
}

// As a relay does it (RFC 8656, Sections 13 and 14).
IpFields onward(const ReceivedDatagram& datagram) {
  const auto ttl = static_cast<uint8_t>(datagram.ttl > 0 ? datagram.ttl - 1 : 0);
  return {datagram.dscp, datagram.ecn, ttl, false, {}};
}

}  // namespace

Forwarder::Forwarder(Loop& loop, UdpSocketSpec relay_socket, uint32_t flows, uint64_t seed)
    : loop_(loop),
      relay_socket_(std::move(relay_socket)),
      most_flows_(flows),
      seed_(seed),
      index_(std::bit_ceil(size_t{flows} * 2)) {
  flows_.reserve(flows);
}

void Forwarder::on_datagrams(std::span<ReceivedDatagram> batch) {
  for (const ReceivedDatagram& datagram : batch) {
    if (datagram.tag == kForwarderListener) {
      from_client(datagram);
    } else {
      from_peer(datagram);
    }
  }
}

void Forwarder::from_client(const ReceivedDatagram& datagram) {
  const Bytes bytes = datagram.packet.bytes();
  if (const auto peer = read_set_up(bytes)) return set_up(datagram, *peer);

  const IndexEntry& found = place_of(datagram.from);
  if (found.flow == kNone || datagram.ttl == 1) {
    ++dropped_;
    return;
  }
  const Flow& flow = flows_[found.flow];
  loop_.send({flow.relay, flow.peer, {}, bytes, onward(datagram)});
  ++forwarded_;
}

void Forwarder::from_peer(const ReceivedDatagram& datagram) {
  const Flow& flow = flows_[datagram.tag];
  if (datagram.ttl == 1) {
    ++dropped_;
    return;
  }
  IpFields ip = onward(datagram);
  ip.source = flow.server;
  loop_.send({flow.listener, flow.client, {}, datagram.packet.bytes(), ip});
  ++forwarded_;
}

void Forwarder::set_up(const ReceivedDatagram& datagram, const TransportAddress& peer) {
  const IndexEntry& found = place_of(datagram.from);
  Flow* const flow = found.flow == kNone ? open(datagram) : &flows_[found.flow];

  const MutableBytes answer = loop_.lend(kSetUp.size() + 20);
  std::ranges::copy(bytes_of(kSetUp), answer.begin());
  size_t size = kSetUp.size();
  if (flow) {
    flow->peer = peer;
    size +=
        encode_address(loop_.local_address(flow->relay), answer.subspan(kSetUp.size()).first<20>());
  }
  loop_.send({datagram.socket, datagram.from, {}, answer.first(size), {.source = datagram.to}});
}

Forwarder::Flow* Forwarder::open(const ReceivedDatagram& datagram) {
  if (flows_.size() == most_flows_) return nullptr;
  const auto number = static_cast<uint32_t>(flows_.size());
  const auto relay = loop_.open(relay_socket_, number);
  if (!relay) return nullptr;
  flows_.push_back({datagram.from, datagram.to, datagram.socket, *relay, {}});
  place_of(datagram.from) = {static_cast<uint32_t>(hash_of(datagram.from, seed_)), number};
  return &flows_.back();
}

// The client's entry, or the empty one where it belongs.
Forwarder::IndexEntry& Forwarder::place_of(const TransportAddress& client) {
  const auto wanted = static_cast<uint32_t>(hash_of(client, seed_));
  const size_t mask = index_.size() - 1;
  for (size_t at = wanted & mask;; at = (at + 1) & mask) {
    IndexEntry& entry = index_[at];
    if (entry.flow == kNone) return entry;
    if (entry.hash == wanted && flows_[entry.flow].client == client) return entry;
  }
}

}  // namespace uturn
