// TurnClients: Allocate, ChannelBind or CreatePermission, refreshes, deletion.
#include "client/tools/bench/turn_clients.h"

#include <fmt/format.h>

#include <algorithm>

#include "client/tools/failure_text.h"

namespace uturn {
namespace {

// A server that is not there is found out within ten seconds, not forty.
constexpr RetransmissionSettings kRetransmission{
    .initial_rto = 500ms, .request_count = 5, .last_wait = 4, .reliable_timeout = 10s};

std::string what_failed(const RequestFailure& failure) {
  if (failure.cause == FailureCause::error_response) return fmt::format("{}", failure.code);
  return std::string{name_of(failure.cause)};
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

TurnClients::TurnClients(const ServerRoute& route, Random& random, const BenchOptions& options)
    : RelayClients(route, options.request_window), random_(random), options_(options) {}

void TurnClients::add(SocketId socket, std::vector<PeerAddress> peers) {
  RelayClients::add(socket, std::move(peers));
  TurnClient turn{{.credentials = {options_.username, options_.password},
                   .retransmission = kRetransmission,
                   .decoration = {},
                   .reliable = route().is_reliable()},
                  random_};
  sessions_.push_back({.turn = std::move(turn)});
}

void TurnClients::on_answer(size_t index, MutableBytes datagram, Now now) {
  if (index >= sessions_.size()) return;
  sessions_[index].turn.handle(datagram, now);
  carry_out(index, now);
}

void TurnClients::on_unreachable(size_t index, Now now) {
  if (index >= sessions_.size()) return;
  sessions_[index].turn.handle_unreachable(now);
  carry_out(index, now);
}

void TurnClients::on_gone(size_t index, const ConnectionEnd& end, Now now) {
  if (index >= sessions_.size()) return;
  why_gone_ = end.why;
  sessions_[index].turn.handle_connection_ended(now);
  carry_out(index, now);
  why_gone_.clear();
}

FlowHeader TurnClients::header_to(size_t index, size_t peer) {
  if (options_.via == RelayVia::channel) {
    return FlowHeader::channel_data(sessions_[index].channels[peer]);
  }
  TransactionId id;
  random_.fill(id.bytes);
  return FlowHeader::send_indication(client(index).peers[peer], id);
}

void TurnClients::begin_set_up(size_t index, Now now) {
  AllocationRequest request;
  // Absent it means IPv4 (RFC 8656, Section 7.1).
  if (!client(index).peers.front().ip.is_v4()) {
    request.relayed = OneRelayedAddress{AddressFamily::ipv6};
  }
  sessions_[index].turn.allocate(request, now);
  carry_out(index, now);
}

void TurnClients::on_allocated(size_t index, const Allocated& allocated, Now now) {
  client(index).relayed = allocated.relayed.front();
  Session& session = sessions_[index];
  const std::vector<PeerAddress>& peers = client(index).peers;
  for (const PeerAddress& peer : peers) {
    if (options_.via == RelayVia::channel) {
      const auto channel = session.turn.bind_channel(peer, now);
      if (!channel) return fail(index, "channel", "no channel for " + peer.to_string());
      session.channels.push_back(*channel);
      ++session.unconfirmed;
    } else {
      const bool is_new = std::ranges::none_of(
          peers, [&](const PeerAddress& other) { return &other < &peer && other.ip == peer.ip; });
      if (!is_new) continue;
      if (!session.turn.create_permission(peer.ip, now)) {
        return fail(index, "permission", "no permission for " + peer.ip.to_string());
      }
      ++session.unconfirmed;
    }
  }
}

void TurnClients::confirm(size_t index) {
  Session& session = sessions_[index];
  if (!is_busy(index) || session.unconfirmed == 0 || --session.unconfirmed > 0) return;
  become_ready(index);
}

void TurnClients::take_event(size_t index, const TurnEvent& event, Now now) {
  if (const auto* allocated = std::get_if<Allocated>(&event)) {
    on_allocated(index, *allocated, now);
  } else if (std::holds_alternative<ChannelBound>(event) ||
             std::holds_alternative<PermissionInstalled>(event)) {
    confirm(index);
  } else if (std::holds_alternative<Released>(event)) {
    client(index).state = Client::State::released;
  } else if (std::holds_alternative<AllocationLost>(event)) {
    note_loss();
  } else if (const auto* failure = std::get_if<RequestFailure>(&event)) {
    if (is_releasing()) {
      client(index).state = Client::State::released;  // it expires by itself
    } else if (is_busy(index)) {
      const bool has_timed_out = failure->cause == FailureCause::timed_out;
      fail(index, has_timed_out ? kTimeout : what_failed(*failure),
           why_gone_.empty() ? sentence_of(*failure) : why_gone_);
      sessions_[index].turn.release(now);
    }
  }
}

void TurnClients::carry_out(size_t index, Now now) {
  TurnClient& turn = sessions_[index].turn;
  while (const auto event = turn.poll_event()) take_event(index, *event, now);
  while (const auto message = turn.poll_transmit(now)) send(index, *message);
}

void TurnClients::begin_release(size_t index, Now now) {
  if (!sessions_[index].turn.release(now)) return;
  become_busy(index);
  carry_out(index, now);
}

Instant TurnClients::deadline_of(size_t index) const {
  return sessions_[index].turn.next_deadline();
}

void TurnClients::on_deadline(size_t index, Now now) {
  sessions_[index].turn.on_deadline(now);
  carry_out(index, now);
}

}  // namespace uturn
