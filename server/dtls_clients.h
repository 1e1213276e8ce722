// DtlsClients: clients that speak TURN over DTLS (RFC 7350), on the datagram listeners of a shard.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "auth/random.h"
#include "io/dtls_listener.h"
#include "io/dtls_session.h"
#include "io/loop.h"
#include "server/connection_limits.h"
#include "server/relay/answer_budget.h"
#include "server/relay/arrival.h"
#include "server/relay/deadline_queue.h"
#include "server/relay/limits.h"

namespace uturn {

struct DtlsSettings {
  Duration handshake_timeout = std::chrono::seconds(10);
  Duration first_message_timeout = std::chrono::seconds(10);  ///< after the handshake
  Duration idle_timeout = std::chrono::seconds(60);           ///< without an allocation
  Limits answers{};                                           ///< its answers_* and answer_sources
};

/// Plain integers of the shard's thread, added up like the loop's.
struct DtlsCounters {
  uint64_t datagrams_in = 0;
  uint64_t cookies_sent = 0;
  uint64_t hellos_unanswered = 0;  ///< their source had its answers
  uint64_t hellos_refused = 0;     ///< too many sessions, of all or of one source, or handshakes
  uint64_t strangers = 0;          ///< records of no session of ours
  uint64_t handshakes = 0;         ///< begun with a cookie
  uint64_t handshakes_done = 0;
  uint64_t handshakes_failed = 0;
  uint64_t handshakes_timed_out = 0;
  uint64_t sessions = 0;  ///< there are now
  uint64_t ended_by_client = 0;
  uint64_t ended_idle = 0;
  uint64_t ended_silent = 0;  ///< no message followed the handshake
  uint64_t begun_anew = 0;    ///< by a client that lost its state
  uint64_t messages_in = 0;
  uint64_t messages_out = 0;
  uint64_t messages_lost = 0;  ///< for a session that has ended, or longer than a record can be
  uint64_t plain_refused = 0;  ///< datagrams of no DTLS, where a listener takes nothing else
};

/// Who handles what clients say, and hears when they go: the shard.
class DtlsHandler {
 public:
  virtual ~DtlsHandler() = default;
  /// A message, valid until the pass ends. Answers go to `arrival.listener`, which is the session.
  virtual void on_dtls_message(const Arrival& arrival, const Packet& packet) = 0;
  virtual void on_client_gone(const FiveTuple& five_tuple) = 0;
  virtual bool has_allocation(const FiveTuple& five_tuple) const = 0;
};

/// Sessions by five-tuple, and by an id of their own: what an allocation knows as its listener, so
/// that what a peer sends finds its session without a look-up.
///
/// Before its cookie comes back a client leaves nothing here. Then it counts as a connection and,
/// until it is through, as a handshake (ConnectionLimits); a session ends by its client's
/// close_notify, without a first message in time, or idle without an allocation; its record buffers
/// are given back when it rests.
class DtlsClients {
 public:
  static constexpr Duration kRestAfter = std::chrono::seconds(10);
  static constexpr uint32_t kTimersPerPass = 64;

  DtlsClients(const DtlsSettings& settings, ConnectionLimits& limits, Loop& loop, Random& random,
              DtlsHandler& handler);
  ~DtlsClients();

  void reload(const DtlsSettings& settings) { settings_ = settings; }  ///< from here on
  /// For handshakes that begin from now on. Before the first one there is no DTLS here.
  void set_context(std::shared_ptr<const TlsContext> context);
  bool is_on() const { return listener_ != nullptr; }

  /// A datagram that is DTLS's by its first byte (RFC 7983). `arrival` is its listener's, with the
  /// client's five-tuple, while `from` is where answers go: a proxy may speak for the client.
  /// Messages are decrypted in the place of the datagram.
  void on_datagram(const Arrival& arrival, const TransportAddress& from, const Packet& packet,
                   Now now);

  void refuse_plain() { ++counters_.plain_refused; }

  /// To the client of a session: header, payload and padding as one record in a lent buffer.
  void send(SocketId session, Bytes header, Bytes payload, uint8_t padding, const IpFields& ip,
            Now now);

  /// Every pass: sends flights again, ends what is due.
  void expire(Now now);
  Instant next_deadline() const;
  /// Says close_notify to everybody; the handler hears nothing.
  void close_all();

  const DtlsCounters& counters() const { return counters_; }

 private:
  struct Session;
  struct Slot {
    std::unique_ptr<Session> session;
    uint32_t generation = 0;
  };
  struct SeededHash {
    uint64_t seed;
    size_t operator()(const FiveTuple& five_tuple) const { return hash_of(five_tuple, seed); }
  };

  void on_client_hello(const Arrival& arrival, const TransportAddress& from, Session* known,
                       Bytes hello, Now now);
  void begin(const Arrival& arrival, const TransportAddress& from,
             std::unique_ptr<DtlsSession> dtls, ConnectionLease connection,
             HandshakeLease handshake, Now now);
  void begin_anew(Session& session, std::unique_ptr<DtlsSession> successor,
                  HandshakeLease handshake, Now now);
  void read_messages(Session& session, DtlsSession& dtls, const Arrival& arrival,
                     const Packet& packet, Now now);
  std::optional<Packet> place(Bytes message, const Packet& datagram, size_t& used);
  void look_after(Session& session, Now now);
  void become_successor(Session& session, Now now);
  void transmit(Session& session, DtlsSession& dtls);
  void send_datagram(const Session& session, Bytes datagram, const IpFields& ip);
  void schedule_flight(Session& session, Now now);
  void check_time(Session& session, Now now);
  void end(Session& session, uint64_t& reason);
  void remove(Session& session);
  Session* find(const FiveTuple& five_tuple);
  Session* find(SocketId id);

  DtlsSettings settings_;
  ConnectionLimits& limits_;
  Loop& loop_;
  Random& random_;
  DtlsHandler& handler_;
  std::unique_ptr<DtlsListener> listener_;
  std::unique_ptr<AnswerBudget> budget_;
  std::vector<Slot> slots_;
  std::vector<uint32_t> unused_;
  std::unordered_map<FiveTuple, uint32_t, SeededHash> by_five_tuple_;
  std::set<std::pair<Instant, uint32_t>> flights_;  ///< when they are due again, of which slot
  std::unique_ptr<DeadlineQueue> deadlines_;
  std::vector<uint8_t> scratch_;  ///< one plaintext; or one datagram that no lent buffer holds
  DtlsCounters counters_;
};

}  // namespace uturn
