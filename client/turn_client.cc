// TurnClient: wishes, and what they make it send when.
//
// Also: RFC 8489, Section 9.2.5; RFC 8656, Sections 8, 8.1, 10.1 and 12.1.
#include "client/turn_client.h"

#include <algorithm>
#include <utility>

namespace uturn {

TurnClient::TurnClient(Settings settings, Random& random)
    : settings_(std::move(settings)),
      random_(&random),
      round_trip_time_(settings_.retransmission.initial_rto) {}

bool TurnClient::allocate(const AllocationRequest& request, Now now) {
  if (state_ != State::idle) return false;
  state_ = State::allocating;
  release_when_allocated_ = false;
  wanted_lifetime_ = request.lifetime;
  begin(request, 0, now);
  return true;
}

bool TurnClient::refresh(std::chrono::seconds lifetime, Now now) {
  if (state_ != State::allocated || lifetime <= 0s) return false;
  wanted_lifetime_ = lifetime;
  refresh_at_ = now.monotonic;
  start_due_requests(now);
  return true;
}

bool TurnClient::release(Now now) {
  if (state_ == State::allocating) release_when_allocated_ = true;
  if (state_ == State::allocating) return true;
  if (state_ != State::allocated) return false;
  state_ = State::releasing;
  refresh_at_ = kNever;
  pending_.clear();  // nothing else matters any more
  begin(RefreshRequest{.lifetime = 0s, .family = std::nullopt}, 0, now);
  return true;
}

bool TurnClient::release(AddressFamily family, Now now) {
  if (!has_family(family)) return false;
  if (relayed_.size() == 1) return release(now);
  if (state_ != State::allocated || !has_room()) return false;
  begin(RefreshRequest{.lifetime = 0s, .family = family}, 0, now);
  return true;
}

bool TurnClient::create_permission(const IpAddress& peer, Now now) {
  if (state_ != State::allocated || !has_family(peer.family())) return false;
  if (!permissions_.want(peer, now)) return false;
  start_due_requests(now);
  return true;
}

std::optional<ChannelNumber> TurnClient::bind_channel(const PeerAddress& peer, Now now) {
  if (state_ != State::allocated || !has_family(peer.ip.family())) return std::nullopt;
  const Channel* channel = channels_.want(peer, now);
  if (!channel) return std::nullopt;
  const ChannelNumber number = channel->number;
  start_due_requests(now);
  return number;
}

Instant TurnClient::next_deadline() const {
  Instant next = kNever;
  for (const Pending& pending : pending_) {
    next = std::min(next, pending.transaction.next_deadline());
  }
  if (state_ != State::allocated) return next;
  next = std::min(next, expires_at_);
  if (!has_room()) return next;  // what is due waits for a transaction to end
  return std::min({next, refresh_at_, permissions_.next_refresh(), channels_.next_renewal()});
}

void TurnClient::on_deadline(Now now) {
  for (size_t i = 0; i < pending_.size();) {
    if (!pending_[i].transaction.has_failed(now)) {
      ++i;
      continue;
    }
    const Pending failed = std::move(pending_[i]);
    pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(i));
    const FailureCause cause = failed.transaction.integrity_violated()
                                   ? FailureCause::integrity_violated
                                   : FailureCause::timed_out;
    fail(failed.request, {.method = failed.transaction.method(), .cause = cause}, now);
  }
  if (state_ == State::allocated && is_past(expires_at_, now)) {
    lose(AllocationLost::Reason::expired);
  }
  start_due_requests(now);
}

void TurnClient::handle_unreachable(Now now) { fail_outstanding(FailureCause::unreachable, now); }

void TurnClient::handle_connection_ended(Now now) {
  fail_outstanding(FailureCause::connection_ended, now);
  if (state_ != State::idle) lose(AllocationLost::Reason::connection_ended);
}

void TurnClient::fail_outstanding(FailureCause cause, Now now) {
  for (const Pending& failed : std::exchange(pending_, {})) {
    fail(failed.request, {.method = failed.transaction.method(), .cause = cause}, now);
  }
}

std::optional<Bytes> TurnClient::poll_transmit(Now now) {
  for (Pending& pending : pending_) {
    if (const auto request = pending.transaction.poll(now)) return request;
  }
  return std::nullopt;
}

std::optional<TurnEvent> TurnClient::poll_event() {
  if (next_event_ == events_.size()) return std::nullopt;
  return std::move(events_[next_event_++]);
}

void TurnClient::begin(TurnRequest request, size_t challenges, Now now) {
  TransactionId id;
  random_->fill(id.bytes);
  auto bytes = encode(request, id, settings_.credentials, settings_.decoration);
  const Method method = method_of(request);
  if (bytes.empty()) {
    fail(request, {.method = method, .cause = FailureCause::request_too_large}, now);
    return;
  }
  pending_.push_back(
      {.transaction = Transaction{id, method, std::move(bytes), settings_.retransmission,
                                  round_trip_time_.rto(now), settings_.reliable, now},
       .request = std::move(request),
       .challenges = challenges,
       .was_signed = settings_.credentials.can_sign()});
}

// The allocation first, then channels, which renew their peers' permissions too.
void TurnClient::start_due_requests(Now now) {
  if (state_ != State::allocated) return;
  if (is_past(refresh_at_, now) && has_room()) {
    refresh_at_ = kNever;
    begin(RefreshRequest{.lifetime = wanted_lifetime_, .family = std::nullopt}, 0, now);
  }
  while (has_room()) {
    const Channel* due = channels_.next_due(now);
    if (!due) break;
    const ChannelRequest request{due->number, due->peer};
    channels_.request_started(request.channel);
    permissions_.request_started(request.peer.ip);
    begin(request, 0, now);
  }
  while (has_room()) {
    const IpAddress* due = permissions_.next_due(now);
    if (!due) break;
    const PermissionRequest request{*due};
    permissions_.request_started(request.peer);
    begin(request, 0, now);
  }
}

bool TurnClient::has_family(AddressFamily family) const {
  return std::ranges::any_of(
      relayed_, [family](const RelayedAddress& relayed) { return relayed.ip.family() == family; });
}

void TurnClient::emit(TurnEvent event) {
  if (next_event_ == events_.size()) {
    events_.clear();  // keeps its memory: data in steady state allocates nothing
    next_event_ = 0;
  }
  if (events_.size() < kMaxEvents) events_.push_back(std::move(event));
}

}  // namespace uturn
