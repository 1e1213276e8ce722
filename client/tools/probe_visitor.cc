// ProbeVisitor: between the state machines and the connection.
#include "client/tools/probe_visitor.h"

#include <algorithm>
#include <array>

#include "client/tools/make_connection.h"

namespace uturn {
namespace {

/// Of a proxy that speaks for itself: version 2, LOCAL, no addresses ("The PROXY protocol", Section
/// 2.2).
constexpr std::array<uint8_t, 16> kLocalProxyHeader{0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51,
                                                    0x55, 0x49, 0x54, 0x0A, 0x20, 0x00, 0x00, 0x00};

/// As many requests as fit into the time, then a wait as long as the next interval.
RetransmissionSettings fitting_into(Duration timeout) {
  RetransmissionSettings settings;
  uint32_t count = 1;
  while (count < 7 && settings.initial_rto * ((2u << count) - 1) <= timeout) ++count;
  settings.request_count = count;
  settings.last_wait = 1u << (count - 1);
  settings.reliable_timeout = std::min(settings.reliable_timeout, timeout);
  return settings;
}

}  // namespace

ProbeVisitor::ProbeVisitor(const ProbeSettings& settings, const TransportAddress& server,
                           Duration timeout, Random& random, Now now)
    : link(socket_kind_of(settings.transport), server,
           make_connection(settings.transport, settings.security), now,
           settings.is_proxy ? Bytes{kLocalProxyHeader} : Bytes{}),
      stun({.retransmission = fitting_into(timeout),
            .decoration = {},
            .reliable = is_reliable(settings.transport)},
           random),
      turn({.credentials = {settings.username, settings.password},
            .retransmission = fitting_into(timeout),
            .decoration = {},
            .reliable = is_reliable(settings.transport)},
           random) {}

void ProbeVisitor::run_due(Now now) {
  if (is_past(link.connection().next_deadline(now), now)) link.on_deadline(now);
  stun.on_deadline(now);
  turn.on_deadline(now);
  while (const auto message = stun.poll_transmit(now)) link.send(*message);
  while (const auto message = turn.poll_transmit(now)) link.send(*message);
  take_end(now);
  take_events();
}

void ProbeVisitor::on_ready(Now now) {
  now_ = now;
  link.on_ready(*this, now);
  take_end(now);
  take_events();
}

void ProbeVisitor::send(Bytes frame, Now now) {
  link.send(frame);
  take_end(now);
  take_events();
}

Instant ProbeVisitor::next_deadline(Now now) const {
  return std::min(
      {stun.next_deadline(), turn.next_deadline(), link.connection().next_deadline(now)});
}

void ProbeVisitor::on_frame(MutableBytes frame) {
  stun.handle(frame, now_);
  turn.handle(frame, now_);
  take_events();  // whatever it tells lies in the frame
}

/// Whoever waits for something will not get it.
void ProbeVisitor::take_end(Now now) {
  if (!link.connection().has_ended()) return;
  if (link.connection().end().id == "unreachable") {
    stun.handle_unreachable();
    turn.handle_unreachable(now);
  }
  stun.handle_connection_ended();
  turn.handle_connection_ended(now);
}

void ProbeVisitor::take_events() {
  while (const auto event = turn.poll_event()) take(*event);
  if (const auto event = stun.poll_event()) {
    if (const auto* told = std::get_if<Mapped>(&*event)) mapped = *told;
    if (const auto* said_no = std::get_if<RequestFailure>(&*event)) failure = *said_no;
  }
}

void ProbeVisitor::take(const TurnEvent& event) {
  if (const auto* granted = std::get_if<Allocated>(&event)) allocated = *granted;
  if (const auto* said_no = std::get_if<RequestFailure>(&event)) failure = *said_no;
  if (std::holds_alternative<PermissionInstalled>(event)) has_permission = true;
  if (std::holds_alternative<ChannelBound>(event)) has_channel = true;
  if (std::holds_alternative<Released>(event)) is_released = true;
  if (const auto* lost = std::get_if<AllocationLost>(&event);
      lost && lost->reason == AllocationLost::Reason::connection_ended && !failure) {
    failure = {.method = Method::allocate, .cause = FailureCause::connection_ended};
  }
  if (const auto* datagram = std::get_if<PeerDatagram>(&event)) {
    received_text = text_of(datagram->data);
    received_from = datagram->peer;
    received_by_channel = datagram->channel.has_value();
  }
}

}  // namespace uturn
