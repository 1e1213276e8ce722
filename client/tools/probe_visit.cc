// ProbeVisit: Binding, two allocations, and datagrams between them.
#include "client/tools/probe_visit.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <utility>

#include "client/tools/failure_text.h"

namespace uturn {
namespace {

constexpr Duration kResendAfter = 500ms;  ///< datagrams may be lost: that alone is no failure
constexpr Duration kReleaseWait = 1s;

std::vector<ProbeFact> facts_of(const ConnectionSecurity& security, Now now) {
  std::vector<ProbeFact> facts{{"version", security.version}, {"cipher", security.cipher}};
  if (!security.alpn.empty()) facts.push_back({"alpn", security.alpn});
  if (const auto& certificate = security.certificate) {
    facts.push_back({"certificate", certificate->subject});
    const auto left = std::chrono::floor<std::chrono::days>(certificate->expires_at - now.calendar);
    facts.push_back({"days_left", int64_t{left.count()}});
  }
  return facts;
}

}  // namespace

ProbeVisit::ProbeVisit(const ProbeSettings& settings, const TransportAddress& server,
                       Instant deadline)
    : settings_(settings), server_(server), deadline_(deadline) {
  const Now now = read_clocks();
  for (auto* visitor : {&alice_, &bob_}) {
    *visitor =
        std::make_unique<ProbeVisitor>(settings_, server_, deadline_ - now.monotonic, random_, now);
  }
}

bool ProbeVisit::connect_and_bind() {
  return (settings_.transport == Transport::udp || connect()) && bind();
}

bool ProbeVisit::connect() {
  const Now now = read_clocks();
  using enum ServerConnection::State;
  const auto state = [this] { return alice_->link.connection().state(); };
  pump_until([&] { return state() != connecting; }, deadline_);
  ProbeStep step{.name = "connect"};
  if (state() == ended) {
    step.cause = alice_->link.connection().end().why;
    step.cause_id = alice_->link.connection().end().id;
  } else if (state() == connecting) {
    step.cause = "no answer: no server is there, or a firewall drops it on the way";
    step.cause_id = "timed_out";
  }
  if (const auto security = alice_->link.connection().security()) {
    step.facts = facts_of(*security, now);
  }
  return finish(std::move(step), now.monotonic);
}

bool ProbeVisit::bind() {
  const Now now = read_clocks();
  ProbeStep step{.name = "binding"};
  alice_->stun.bind(now);
  pump_until([this] { return alice_->mapped || alice_->failure; }, deadline_);
  if (alice_->mapped) step.facts.push_back({"mapped", alice_->mapped->address.to_string()});
  if (!alice_->mapped && !alice_->failure) {
    alice_->failure = {.method = Method::binding, .cause = FailureCause::timed_out};
  }
  return finish(std::move(step), now.monotonic, any_failure());
}

void ProbeVisit::relay(Instant deadline) {
  deadline_ = deadline;
  const bool works = allocate(*alice_, "allocate") && allocate(*bob_, "second allocate") &&
                     permit() && exchange("relay by indication", false) && bind_channels() &&
                     exchange("relay by channel", true);
  for (const char* name : {"allocate", "second allocate", "permission", "relay by indication",
                           "channel bind", "relay by channel"}) {
    const bool was_tried = std::ranges::find(steps_, name, &ProbeStep::name) != steps_.end();
    if (!works && !was_tried) skip(name);
  }
  release();
}

bool ProbeVisit::allocate(ProbeVisitor& visitor, const std::string& name) {
  const Now now = read_clocks();
  visitor.turn.allocate({}, now);
  pump_until([&visitor] { return visitor.allocated || visitor.failure; }, deadline_);
  ProbeStep step{.name = name};
  if (visitor.allocated) {
    step.facts.push_back({"relayed", visitor.allocated->relayed[0].to_string()});
    step.facts.push_back({"lifetime", visitor.allocated->lifetime});
  } else if (!visitor.failure) {
    visitor.failure = {.method = Method::allocate, .cause = FailureCause::timed_out};
  }
  return finish(std::move(step), now.monotonic, any_failure());
}

bool ProbeVisit::permit() {
  const Now now = read_clocks();
  alice_->turn.create_permission(bob_->allocated->relayed[0].ip, now);
  bob_->turn.create_permission(alice_->allocated->relayed[0].ip, now);
  const auto is_done = [this] { return alice_->has_permission && bob_->has_permission; };
  pump_until([&] { return is_done() || any_failure(); }, deadline_);
  if (!is_done() && !any_failure()) {
    alice_->failure = {.method = Method::create_permission, .cause = FailureCause::timed_out};
  }
  return finish({.name = "permission"}, now.monotonic, any_failure());
}

bool ProbeVisit::bind_channels() {
  const Now now = read_clocks();
  alice_->turn.bind_channel(peer_address(bob_->allocated->relayed[0]), now);
  bob_->turn.bind_channel(peer_address(alice_->allocated->relayed[0]), now);
  const auto is_done = [this] { return alice_->has_channel && bob_->has_channel; };
  pump_until([&] { return is_done() || any_failure(); }, deadline_);
  if (!is_done() && !any_failure()) {
    alice_->failure = {.method = Method::channel_bind, .cause = FailureCause::timed_out};
  }
  return finish({.name = "channel bind"}, now.monotonic, any_failure());
}

bool ProbeVisit::exchange(const std::string& name, bool by_channel) {
  const Now now = read_clocks();
  const Instant until = now.monotonic + (deadline_ - now.monotonic) / 2;
  const std::string text = fmt::format("uturn probe {:016x}", random_.next_u64());
  const char* missing = nullptr;
  if (!carry(*alice_, *bob_, by_channel, text, until)) missing = "to";
  if (!missing && !carry(*bob_, *alice_, by_channel, text, deadline_)) missing = "back from";
  ProbeStep step{.name = name};
  if (missing) {
    step.cause = fmt::format(
        "nothing came through the relay {} {}: the server does not relay between its own "
        "addresses, or a firewall stands before the relay ports",
        missing, bob_->allocated->relayed[0].to_string());
    step.cause_id = "not_relayed";
  }
  return finish(std::move(step), now.monotonic, any_failure());
}

/// Sends until it arrives, from the relayed address it must come from.
bool ProbeVisit::carry(ProbeVisitor& from, ProbeVisitor& to, bool by_channel, std::string_view text,
                       Instant until) {
  const PeerAddress destination = peer_address(to.allocated->relayed[0]);
  const PeerAddress source = peer_address(from.allocated->relayed[0]);
  const auto has_arrived = [&] {
    return to.received_text == text && to.received_from == source &&
           to.received_by_channel == by_channel;
  };
  std::array<uint8_t, 200> buffer;
  for (Now now = read_clocks(); !is_past(until, now); now = read_clocks()) {
    const auto datagram = by_channel
                              ? from.turn.send_on_channel(destination, bytes_of(text), buffer, now)
                              : from.turn.send_indication(destination, bytes_of(text), buffer, now);
    if (!datagram) return false;
    from.send(*datagram, now);
    if (pump_until(has_arrived, std::min(until, now.monotonic + kResendAfter))) return true;
  }
  return false;
}

// Best effort: an allocation that stays behind expires by itself.
void ProbeVisit::release() {
  const Now now = read_clocks();
  const bool alice = alice_->turn.release(now);
  const bool bob = bob_->turn.release(now);
  pump_until([&] { return (!alice || alice_->is_released) && (!bob || bob_->is_released); },
             now.monotonic + kReleaseWait);
}

bool ProbeVisit::pump_until(const Check& is_done, Instant until) {
  while (!is_done()) {
    if (is_past(until, read_clocks())) return false;
    pump_once(until);
  }
  return true;
}

void ProbeVisit::pump_once(Instant until) {
  std::array<pollfd, 2> waiting{};
  Instant wake_at = until;
  for (size_t i = 0; i < waiting.size(); ++i) {
    ProbeVisitor& visitor = i == 0 ? *alice_ : *bob_;
    const Now now = read_clocks();
    visitor.run_due(now);
    wake_at = std::min(wake_at, visitor.next_deadline(now));
    waiting[i] = visitor.wait_for();
  }
  if (any_failure()) wake_at = Instant{};  // sending has failed already
  const Duration wait = std::max(wake_at - read_clocks().monotonic, Duration{});
  const auto timeout = std::chrono::ceil<std::chrono::milliseconds>(wait).count();
  ::poll(waiting.data(), waiting.size(), static_cast<int>(timeout));
  for (ProbeVisitor* visitor : {alice_.get(), bob_.get()}) visitor->on_ready(read_clocks());
}

bool ProbeVisit::finish(ProbeStep step, Instant started, const RequestFailure* failure) {
  if (failure) {
    step.cause = explain(*failure);
    step.cause_id = name_of(failure->cause);
    step.error_code = failure->code;
  }
  const ConnectionEnd* end = any_end();
  if (failure && failure->cause == FailureCause::connection_ended && end) {
    step.cause = end->why;
    step.cause_id = end->id;
  }
  return finish(std::move(step), started);
}

bool ProbeVisit::finish(ProbeStep step, Instant started) {
  step.took = read_clocks().monotonic - started;
  const bool passed = step.cause.empty();
  step.status = passed ? ProbeStep::Status::passed : ProbeStep::Status::failed;
  steps_.push_back(std::move(step));
  return passed;
}

void ProbeVisit::skip(const std::string& name) { steps_.push_back({.name = name}); }

const ConnectionEnd* ProbeVisit::any_end() const {
  for (const ProbeVisitor* visitor : {alice_.get(), bob_.get()}) {
    if (visitor->link.connection().has_ended()) return &visitor->link.connection().end();
  }
  return nullptr;
}

const RequestFailure* ProbeVisit::any_failure() const {
  if (alice_->failure) return &*alice_->failure;
  return bob_->failure ? &*bob_->failure : nullptr;
}

}  // namespace uturn
