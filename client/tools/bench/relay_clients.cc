// RelayClients: set-up, refreshes, deletion.
#include "client/tools/bench/relay_clients.h"

#include <fmt/format.h>

#include <algorithm>

#include "client/tools/failure_text.h"

namespace uturn {
namespace {

// A server that is not there is found out within ten seconds, not forty.
constexpr RetransmissionSettings kRetransmission{
    .initial_rto = 500ms, .request_count = 5, .last_wait = 4};
// A server that refuses so many will refuse the rest: some once it served others, few before.
constexpr uint64_t kMostFailures = 64;
constexpr uint64_t kMostFailuresAtFirst = 3;

const std::string kTimeout = "timeout";

std::string code_of(const RequestFailure& failure) {
  if (failure.cause == FailureCause::error_response) return fmt::format("{}", failure.code);
  return failure.cause == FailureCause::timed_out ? kTimeout : std::string{name_of(failure.cause)};
}

std::string sentence_of(const RequestFailure& failure) {
  std::string text = explain(failure);
  if (failure.code == 403 && failure.peer) {
    text += fmt::format("; allow the peers' address {} there (uturn: --allow-peer {})",
                        failure.peer->ip.to_string(), failure.peer->ip.to_string());
  }
  return text;
}

}  // namespace

RelayClients::RelayClients(Loop& loop, Random& random, const BenchOptions& options,
                           const TransportAddress& server)
    : loop_(loop), random_(random), options_(options), server_(server) {}

void RelayClients::add(SocketId socket, std::vector<PeerAddress> peers) {
  TurnClient turn{{.credentials = {options_.username, options_.password},
                   .retransmission = kRetransmission,
                   .decoration = {}},
                  random_};
  clients_.push_back({.socket = socket, .turn = std::move(turn), .peers = std::move(peers)});
}

void RelayClients::on_answer(size_t client, MutableBytes datagram, Now now) {
  if (client >= clients_.size()) return;
  clients_[client].turn.handle(datagram, now);
  carry_out(client, now);
}

void RelayClients::on_unreachable(size_t client, Now now) {
  if (client >= clients_.size()) return;
  clients_[client].turn.handle_unreachable(now);
  carry_out(client, now);
}

bool RelayClients::set_up_more(Now now) {
  visit_busy(now);
  if (has_reason_to_stop()) next_ = clients_.size();
  // The first goes alone: a server that is not there, or refuses, shall hear one request.
  const size_t window = ready_ == 0 ? 1 : options_.request_window;
  while (busy_.size() < window && next_ < clients_.size()) begin_set_up(next_++, now);
  return !busy_.empty() || next_ < clients_.size();
}

// A first client without any answer has waited for all.
bool RelayClients::has_reason_to_stop() const {
  if (ready_ > 0) return failed_ >= kMostFailures;
  return failed_ >= kMostFailuresAtFirst || failures_.contains(kTimeout);
}

void RelayClients::begin_set_up(size_t index, Now now) {
  Client& client = clients_[index];
  client.state = Client::State::busy;
  busy_.push_back(index);
  AllocationRequest request;
  // Absent it means IPv4 (RFC 8656, Section 7.1).
  if (!client.peers.front().ip.is_v4()) request.relayed = OneRelayedAddress{AddressFamily::ipv6};
  client.turn.allocate(request, now);
  carry_out(index, now);
}

void RelayClients::on_allocated(Client& client, const Allocated& allocated, Now now) {
  client.relayed = allocated.relayed.front();
  for (const PeerAddress& peer : client.peers) {
    if (options_.via == RelayVia::channel) {
      const auto channel = client.turn.bind_channel(peer, now);
      if (!channel) return fail(client, "channel", "no channel for " + peer.to_string());
      client.channels.push_back(*channel);
      ++client.unconfirmed;
    } else {
      const bool is_new = std::ranges::none_of(client.peers, [&](const PeerAddress& other) {
        return &other < &peer && other.ip == peer.ip;
      });
      if (!is_new) continue;
      if (!client.turn.create_permission(peer.ip, now)) {
        return fail(client, "permission", "no permission for " + peer.ip.to_string());
      }
      ++client.unconfirmed;
    }
  }
}

void RelayClients::confirm(Client& client) {
  if (!is_busy(client) || client.unconfirmed == 0 || --client.unconfirmed > 0) return;
  client.state = Client::State::ready;
  ++ready_;
}

void RelayClients::take_event(Client& client, const TurnEvent& event, Now now) {
  if (const auto* allocated = std::get_if<Allocated>(&event)) {
    on_allocated(client, *allocated, now);
  } else if (std::holds_alternative<ChannelBound>(event) ||
             std::holds_alternative<PermissionInstalled>(event)) {
    confirm(client);
  } else if (std::holds_alternative<Released>(event)) {
    client.state = Client::State::released;
  } else if (std::holds_alternative<AllocationLost>(event)) {
    ++lost_;
  } else if (const auto* failure = std::get_if<RequestFailure>(&event)) {
    if (releasing_) {
      client.state = Client::State::released;  // it expires by itself
    } else if (is_busy(client)) {
      fail(client, code_of(*failure), sentence_of(*failure));
      client.turn.release(now);
    }
  }
}

void RelayClients::fail(Client& client, const std::string& what, const std::string& why) {
  client.state = Client::State::failed;
  ++failures_[what];
  ++failed_;
  if (first_failure_.empty()) first_failure_ = why;
}

void RelayClients::carry_out(size_t index, Now now) {
  Client& client = clients_[index];
  while (const auto event = client.turn.poll_event()) take_event(client, *event, now);
  while (const auto message = client.turn.poll_transmit(now)) {
    const MutableBytes buffer = loop_.lend(message->size());
    std::ranges::copy(*message, buffer.begin());
    loop_.send({.via = client.socket,
                .to = server_,
                .header = {},
                .payload = buffer.first(message->size()),
                .ip = {}});
  }
}

void RelayClients::visit_busy(Now now) {
  for (const size_t index : busy_) {
    TurnClient& turn = clients_[index].turn;
    if (!is_past(turn.next_deadline(), now)) continue;
    turn.on_deadline(now);
    carry_out(index, now);
  }
  std::erase_if(busy_, [this](size_t index) { return !is_busy(clients_[index]); });
}

void RelayClients::keep_up(Now now) {
  if (clients_.empty()) return;
  const Duration since = std::min<Duration>(now.monotonic - kept_up_until_, kRound);
  const Duration each = kRound / static_cast<int64_t>(clients_.size());
  const auto due = static_cast<size_t>(since / each);
  if (due == 0) return;
  kept_up_until_ = now.monotonic;
  for (size_t i = 0; i < std::min(due, clients_.size()); ++i) {
    cursor_ = (cursor_ + 1) % clients_.size();
    TurnClient& turn = clients_[cursor_].turn;
    if (!is_past(turn.next_deadline(), now)) continue;
    turn.on_deadline(now);
    carry_out(cursor_, now);
  }
}

bool RelayClients::release_more(Now now) {
  if (!std::exchange(releasing_, true)) next_ = 0;
  visit_busy(now);
  while (busy_.size() < options_.request_window && next_ < clients_.size()) {
    const size_t index = next_++;
    if (!clients_[index].turn.release(now)) continue;
    clients_[index].state = Client::State::busy;
    busy_.push_back(index);
    carry_out(index, now);
  }
  return !busy_.empty() || next_ < clients_.size();
}

Instant RelayClients::next_deadline() const {
  Instant next = kNever;
  for (const size_t index : busy_) {
    next = std::min(next, clients_[index].turn.next_deadline());
  }
  return next;
}

}  // namespace uturn
