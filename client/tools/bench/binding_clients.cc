// BindingClients: ask, hear, ask again.
#include "client/tools/bench/binding_clients.h"

#include <algorithm>

namespace uturn {

BindingClients::BindingClients(const ServerRoute& route, Random& random)
    : RequestClients(route), random_(random) {}

void BindingClients::add(SocketId socket) {
  const RetransmissionSettings once{
      .initial_rto = kPatience, .request_count = 1, .last_wait = 1, .reliable_timeout = kPatience};
  clients_.push_back({.socket = socket,
                      .stun = StunClient{{.retransmission = once,
                                          .decoration = {.software = {}},
                                          .reliable = route().is_reliable()},
                                         random_}});
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
  if (request) route().send(client.socket, index_of(client), *request);
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
  run_connections(now);
  if (!is_past(next_round_, now)) return;
  next_round_ = now.monotonic + kDeadlineRound;
  for (Client& client : clients_) {
    client.stun.on_deadline(now);
    take_event(client, now);
  }
}

void BindingClients::on_client_frame(size_t index, MutableBytes frame, Now now) {
  if (index >= clients_.size()) return;
  clients_[index].stun.handle(frame, now);
  take_event(clients_[index], now);
}

// Counted at the next round of deadlines and asked again no sooner: nobody is there.
void BindingClients::on_unreachable(size_t index, Now) {
  if (index < clients_.size()) clients_[index].stun.handle_unreachable();
}

// The next request goes over another connection.
void BindingClients::on_client_gone(size_t index, const ConnectionEnd&, Now) {
  clients_[index].stun.handle_connection_ended();
  route().hang_up(index);
}

}  // namespace uturn
