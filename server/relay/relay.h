// Relay: the TURN state machine of one shard. It is told what arrived and when, and returns what is
// to be done.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "auth/authenticator.h"
#include "auth/peer_policy.h"
#include "auth/quota.h"
#include "auth/random.h"
#include "auth/realms.h"
#include "protocol/attributes.h"
#include "protocol/message_builder.h"
#include "protocol/message_view.h"
#include "protocol/send_indication.h"
#include "server/relay/allocation_table.h"
#include "server/relay/answer_budget.h"
#include "server/relay/arrival.h"
#include "server/relay/counters.h"
#include "server/relay/end_reason.h"
#include "server/relay/external_addresses.h"
#include "server/relay/limits.h"
#include "server/relay/look_ahead.h"
#include "server/relay/outcome.h"
#include "server/relay/pending_table.h"
#include "server/relay/relay_ports.h"
#include "server/relay/relay_sockets.h"
#include "server/relay/request.h"
#include "server/relay/reservation_table.h"
#include "server/relay/tcp_connection_table.h"
#include "server/relay/tcp_sockets.h"
#include "server/relay/traffic_class.h"
#include "server/relay/transaction_ids.h"

namespace uturn {

/// The family of an Allocate without REQUESTED-ADDRESS-FAMILY; `keep` takes the client's.
enum class DefaultFamily : uint8_t { ipv4, ipv6, keep };

struct RelaySettings {
  Limits limits;
  ChannelRange channels = ChannelRange::rfc8656;
  DefaultFamily default_family = DefaultFamily::ipv4;
  ExternalAddresses external{};
  std::string software =
      "uturn";  ///< SOFTWARE for the authenticated (RFC 8656, Section 5); empty: none
  std::vector<TransportAddress> alternates{};  ///< where a draining server sends its clients …
  std::string alternate_domain{};              ///< … and the name their certificate has
  bool idle_gives_way = true;   ///< a user's silent allocation ends where a new one needs its place
  bool ends_at_expiry = false;  ///< of the credential: running allocations too
  bool shortcut = true;         ///< false: datagrams to own relayed addresses pass the kernel too
  uint8_t shard = 0;
  uint8_t shards = 1;
};

/// Whom the relay tells of what an operator may want to read; asked by requests, never per packet.
class RelayObserver {
 public:
  virtual ~RelayObserver() = default;
  virtual void on_peer_denied(const PeerDecision& /*decision*/) {}
  virtual void on_auth_failure(AuthFailure /*why*/, const ClientAddress& /*client*/) {}
  /// One of the above where the client is proved to receive at its address.
  virtual void on_failed_login(AuthFailure /*why*/, const ClientAddress& /*client*/,
                               std::string_view /*username*/, std::string_view /*realm*/) {}
  virtual void on_ports_exhausted(AddressFamily /*family*/) {}
  /// Its sides are still there.
  virtual void on_allocation_ended(const Allocation& /*allocation*/, EndReason /*why*/) {}
};

/// Where answers are written: lent until the pass ends. Asked once per request.
class AnswerSpace {
 public:
  virtual ~AnswerSpace() = default;
  virtual MutableBytes lend(size_t size) = 0;
};

/// The other shards, as far as the relay needs them: a reservation may be theirs. The answer comes
/// back through Relay::on_reservation.
class OtherShards {
 public:
  virtual ~OtherShards() = default;
  /// False where the channel to that shard is full.
  virtual bool ask_for_reservation(uint8_t shard, uint64_t token, std::string_view owner,
                                   PendingId waiting) = 0;
  /// May a silent allocation of this user on that shard make room for a new one? The answer comes
  /// back through Relay::on_yielded. False where the channel to that shard is full.
  virtual bool ask_to_yield(uint8_t /*shard*/, std::string_view /*quota_id*/, RealmId /*realm*/,
                            PendingId /*waiting*/) {
    return false;
  }
  /// Datagrams for allocations of that shard will be many: asked by requests.
  virtual void expect_shortcuts_to(uint8_t shard) = 0;
};

/// What the relay stands on; all of it outlives the relay.
struct RelayWorld {
  const Realms& realms;
  QuotaLedger& quota;
  RelayPorts& ports;
  RelaySockets& sockets;
  AnswerSpace& answers;
  OtherShards& others;
  RelayObserver& observer;
  Random& random;
  std::optional<TcpRelaying> tcp{};  ///< without: REQUESTED-TRANSPORT 6 is answered 442
};

/// How a deferred request ended, and whom the outcome is for.
struct Resumed {
  Arrival arrival;
  Outcome outcome;
};

class Relay {
 public:
  Relay(RelaySettings settings, RelayWorld world, Now now);
  ~Relay();  ///< close_all() must have run

  // What arrives next, told ahead: at most LookAhead::kMost, then look_ahead(). It changes nothing
  // but the time that the outcomes take, and only where there are many allocations.
  bool looks_ahead() const { return allocations_.size() >= LookAhead::kFewest; }
  void expect(const FiveTuple& five_tuple) { look_ahead_.expect(five_tuple); }
  void expect(RelayTag tag) { look_ahead_.expect(tag.allocation); }
  void look_ahead() { look_ahead_.fetch(); }

  // What arrives. One outcome each; forwarding allocates nothing.
  Outcome on_client_packet(const Arrival& arrival, const Packet& packet, Now now);
  Outcome on_peer_packet(RelayTag tag, const PeerAddress& peer, const IpFields& ip,
                         const Packet& packet, Now now);
  /// What another shard's Relay returned as a Shortcut, or this one's own; `packet` is its payload.
  Outcome on_shortcut(const PeerAddress& from, const PeerAddress& to, const IpFields& ip,
                      const Packet& packet, Now now);
  /// An ICMP error for what one of our relay sockets sent to `destination` (RFC 8656,
  /// Section 11.5).
  Outcome on_icmp_error(RelayTag tag, const PeerAddress& destination, const IcmpValue& icmp,
                        Now now);

  // TCP allocations (RFC 6062). Bytes never come here, only their number, once a turn.
  /// A peer's connection to a relayed transport address has been accepted: a ConnectionAttempt for
  /// the client, or it is closed already.
  Outcome on_peer_connection(RelayTag tag, SocketId socket, const PeerAddress& peer, Now now);
  /// How connect() ended: the Connect's answer. Of a connection that nobody knows, nothing.
  std::optional<Resumed> on_connected(ConnectionId id, Now now);
  /// connect() failed, or a peer data connection, or the client data connection it was joined with,
  /// has ended; the sockets are closed already. The end of a peer's sending alone is no end: it may
  /// have asked, and wait for the answer.
  std::optional<Resumed> on_connection_ended(ConnectionId id, Now now);
  /// How many bytes may be read, to go one way between the two that were joined: they come off the
  /// allocation's credit. 0: none for now, ask again later; `waits` says that it was so before.
  size_t on_credit_wanted(ConnectionId id, Towards towards, bool waits, Now now);
  /// So many have gone, and so many of what was given are left; negative: it was not enough for
  /// what had to be read. Returns how many of these may be kept for the next time.
  size_t on_bytes_joined(ConnectionId id, Towards towards, size_t bytes, int64_t left, Now now);
  /// A client's connection, or DTLS session, has ended: its allocation ends with it, and nobody
  /// waits for answers any more.
  void on_client_gone(const FiveTuple& five_tuple);
  /// Whether a client's connection is a control connection: has an allocation that lives.
  bool has_allocation(const FiveTuple& five_tuple, Now now) const;

  // What a deferred request waited for. Nothing where it has expired meanwhile, or waits on.
  std::optional<Resumed> on_user_answer(DirectoryTicket ticket, const UserAnswer& answer, Now now);
  std::optional<Resumed> on_reservation(PendingId waiting, std::optional<Reservation> reservation,
                                        Now now);
  /// Another shard has been asked to make room, and has done what it could.
  std::optional<Resumed> on_yielded(PendingId waiting, Now now);
  /// Ends this user's allocation that has been silent for longest, if it is one of kSilence.
  bool make_room_for(std::string_view quota_id, RealmId realm, Now now);
  /// Another shard's request shows a token of ours. The caller passes on what it gets.
  std::optional<Reservation> surrender_reservation(uint64_t token, std::string_view owner, Now now);

  /// Ends what is due, at most kExpirationsPerPass; next_deadline() says when to call again.
  void expire(Now now);
  Instant next_deadline() const;
  /// The answer to a Connect that took too long, or whose allocation has ended: asked until there
  /// is none, in every pass after expire().
  std::optional<Resumed> next_given_up(Now now);
  void close_all();

  // What an operator does. Bounded, each.
  template <class Visit>
  std::optional<uint32_t> visit_allocations(uint32_t first, uint32_t count, Visit visit) const {
    return allocations_.visit(first, count, std::move(visit));
  }
  bool kick(AllocationId id);  ///< false: it has ended already
  /// New Allocates are refused from here on; what there is goes on.
  void drain() { draining_ = true; }
  void resume() { draining_ = false; }
  bool is_draining() const { return draining_; }
  /// Other settings from here on, for what is there as well; the shard is none of them.
  void reload(RelaySettings settings);
  /// Other realms, or the same with other users and peers, likewise. Who waits for a directory is
  /// asked about by those that come.
  void serve(const Realms& realms);

  RelayCounters counters() const;
  const TrafficClasses& traffic() const { return traffic_; }
  size_t allocations() const { return allocations_.size(); }
  size_t reservations() const { return reservations_.size(); }
  size_t pending() const { return pending_.size(); }
  size_t tcp_connections() const { return tcp_connections_.size(); }

 private:
  // relay.cc: from the first byte to a method
  Outcome decide_client_packet(const Arrival& arrival, const Packet& packet, Now now);
  Outcome on_message(const Arrival& arrival, const Packet& packet, Now now);
  Outcome on_request(const Arrival& arrival, const MessageView& message, Now now);
  Outcome on_verdict(const Arrival& arrival, const MessageView& message, AuthVerdict verdict,
                     RealmId realm, Now now);
  Outcome perform(const Request& request);
  const Identity* known_identity(const Allocation* existing, const MessageView& message, Now now);
  void count_unrelayed(const Outcome& outcome);
  static bool is_known(AttributeType type);

  // one file per method
  Outcome binding(const Arrival& arrival, const MessageView& message, Now now);
  Outcome allocate(const Request& request);
  Outcome refresh(const Request& request);
  Outcome create_permission(const Request& request);
  Outcome channel_bind(const Request& request);
  Outcome connect(const Request& request);
  Outcome connection_bind(const Request& request);
  Outcome send(const Arrival& arrival, const MessageView& message, Now now);
  Outcome send(const Arrival& arrival, const SendIndication& indication, Now now);
  Outcome channel_data(const Arrival& arrival, const Packet& packet, Now now);
  Outcome peer_data(RelayTag tag, const PeerAddress& peer, const IpFields& ip, const Packet& packet,
                    Now now);
  Outcome icmp_error(RelayTag tag, const PeerAddress& destination, const IcmpValue& icmp, Now now);

  // allocate.cc
  struct AllocateWish;
  static bool may_have_tcp(const Request& request);
  Result<AllocateWish, ErrorCode> read_wish(const Request& request) const;
  static bool translates_from_ipv4(const Request& request);
  Outcome allocate_wished(const Request& request, const AllocateWish& wish);
  QuotaLease take_quota(const Request& request);
  Outcome reject_by_quota(const Request& request, QuotaLimit limit);
  Outcome allocate_reserved(const Request& request, const AllocateWish& wish,
                            Reservation reservation);
  Outcome allocate_with(const Request& request, Reservation reservation);
  Outcome redeem(const Request& request, const AllocateWish& wish);
  struct OpenedSide;
  Result<OpenedSide, ErrorCode> open_side(AddressFamily family, const AllocateWish& wish, Now now);
  Result<SocketId, SocketFailure> open_socket(const AllocateWish& wish,
                                              const RelayedAddress& address, RelayTag tag);
  RelayPorts& ports_for(Transport relayed) const;
  Outcome establish(const Request& request, const AllocateWish& wish, QuotaLease quota,
                    OpenedSide first, std::optional<OpenedSide> second);
  Outcome answer_allocated(const Request& request, const Allocation& allocation);
  std::chrono::seconds granted_lifetime(const MessageView& message) const;
  Instant end_of(const Identity& identity, const QuotaLease& quota, Now now) const;
  static std::chrono::seconds cut(std::chrono::seconds lifetime, Instant ends_at, Now now);

  // bandwidth.cc, silence.cc
  bool draw(Allocation& allocation, Towards towards, size_t bytes, Now now);
  void note_used(Allocation& allocation);
  void cut_off(Allocation& allocation, Now now);
  void adjust_bandwidth();
  std::optional<uint8_t> next_to_ask(const Request& request) const;
  Outcome await_yield(const Request& request, uint8_t shard);

  // peers.cc: who may be talked to
  struct Peer {
    PeerAddress address;  ///< as it is here
    PeerCheck check;
  };
  Result<Peer, ErrorCode> admit(const PeerAddress& shown, const Allocation& allocation);
  static bool is_tunneled(const IpAddress& ip);
  bool receives_from_peers(Allocation& allocation, AddressFamily family);
  bool may_pass(PeerCheck check, const PeerAddress& peer, const Allocation& allocation) const {
    return check == PeerCheck::none || may_pass_at_port(peer, allocation);
  }
  bool may_pass_at_port(const PeerAddress& peer, const Allocation& allocation) const;
  const PeerPolicy& policy_of(const Allocation& allocation) const {
    return realms_->policy_of(allocation.identity.realm);
  }
  const HeldPorts& held_by(const Allocation& allocation) const;
  /// DSCP and ECN are kept, one hop is taken off the TTL (RFC 8656, Sections 13, 14 and 21.1.7).
  static IpFields onward(uint8_t dscp, uint8_t ecn, uint8_t ttl, bool dont_fragment) {
    return {dscp, ecn, static_cast<uint8_t>(ttl > 0 ? ttl - 1 : 0), dont_fragment, {}};
  }

  // shortcut.cc
  Outcome to_peer(const Forward& forward, PeerCheck check, const RelayedAddress& from) const {
    return check == PeerCheck::none ? Outcome{forward} : to_own_address(forward, from);
  }
  Outcome to_own_address(const Forward& forward, const RelayedAddress& from) const;
  Outcome take(const Shortcut& shortcut, const Packet& packet, Now now);
  void expect_shortcuts(const Peer& peer);

  // tcp_connect.cc, tcp_connection_attempt.cc, tcp_connection_bind.cc, tcp_lifetimes.cc
  bool may_connect(const Allocation& allocation, const Peer& peer) const;
  bool has_room_for_connection(const Allocation& allocation) const;
  Outcome connection_attempt(RelayTag tag, SocketId socket, const PeerAddress& peer, Now now);
  std::optional<HandOver> hand_over(const Arrival& arrival, const MessageView& message, Now now);
  TcpConnection* unbound_connection(const MessageView& message, Now now);
  TcpConnection& add_connection(Allocation& allocation, const TcpConnection& connection);
  void set_timeout(TcpConnection& connection, Instant expires_at);
  void clear_timeout(TcpConnection& connection);
  void expire_connection(ConnectionId id);
  void end_connection(TcpConnection& connection);
  void forget_connection(const TcpConnection& connection);
  void end_connections(Allocation& allocation, AddressFamily family);

  // counting.cc
  void count_to_peer(Allocation& allocation, const RelayedSide& side, size_t payload, Now now);
  void count_to_client(Allocation& allocation, const RelayedSide& side, size_t payload, Now now);
  void count_joined(Allocation& allocation, AddressFamily family, Towards towards, size_t bytes,
                    Now now);
  void count_made(Allocation& allocation);
  void count_tables(Allocation& allocation);
  void count_ended(Allocation& allocation, EndReason why);
  void count_result(const MessageView& request, std::optional<ErrorCode> error);

  // answer.cc
  MessageBuilder begin_answer(MessageClass message_class, const MessageView& to);
  Outcome finish_answer(MessageBuilder& builder, const Request& request);
  Outcome success(const Request& request);
  Outcome reject(const Request& request, ErrorCode code);
  Outcome reject_unknown_attributes(const Request& request);
  Outcome reject_unproved(const Arrival& arrival, const MessageView& message,
                          const Rejected& rejected, RealmId realm, Now now);
  Outcome send_answer(MessageBuilder& builder, const Arrival& arrival, const MessageView& to);

  // operating.cc
  Outcome reject_draining(const Request& request);

  // pending.cc
  Outcome defer(const Arrival& arrival, const MessageView& message, Asked asked,
                std::optional<Accepted> proof, Now now,
                std::chrono::seconds lifetime = kPendingLifetime);
  Outcome await_reservation(const Request& request, uint64_t token);
  std::optional<Resumed> resumed(const Arrival& arrival, Outcome outcome);
  void forget(PendingRequest& waiting);

  // lifetimes.cc
  Allocation* living(const FiveTuple& five_tuple, Now now);
  void schedule(Allocation& allocation);
  void sweep(Allocation& allocation, Now now);
  void end_side(Allocation& allocation, AddressFamily family);
  void end(Allocation& allocation, EndReason why);
  uint64_t hold_reservation(Reservation reservation, Now now);
  void end_reservation(Reservation reservation);

  RelaySettings settings_;
  RelayWorld world_;
  const Realms* realms_;   ///< those of world_, until others are to be served
  const HeldPorts& held_;  ///< of world_.ports: asked per datagram, so by no virtual call
  AllocationTable allocations_;
  LookAhead look_ahead_{allocations_};
  ReservationTable reservations_;
  PendingTable pending_;
  TcpConnectionTable tcp_connections_;
  bool draining_ = false;
  uint32_t quota_version_;           ///< of the limits that the allocations' bandwidth comes from
  std::vector<PendingId> given_up_;  ///< Connects to be answered 447; at most as many as wait
  AnswerBudget budget_;
  TransactionIds transaction_ids_;
  DeadlineQueue allocation_deadlines_;
  DeadlineQueue reservation_deadlines_;
  DeadlineQueue pending_deadlines_;
  DeadlineQueue connection_deadlines_;
  TrafficClasses traffic_;
  RelayCounters counters_;
};

}  // namespace uturn
