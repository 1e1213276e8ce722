// LifeClients: one request after the other, for each of them.
#include "client/tools/bench/life_clients.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "client/tools/failure_text.h"

namespace uturn {

constexpr std::chrono::seconds kLifetime{600};

LifeClients::LifeClients(const ServerRoute& route, Random& random, LifePlan plan)
    : RequestClients(route), random_(random), plan_(std::move(plan)) {}

void LifeClients::add(SocketId socket) {
  free_.push_back(static_cast<uint32_t>(clients_.size()));
  clients_.push_back({.socket = socket});
}

bool LifeClients::begin_one(Instant intended, Now now) {
  if (free_.empty()) return false;
  const uint32_t index = free_.front();
  free_.pop_front();
  Client& client = clients_[index];
  client.turn.emplace(
      TurnClient::Settings{.credentials = plan_.users.of(users_taken_++, now.calendar),
                           .retransmission = {},
                           .decoration = {},
                           .reliable = route().is_reliable()},
      random_);
  client.state = State::allocating;
  client.refreshes = plan_.refreshes;
  client.began = intended;
  set_busy(index);
  ++lives_.begun;
  AllocationRequest request;
  const bool wants_v6 = plan_.peer && !plan_.peer->ip.is_v4();
  if (wants_v6) request.relayed = OneRelayedAddress{AddressFamily::ipv6};
  client.turn->allocate(request, now);
  carry_out(index, now);
  return true;
}

bool LifeClients::release_one(Now now) {
  if (allocated_.empty()) return false;
  const uint32_t index = allocated_.front();
  allocated_.pop_front();
  set_busy(index);
  release(index, now);
  carry_out(index, now);
  return true;
}

void LifeClients::release(uint32_t index, Now now) {
  Client& client = clients_[index];
  client.state = State::releasing;
  client.began = now.monotonic;
  ++releases_.begun;
  if (client.turn->release(now)) return;
  ++releases_.failed["expired"];
  end(index);
}

// All that are busy are asked every few milliseconds, rather than kept in the order of deadlines
// that each answer changes.
void LifeClients::on_deadlines(Now now) {
  run_connections(now);
  if (!is_past(next_round_, now)) return;
  next_round_ = now.monotonic + kDeadlineRound;
  for (size_t i = busy_.size(); i-- > 0;) {  // whoever is taken out leaves its place to the last
    const uint32_t index = busy_[i];
    TurnClient& turn = *clients_[index].turn;
    if (!is_past(turn.next_deadline(), now)) continue;
    turn.on_deadline(now);
    carry_out(index, now);
  }
}

void LifeClients::start_counting() {
  lives_ = {};
  releases_ = {};
  for (const uint32_t index : busy_) {
    ++(clients_[index].state == State::releasing ? releases_ : lives_).begun;
  }
}

void LifeClients::on_client_frame(size_t client, MutableBytes frame, Now now) {
  if (client >= clients_.size() || !clients_[client].turn) return;
  clients_[client].turn->handle(frame, now);
  carry_out(static_cast<uint32_t>(client), now);
}

void LifeClients::on_unreachable(size_t client, Now now) {
  if (client >= clients_.size() || !clients_[client].turn) return;
  clients_[client].turn->handle_unreachable(now);
  carry_out(static_cast<uint32_t>(client), now);
}

void LifeClients::on_client_gone(size_t client, const ConnectionEnd& end, Now now) {
  why_gone_ = end.why;
  clients_[client].turn->handle_connection_ended(now);
  carry_out(static_cast<uint32_t>(client), now);
  why_gone_.clear();
}

void LifeClients::carry_out(uint32_t index, Now now) {
  Client& client = clients_[index];
  while (const auto event = client.turn->poll_event()) take_event(index, *event, now);
  while (const auto message = client.turn->poll_transmit(now)) transmit(index, *message);
}

void LifeClients::transmit(uint32_t index, Bytes message) {
  Client& client = clients_[index];
  TransactionId id;
  std::ranges::copy(message.subspan(8, id.bytes.size()), id.bytes.begin());
  if (id == client.last_sent) {
    ++(client.state == State::releasing ? releases_ : lives_).retransmissions;
  }
  client.last_sent = id;
  route().send(client.socket, index, message);
}

void LifeClients::take_event(uint32_t index, const TurnEvent& event, Now now) {
  Client& client = clients_[index];
  if (const auto* failure = std::get_if<RequestFailure>(&event)) {
    take_failure(index, *failure, now);
  } else if (std::holds_alternative<Allocated>(event) && client.state == State::allocating) {
    if (!plan_.peer) return go_on(index, now);
    client.state = State::permitting;
    client.turn->create_permission(plan_.peer->ip, now);
  } else if (std::holds_alternative<PermissionInstalled>(event) &&
             client.state == State::permitting) {
    client.state = State::binding;
    client.turn->bind_channel(*plan_.peer, now);
  } else if (std::holds_alternative<ChannelBound>(event) && client.state == State::binding) {
    go_on(index, now);
  } else if (std::holds_alternative<Refreshed>(event) && client.state == State::refreshing) {
    go_on(index, now);
  } else if (std::holds_alternative<Released>(event) && client.state == State::releasing) {
    ++releases_.succeeded;
    releases_.latency.record(now.monotonic - client.began);
    end(index);
  }
}

/// It has all that it came for: refreshed as often as it is to be, it is set up.
void LifeClients::go_on(uint32_t index, Now now) {
  Client& client = clients_[index];
  if (client.refreshes == 0) return on_set_up(index, now);
  --client.refreshes;
  client.state = State::refreshing;
  client.turn->refresh(kLifetime, now);
}

void LifeClients::on_set_up(uint32_t index, Now now) {
  Client& client = clients_[index];
  ++lives_.succeeded;
  lives_.latency.record(now.monotonic - client.began);
  if (plan_.ends) return release(index, now);
  client.state = State::allocated;
  set_idle(index);
  allocated_.push_back(index);
}

// Whatever was allocated by then is deleted all the same.
void LifeClients::take_failure(uint32_t index, const RequestFailure& failure, Now now) {
  Client& client = clients_[index];
  if (client.state == State::allocated) return;
  if (first_failure_.empty()) first_failure_ = why_gone_.empty() ? explain(failure) : why_gone_;
  const bool was_releasing = client.state == State::releasing;
  ++(was_releasing ? releases_ : lives_).failed[tally_name(failure)];
  const bool holds_allocation = client.turn->state() == TurnClient::State::allocated;
  if (!was_releasing && holds_allocation) return release(index, now);
  end(index);
}

// Every life over TCP, TLS and DTLS has a connection of its own.
void LifeClients::end(uint32_t index) {
  route().hang_up(index);
  clients_[index].state = State::free;
  set_idle(index);
  free_.push_back(index);
}

void LifeClients::set_busy(uint32_t index) {
  clients_[index].place = busy_.size();
  busy_.push_back(index);
}

void LifeClients::set_idle(uint32_t index) {
  const size_t place = clients_[index].place;
  CHECK(busy_[place] == index);
  busy_[place] = busy_.back();
  clients_[busy_[place]].place = place;
  busy_.pop_back();
}

}  // namespace uturn
