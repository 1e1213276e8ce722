// ForwardClients: asking for a flow.
#include "client/tools/bench/forward_clients.h"

#include <algorithm>
#include <array>

#include "client/tools/bench/relay_datagram.h"
#include "protocol/attributes.h"

namespace uturn {
namespace {

// 0, 100, 300, 700, 1500 ms; given up at 3100 ms. A forwarder is near, and has no work but this.
constexpr Duration kFirstWait = 100ms;
constexpr uint32_t kMostSent = 5;

}  // namespace

void ForwardClients::add(SocketId socket, std::vector<PeerAddress> peers) {
  RelayClients::add(socket, std::move(peers));
  set_ups_.emplace_back();
}

void ForwardClients::ask(size_t index, Now now) {
  std::array<uint8_t, kForwarderSetUp.size() + 20> message;
  const auto address = std::ranges::copy(bytes_of(kForwarderSetUp), message.begin()).out;
  const size_t size =
      encode_address(client(index).peers.front(), std::span<uint8_t, 20>{address, message.end()});
  send(index, Bytes{message}.first(kForwarderSetUp.size() + size));

  SetUp& set_up = set_ups_[index];
  set_up.deadline = now.monotonic + kFirstWait * (1 << set_up.sent);
  ++set_up.sent;
}

void ForwardClients::on_deadline(size_t index, Now now) {
  if (set_ups_[index].sent < kMostSent) return ask(index, now);
  end_set_up(index);
  fail(index, kTimeout, "no forwarder answers at this address");
}

void ForwardClients::on_answer(size_t index, MutableBytes datagram, Now) {
  if (!awaits_answer(index) || !text_of(datagram).starts_with(kForwarderSetUp)) return;
  const Bytes value = Bytes{datagram}.subspan(kForwarderSetUp.size());
  const auto relayed = decode_address(value);
  if (!relayed && !value.empty()) return;

  end_set_up(index);
  if (!relayed) return fail(index, "refused", "the forwarder refuses: no socket, or no room");
  client(index).relayed = relayed_address(*relayed);
  become_ready(index);
}

void ForwardClients::on_unreachable(size_t index, Now) {
  if (!awaits_answer(index)) return;
  end_set_up(index);
  fail(index, "unreachable", "nothing listens on this port, or there is no way to it (ICMP)");
}

}  // namespace uturn
