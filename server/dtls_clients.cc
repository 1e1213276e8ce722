// DtlsClients: from a ClientHello to close_notify.
//
// Also: RFC 6347, Sections 4.1.2.7, 4.2.1, 4.2.4 and 4.2.8; RFC 7350, Sections 4.1 and 4.6; RFC
// 7983, Section 7.
#include "server/dtls_clients.h"

#include <algorithm>
#include <array>

#include "io/lent_buffers.h"

namespace uturn {
namespace {

constexpr uint8_t kApplicationData = 23;  // RFC 5246, Section 6.2.1
constexpr std::array<uint8_t, 3> kZeros{};

}  // namespace

struct DtlsClients::Session {
  SocketId id;
  FiveTuple five_tuple;
  SocketId socket;      ///< the listener's
  TransportAddress to;  ///< the client, or the proxy that speaks for it
  std::unique_ptr<DtlsSession> dtls;
  /// Of a client that has lost its state and begins anew; takes the place of the other once it is
  /// open (RFC 6347, Section 4.2.8).
  std::unique_ptr<DtlsSession> successor;
  ConnectionLease connection;
  HandshakeLease handshake;  ///< of the one or of the other
  Instant handshake_until{};
  Instant first_message_until{};
  Instant heard_at{};  ///< from the client
  Instant used_at{};   ///< either way
  DeadlineQueue::Handle deadline = DeadlineQueue::kNone;
  Instant flight_at = kNever;
  bool has_spoken = false;
  bool rests = false;
};

DtlsClients::DtlsClients(const DtlsSettings& settings, ConnectionLimits& limits, Loop& loop,
                         Random& random, DtlsHandler& handler)
    : settings_(settings),
      limits_(limits),
      loop_(loop),
      random_(random),
      handler_(handler),
      by_five_tuple_(0, SeededHash{random.next_u64()}) {}

DtlsClients::~DtlsClients() = default;

void DtlsClients::set_context(std::shared_ptr<const TlsContext> context) {
  if (listener_ != nullptr) {
    listener_->set_context(std::move(context));
    return;
  }
  const Now now = loop_.now();
  listener_ = std::make_unique<DtlsListener>(std::move(context), now);
  deadlines_ = std::make_unique<DeadlineQueue>(now);
  budget_ = std::make_unique<AnswerBudget>(settings_.answers.answer_sources,
                                           settings_.answers.answers_per_second,
                                           settings_.answers.answers_burst, random_);
  scratch_.resize(DtlsSession::kMaxPlaintext + DtlsSession::kRecordOverhead);
}

void DtlsClients::on_datagram(const Arrival& arrival, const TransportAddress& from,
                              const Packet& packet, Now now) {
  ++counters_.datagrams_in;
  const Bytes bytes = packet.bytes();
  Session* const session = find(arrival.five_tuple);
  if (is_client_hello(bytes)) {
    const bool is_known =
        session != nullptr &&
        (session->dtls->began_with(bytes) ||
         (session->successor != nullptr && session->successor->began_with(bytes)));
    if (!is_known) {
      on_client_hello(arrival, from, session, bytes, now);
      return;
    }
  }
  // Of a session that we do not know: discarded in silence (RFC 6347, Section 4.1.2.7).
  if (session == nullptr) {
    ++counters_.strangers;
    return;
  }
  // Before the new association is open, what is encrypted belongs to the old one.
  const bool is_for_successor = session->successor != nullptr && bytes[0] != kApplicationData;
  read_messages(*session, is_for_successor ? *session->successor : *session->dtls, arrival, packet,
                now);
  session->to = from;
  look_after(*session, now);
}

// Whatever answers or computes for a stranger is paid from the budget of its source.
void DtlsClients::on_client_hello(const Arrival& arrival, const TransportAddress& from,
                                  Session* known, Bytes hello, Now now) {
  const IpAddress& source = arrival.five_tuple.client.ip;
  if (!budget_->has(AnswerKind::challenge, source, now)) {
    ++counters_.hellos_unanswered;
    return;
  }
  HandshakeLease handshake = limits_.take_handshake();
  ConnectionLease connection = known != nullptr ? ConnectionLease{} : limits_.take_connection();
  if (!handshake.is_held() || (known == nullptr && !connection.is_held())) {
    ++counters_.hellos_refused;
    return;
  }

  const MutableBytes out = loop_.lend(DtlsListener::kAnswerSize);
  DtlsHello reply = listener_->on_client_hello(hello, arrival.five_tuple, out, now);
  if (std::holds_alternative<DtlsIgnored>(reply)) return;
  budget_->spend(AnswerKind::challenge, source, now);
  if (const Bytes* cookie = std::get_if<Bytes>(&reply)) {
    ++counters_.cookies_sent;
    IpFields ip;
    ip.source = arrival.five_tuple.server.ip;
    loop_.send({arrival.listener, from, {}, *cookie, ip});
    return;
  }

  auto& dtls = std::get<std::unique_ptr<DtlsSession>>(reply);
  if (known != nullptr && known->dtls->is_open()) {
    begin_anew(*known, std::move(dtls), std::move(handshake), now);
    return;
  }
  if (known != nullptr) {  // it gave up its handshake, and none of its messages was ever handled
    connection = std::move(known->connection);
    remove(*known);
  } else if (!connection.count_source(source)) {
    ++counters_.hellos_refused;
    return;
  }
  begin(arrival, from, std::move(dtls), std::move(connection), std::move(handshake), now);
}

void DtlsClients::begin(const Arrival& arrival, const TransportAddress& from,
                        std::unique_ptr<DtlsSession> dtls, ConnectionLease connection,
                        HandshakeLease handshake, Now now) {
  if (unused_.empty()) {
    unused_.push_back(static_cast<uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const uint32_t slot = unused_.back();
  unused_.pop_back();
  slots_[slot].session = std::make_unique<Session>();
  Session& session = *slots_[slot].session;
  session.id = {slot, slots_[slot].generation};
  session.five_tuple = arrival.five_tuple;
  session.socket = arrival.listener;
  session.to = from;
  session.dtls = std::move(dtls);
  session.connection = std::move(connection);
  session.handshake = std::move(handshake);
  session.handshake_until = now.monotonic + settings_.handshake_timeout;
  session.heard_at = session.used_at = now.monotonic;
  by_five_tuple_.emplace(session.five_tuple, slot);
  session.deadline = deadlines_->add(session.handshake_until, slot);
  ++counters_.handshakes;
  ++counters_.sessions;
  look_after(session, now);
}

void DtlsClients::begin_anew(Session& session, std::unique_ptr<DtlsSession> successor,
                             HandshakeLease handshake, Now now) {
  ++counters_.handshakes;
  session.successor = std::move(successor);
  session.handshake = std::move(handshake);
  session.handshake_until = now.monotonic + settings_.handshake_timeout;
  deadlines_->move(session.deadline, session.handshake_until);
  look_after(session, now);
}

// OpenSSL has taken the whole datagram before it gives the first message, so that messages may
// stand where the datagram stood.
void DtlsClients::read_messages(Session& session, DtlsSession& dtls, const Arrival& arrival,
                                const Packet& packet, Now now) {
  Arrival from_session = arrival;
  from_session.listener = session.id;
  dtls.feed(packet.bytes());
  size_t used = 0;
  while (const size_t size = dtls.read(scratch_)) {
    session.heard_at = session.used_at = now.monotonic;
    session.has_spoken = true;
    session.rests = false;
    ++counters_.messages_in;
    const auto message = place(Bytes{scratch_}.first(size), packet, used);
    if (!message) {
      ++counters_.messages_lost;
      continue;
    }
    handler_.on_dtls_message(from_session, *message);
  }
}

/// The first message of a datagram has the datagram's room in front of it; others, and such as
/// waited for the end of the handshake and are longer than this datagram, have a lent one.
std::optional<Packet> DtlsClients::place(Bytes message, const Packet& datagram, size_t& used) {
  const MutableBytes left = datagram.bytes().subspan(used);
  if (message.size() <= left.size()) {
    const MutableBytes here = left.first(message.size());
    std::ranges::copy(message, here.begin());
    const bool is_first = used == 0;
    used += message.size();
    return Packet{is_first ? datagram.header(kHeadroom) : loop_.lend(kHeadroom), here};
  }
  if (kHeadroom + message.size() > LentBuffers::kBufferSize) return std::nullopt;
  const MutableBytes lent = loop_.lend(kHeadroom + message.size());
  std::ranges::copy(message, lent.subspan(kHeadroom).begin());
  return Packet{lent.first(kHeadroom), lent.subspan(kHeadroom)};
}

/// After everything that a session was told or that time told it.
void DtlsClients::look_after(Session& session, Now now) {
  if (session.successor != nullptr) {
    transmit(session, *session.successor);
    const TlsState state = session.successor->state();
    if (state == TlsState::open) become_successor(session, now);
    if (state == TlsState::failed || state == TlsState::ended) {
      ++counters_.handshakes_failed;
      session.successor.reset();
      session.handshake = {};
    }
  }
  transmit(session, *session.dtls);
  switch (session.dtls->state()) {
    case TlsState::handshaking:
      break;
    case TlsState::open:
      if (session.successor == nullptr && session.handshake.is_held()) {
        ++counters_.handshakes_done;
        session.handshake = {};
        session.first_message_until = now.monotonic + settings_.first_message_timeout;
        session.heard_at = session.used_at = now.monotonic;
        const Instant check_at =
            session.has_spoken ? now.monotonic + kRestAfter : session.first_message_until;
        deadlines_->move(session.deadline, check_at);
      }
      break;
    case TlsState::ended:
      end(session, counters_.ended_by_client);
      return;
    case TlsState::failed:
      end(session, counters_.handshakes_failed);
      return;
  }
  schedule_flight(session, now);
}

// What the client had is gone with its state: the allocation ends, and may be asked for anew.
void DtlsClients::become_successor(Session& session, Now /*now*/) {
  ++counters_.begun_anew;
  handler_.on_client_gone(session.five_tuple);
  session.dtls = std::move(session.successor);
  session.id.generation = ++slots_[session.id.slot].generation;
  session.has_spoken = false;
  session.rests = false;
}

void DtlsClients::transmit(Session& session, DtlsSession& dtls) {
  IpFields ip;
  ip.source = session.five_tuple.server.ip;
  for (;;) {
    std::array<uint8_t, DtlsSession::kHandshakeMtu> datagram;
    const size_t size = dtls.poll_transmit(datagram);
    if (size == 0) return;
    const MutableBytes out = loop_.lend(size);
    std::ranges::copy(Bytes{datagram}.first(size), out.begin());
    send_datagram(session, out, ip);
  }
}

void DtlsClients::send_datagram(const Session& session, Bytes datagram, const IpFields& ip) {
  loop_.send({session.socket, session.to, {}, datagram, ip});
}

void DtlsClients::send(SocketId id, Bytes header, Bytes payload, uint8_t padding,
                       const IpFields& ip, Now now) {
  Session* const session = find(id);
  const std::array parts{header, payload, Bytes{kZeros}.first(padding)};
  const size_t size = header.size() + payload.size() + padding;
  if (session == nullptr || size > DtlsSession::kMaxPlaintext) {
    ++counters_.messages_lost;
    return;
  }
  session->used_at = now.monotonic;
  session->rests = false;
  const size_t needed = size + DtlsSession::kRecordOverhead;
  const bool is_lent = needed <= LentBuffers::kBufferSize;
  const MutableBytes out = is_lent ? loop_.lend(needed) : MutableBytes{scratch_};
  const size_t written = session->dtls->write(parts, out);
  if (written == 0) {
    ++counters_.messages_lost;
    return;
  }
  ++counters_.messages_out;
  send_datagram(*session, out.first(written), ip);
  if (!is_lent) loop_.flush();  // there is one such buffer
}

void DtlsClients::schedule_flight(Session& session, Now now) {
  const DtlsSession& dtls = session.successor != nullptr ? *session.successor : *session.dtls;
  const Instant due = dtls.next_deadline(now);
  if (due == session.flight_at) return;
  if (session.flight_at != kNever) flights_.erase({session.flight_at, session.id.slot});
  session.flight_at = due;
  if (due != kNever) flights_.emplace(due, session.id.slot);
}

void DtlsClients::expire(Now now) {
  if (!is_on()) return;
  for (uint32_t i = 0; i < kTimersPerPass && !flights_.empty(); ++i) {
    const auto [due, slot] = *flights_.begin();
    if (!is_past(due, now)) break;
    flights_.erase(flights_.begin());
    Session& session = *slots_[slot].session;
    session.flight_at = kNever;
    (session.successor != nullptr ? *session.successor : *session.dtls).handle_timeout();
    look_after(session, now);
  }
  deadlines_->expire(now, kTimersPerPass, [&](uint64_t slot) {
    Session& session = *slots_[slot].session;
    session.deadline = DeadlineQueue::kNone;
    check_time(session, now);
  });
}

// Datagrams move no deadline: what is due is looked at, and mostly put back.
void DtlsClients::check_time(Session& session, Now now) {
  const auto again_at = [&](Instant when) {
    session.deadline = deadlines_->add(when, session.id.slot);
  };
  if (session.handshake.is_held()) {
    if (!is_past(session.handshake_until, now)) return again_at(session.handshake_until);
    if (session.successor == nullptr) return end(session, counters_.handshakes_timed_out);
    ++counters_.handshakes_timed_out;
    session.successor.reset();
    session.handshake = {};
    schedule_flight(session, now);
  }
  if (!session.has_spoken) {
    if (is_past(session.first_message_until, now)) return end(session, counters_.ended_silent);
    return again_at(session.first_message_until);
  }
  const Instant idle_at = session.heard_at + settings_.idle_timeout;
  if (is_past(idle_at, now) && !handler_.has_allocation(session.five_tuple)) {
    return end(session, counters_.ended_idle);
  }
  if (!session.rests && is_past(session.used_at + kRestAfter, now)) {
    session.rests = true;
    session.dtls->release_buffers();
  }
  const Instant rest_at = session.rests ? kNever : session.used_at + kRestAfter;
  const Instant end_at = is_past(idle_at, now) ? now.monotonic + settings_.idle_timeout : idle_at;
  again_at(std::min(rest_at, end_at));
}

Instant DtlsClients::next_deadline() const {
  if (!is_on()) return kNever;
  return flights_.empty() ? deadlines_->next()
                          : std::min(deadlines_->next(), flights_.begin()->first);
}

void DtlsClients::end(Session& session, uint64_t& reason) {
  ++reason;
  session.dtls->end();
  transmit(session, *session.dtls);
  handler_.on_client_gone(session.five_tuple);
  remove(session);
}

void DtlsClients::remove(Session& session) {
  const uint32_t slot = session.id.slot;
  if (session.deadline != DeadlineQueue::kNone) deadlines_->remove(session.deadline);
  if (session.flight_at != kNever) flights_.erase({session.flight_at, slot});
  by_five_tuple_.erase(session.five_tuple);
  slots_[slot].session.reset();
  ++slots_[slot].generation;
  unused_.push_back(slot);
  --counters_.sessions;
}

void DtlsClients::close_all() {
  for (Slot& slot : slots_) {
    if (slot.session == nullptr) continue;
    slot.session->dtls->end();
    transmit(*slot.session, *slot.session->dtls);
    remove(*slot.session);
  }
  loop_.flush();
}

DtlsClients::Session* DtlsClients::find(const FiveTuple& five_tuple) {
  const auto found = by_five_tuple_.find(five_tuple);
  return found == by_five_tuple_.end() ? nullptr : slots_[found->second].session.get();
}

DtlsClients::Session* DtlsClients::find(SocketId id) {
  if (id.slot >= slots_.size() || slots_[id.slot].generation != id.generation) return nullptr;
  return slots_[id.slot].session.get();
}

}  // namespace uturn
