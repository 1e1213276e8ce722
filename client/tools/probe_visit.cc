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

/// As many requests as fit into the time, then a wait as long as the next interval.
RetransmissionSettings fitting_into(Duration timeout) {
  RetransmissionSettings settings;
  uint32_t count = 1;
  while (count < 7 && settings.initial_rto * ((2u << count) - 1) <= timeout) ++count;
  settings.request_count = count;
  settings.last_wait = 1u << (count - 1);
  return settings;
}

}  // namespace

/// One client: its socket, its state machines and what they have reported.
struct ProbeVisit::Visitor {
  Visitor(ClientSocket opened, const ProbeSettings& probe, Duration timeout, Random& random)
      : socket(std::move(opened)),
        stun({.retransmission = fitting_into(timeout), .decoration = {}}, random),
        turn({.credentials = {probe.username, probe.password},
              .retransmission = fitting_into(timeout),
              .decoration = {}},
             random) {}

  /// An earlier datagram's ICMP error may be reported by this one.
  void send(Bytes datagram, Now now) {
    if (socket.send(datagram) == ClientSocket::Outcome::unreachable) take_unreachable(now);
  }
  void take_unreachable(Now now) {
    stun.handle_unreachable();
    turn.handle_unreachable(now);
  }

  void take_events() {
    while (const auto event = turn.poll_event()) take(*event);
    if (const auto event = stun.poll_event()) {
      if (const auto* told = std::get_if<Mapped>(&*event)) mapped = *told;
      if (const auto* said_no = std::get_if<RequestFailure>(&*event)) failure = *said_no;
    }
  }
  void take(const TurnEvent& event) {
    if (const auto* granted = std::get_if<Allocated>(&event)) allocated = *granted;
    if (const auto* said_no = std::get_if<RequestFailure>(&event)) failure = *said_no;
    if (std::holds_alternative<PermissionInstalled>(event)) has_permission = true;
    if (std::holds_alternative<ChannelBound>(event)) has_channel = true;
    if (std::holds_alternative<Released>(event)) is_released = true;
    if (const auto* datagram = std::get_if<PeerDatagram>(&event)) {
      received_text = text_of(datagram->data);
      received_from = datagram->peer;
      received_by_channel = datagram->channel.has_value();
    }
  }

  ClientSocket socket;
  StunClient stun;
  TurnClient turn;
  std::optional<Mapped> mapped;
  std::optional<Allocated> allocated;
  std::optional<RequestFailure> failure;
  bool has_permission = false;
  bool has_channel = false;
  bool is_released = false;
  std::string received_text;
  PeerAddress received_from;
  bool received_by_channel = false;
};

ProbeVisit::ProbeVisit(const ProbeSettings& settings, const TransportAddress& server,
                       Instant deadline)
    : settings_(settings), server_(server), deadline_(deadline) {}

ProbeVisit::~ProbeVisit() = default;

bool ProbeVisit::bind() {
  const Now now = read_clocks();
  ProbeStep step{.name = "binding"};
  std::string error;
  for (auto* visitor : {&alice_, &bob_}) {
    auto socket = ClientSocket::open(server_, error);
    if (!socket) {
      step.cause = "no socket towards " + server_.to_string() + ": " + error;
      step.cause_id = "no_socket";
      step.status = ProbeStep::Status::failed;
      steps_.push_back(std::move(step));
      return false;
    }
    *visitor = std::make_unique<Visitor>(*std::move(socket), settings_, deadline_ - now.monotonic,
                                         random_);
  }
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

bool ProbeVisit::allocate(Visitor& visitor, const std::string& name) {
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
bool ProbeVisit::carry(Visitor& from, Visitor& to, bool by_channel, std::string_view text,
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
    Visitor& visitor = i == 0 ? *alice_ : *bob_;
    const Now now = read_clocks();
    visitor.stun.on_deadline(now);
    visitor.turn.on_deadline(now);
    while (const auto datagram = visitor.stun.poll_transmit(now)) visitor.send(*datagram, now);
    while (const auto datagram = visitor.turn.poll_transmit(now)) visitor.send(*datagram, now);
    visitor.take_events();
    wake_at = std::min({wake_at, visitor.stun.next_deadline(), visitor.turn.next_deadline()});
    waiting[i] = {.fd = visitor.socket.fd(), .events = POLLIN, .revents = 0};
  }
  if (any_failure()) wake_at = Instant{};  // sending has failed already
  const Duration wait = std::max(wake_at - read_clocks().monotonic, Duration{});
  const auto timeout = std::chrono::ceil<std::chrono::milliseconds>(wait).count();
  ::poll(waiting.data(), waiting.size(), static_cast<int>(timeout));

  std::array<uint8_t, 2048> buffer;
  for (Visitor* visitor : {alice_.get(), bob_.get()}) {
    MutableBytes datagram;
    const auto outcome = visitor->socket.receive(buffer, datagram);
    const Now now = read_clocks();
    if (outcome == ClientSocket::Outcome::done) {
      visitor->stun.handle(datagram, now);
      visitor->turn.handle(datagram, now);
    } else if (outcome == ClientSocket::Outcome::unreachable) {
      visitor->take_unreachable(now);
    }
    visitor->take_events();
  }
}

bool ProbeVisit::finish(ProbeStep step, Instant started, const RequestFailure* failure) {
  step.took = read_clocks().monotonic - started;
  if (failure) {
    step.cause = explain(*failure);
    step.cause_id = name_of(failure->cause);
    step.error_code = failure->code;
  }
  const bool passed = step.cause.empty();
  step.status = passed ? ProbeStep::Status::passed : ProbeStep::Status::failed;
  steps_.push_back(std::move(step));
  return passed;
}

void ProbeVisit::skip(const std::string& name) { steps_.push_back({.name = name}); }

const RequestFailure* ProbeVisit::any_failure() const {
  if (alice_->failure) return &*alice_->failure;
  return bob_->failure ? &*bob_->failure : nullptr;
}

}  // namespace uturn
