// RelayClients: whose turn it is.
#include "client/tools/bench/relay_clients.h"

#include <algorithm>
#include <utility>

namespace uturn {
namespace {

// A server that refuses so many will refuse the rest: some once it served others, few before.
constexpr uint64_t kMostFailures = 64;
constexpr uint64_t kMostFailuresAtFirst = 3;

}  // namespace

void RelayClients::add(SocketId socket, std::vector<PeerAddress> peers) {
  clients_.push_back({.socket = socket, .peers = std::move(peers)});
}

bool RelayClients::set_up_more(Now now) {
  visit_busy(now);
  if (has_reason_to_stop()) next_ = clients_.size();
  // The first goes alone: a server that is not there, or refuses, shall hear one request.
  const size_t window = ready_ == 0 ? 1 : window_;
  while (busy_.size() < window && next_ < clients_.size()) {
    const size_t index = next_++;
    become_busy(index);
    begin_set_up(index, now);
  }
  return !busy_.empty() || next_ < clients_.size();
}

// A first client without any answer has waited for all.
bool RelayClients::has_reason_to_stop() const {
  if (ready_ > 0) return failed_ >= kMostFailures;
  return failed_ >= kMostFailuresAtFirst || failures_.contains(kTimeout);
}

void RelayClients::visit_busy(Now now) {
  for (const size_t index : busy_) {
    if (is_past(deadline_of(index), now)) on_deadline(index, now);
  }
  std::erase_if(busy_, [this](size_t index) { return !is_busy(index); });
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
    if (is_past(deadline_of(cursor_), now)) on_deadline(cursor_, now);
  }
}

bool RelayClients::release_more(Now now) {
  if (!std::exchange(releasing_, true)) next_ = 0;
  visit_busy(now);
  while (busy_.size() < window_ && next_ < clients_.size()) begin_release(next_++, now);
  return !busy_.empty() || next_ < clients_.size();
}

Instant RelayClients::next_deadline() const {
  Instant next = kNever;
  for (const size_t index : busy_) next = std::min(next, deadline_of(index));
  return next;
}

void RelayClients::become_busy(size_t index) {
  clients_[index].state = Client::State::busy;
  busy_.push_back(index);
}

void RelayClients::become_ready(size_t index) {
  clients_[index].state = Client::State::ready;
  ++ready_;
}

void RelayClients::fail(size_t index, const std::string& what, const std::string& why) {
  clients_[index].state = Client::State::failed;
  ++failures_[what];
  ++failed_;
  if (first_failure_.empty()) first_failure_ = why;
}

}  // namespace uturn
