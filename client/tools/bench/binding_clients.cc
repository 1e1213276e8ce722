// BindingClients: ask, hear, ask again.
#include "client/tools/bench/binding_clients.h"

#include <algorithm>

namespace uturn {

BindingClients::BindingClients(Loop& loop, Random& random, const TransportAddress& server)
    : loop_(loop), random_(random), server_(server) {}

void BindingClients::add(SocketId socket) {
  const RetransmissionSettings once{.initial_rto = kPatience, .request_count = 1, .last_wait = 1};
  clients_.push_back(
      {.socket = socket,
       .stun = StunClient{{.retransmission = once, .decoration = {.software = {}}}, random_}});
}

void BindingClients::begin(Now now) {
  for (Client& client : clients_) ask(client, now);
  next_round_ = now.monotonic + kDeadlineRound;
}

void BindingClients::ask(Client& client, Now now) {
  if (!client.stun.bind(now)) return;
  ++bindings_.begun;
  client.began = now.monotonic;
  const auto request = client.stun.poll_transmit(now);
  if (!request) return;
  const MutableBytes buffer = loop_.lend(request->size()).first(request->size());
  std::ranges::copy(*request, buffer.begin());
  loop_.send({.via = client.socket, .to = server_, .header = {}, .payload = buffer, .ip = {}});
}

void BindingClients::take_event(Client& client, Now now) {
  const auto event = client.stun.poll_event();
  if (!event) return;
  if (const auto* failure = std::get_if<RequestFailure>(&*event)) {
    ++bindings_.failed[tally_name(*failure)];
  } else {
    ++bindings_.succeeded;
    bindings_.latency.record(now.monotonic - client.began);
  }
  ask(client, now);
}

void BindingClients::start_counting() {
  bindings_ = {};
  bindings_.begun = clients_.size();
}

void BindingClients::on_deadlines(Now now) {
  if (!is_past(next_round_, now)) return;
  next_round_ = now.monotonic + kDeadlineRound;
  for (Client& client : clients_) {
    client.stun.on_deadline(now);
    take_event(client, now);
  }
}

void BindingClients::on_datagrams(std::span<ReceivedDatagram> batch) {
  const Now now = loop_.now();
  for (const ReceivedDatagram& datagram : batch) {
    if (datagram.from != server_ || datagram.tag >= clients_.size()) continue;
    Client& client = clients_[datagram.tag];
    client.stun.handle(datagram.packet.bytes(), now);
    take_event(client, now);
  }
}

// Counted at the next round of deadlines and asked again no sooner: nobody is there.
void BindingClients::on_icmp_error(const IcmpError& error) {
  if (error.tag >= clients_.size() || error.destination != server_) return;
  clients_[error.tag].stun.handle_unreachable();
}

}  // namespace uturn
