// TestRelay: relays under a virtual clock, with everything real but the sockets.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/static_users.h"
#include "server/relay/port_pool.h"
#include "server/relay/relay.h"
#include "tests/auth/slow_directory.h"
#include "tests/relay/fake_tcp_sockets.h"
#include "tests/relay/fakes.h"
#include "tests/relay/message.h"

namespace uturn {

using Body = std::function<void(MessageBuilder&)>;

TransportAddress address(std::string_view text);
PeerAddress peer_at(std::string_view text);
IpAddress ip_at(std::string_view text);
/// A ChannelData message as it goes over UDP.
std::vector<uint8_t> channel_data(uint16_t number, std::string_view data);

/// What the relay sent to a peer.
struct ToPeer {
  TransportAddress from;
  TransportAddress to;
  std::string data;
  IpFields ip;
};

inline constexpr RealmId kOtherRealm{1};
inline constexpr std::string_view kOtherOrigin = "https://Other.example";

/// What a test may want otherwise. alice and bob are static users, carol and dave known to the slow
/// directory only; everybody's password is "secret of NAME".
struct TestSettings {
  RelaySettings relay{};
  std::vector<std::string> relay_addresses{"203.0.113.10", "2001:db8:feed::10"};
  PortRange ports{50'000, 50'099};
  QuotaLimits quota{};
  bool authenticates = true;
  bool has_slow_directory = false;
  bool relays_tcp = false;
  bool takes_tokens = false;  ///< of token_key(), for example.org
  std::vector<std::string> rest_secrets{};
  std::vector<std::string> rest_classes{};
  std::vector<std::string> allow{"192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24",
                                 "2001:db8::/32"};
  std::vector<std::string> deny{};
  std::vector<std::string> own_services{"203.0.113.10:3478", "[2001:db8:feed::10]:3478"};
  /// Where there is another realm, other.example, to whom its users alice and zoe may send.
  /// kOtherOrigin is its.
  std::optional<std::vector<std::string>> other_realm_allows{};
  uint8_t shards = 1;
  uint64_t seed = 1;
};

/// What the authorization server of the tests seals tokens with: kid "kid".
TokenKey token_key();

class TestRelay;

/// A client with its five-tuple and, once challenged, its nonce.
class TestClient {
 public:
  TestClient(TestRelay& relay, FiveTuple five_tuple, SocketId listener, std::string username,
             uint8_t shard);

  // Requests, signed as RFC 5389 does unless signs_by_sha256(). Each returns the answer; none where
  // the relay is silent or defers.
  Message request(Method method, const Body& body = {});
  Message allocate(const Body& body = {});  ///< with REQUESTED-TRANSPORT 17
  Message refresh(const Body& body = {});
  Message refresh(uint32_t lifetime);
  Message create_permission(std::string_view peer);
  Message bind_channel(uint16_t number, std::string_view peer);
  Message allocate_tcp(const Body& body = {});  ///< with REQUESTED-TRANSPORT 6
  Message connect(std::string_view peer);       ///< none: it waits for the peer
  Message bind_connection(ConnectionId id);
  Message binding(const Body& body = {});                              ///< never signed
  Message unsigned_request(Method method, const Body& body = {});      ///< no integrity
  Message repeat();                                                    ///< the last request again
  std::vector<uint8_t> signed_bytes(Method method, const Body& body);  ///< not sent

  // Data towards a peer.
  void send(std::string_view peer, std::string_view data, const Body& more = {});
  void channel_data(uint16_t number, std::string_view data);
  void datagram(std::vector<uint8_t> bytes);

  // What came. The next one goes out of the inbox with every call.
  std::vector<uint8_t> received();
  Message answer();
  bool hears_nothing() const { return inbox_.empty(); }
  const IpFields& last_ip() const { return last_ip_; }

  void signs_by_sha256() { by_sha256_ = true; }
  void is_now(std::string username) { username_ = std::move(username); }
  void logs_in_to(std::string realm) { realm_ = std::move(realm); }
  void comes_by_listener_of(RealmId realm) { arrival_.realm = realm; }
  void has_password(std::string password) { password_ = std::move(password); }
  void has_token(std::chrono::seconds lifetime);  ///< a new one, with a session key of its own
  void has_no_token() { token_.clear(); }         ///< the session key stays
  void has_nonce(std::string nonce) { nonce_ = std::move(nonce); }
  void marks(uint8_t dscp, uint8_t ecn, uint8_t ttl);
  const FiveTuple& five_tuple() const { return arrival_.five_tuple; }
  uint8_t shard() const { return shard_; }
  TransportAddress relayed;  ///< of the last successful Allocate

 private:
  friend class TestRelay;
  void prove(MessageBuilder& builder);
  Key key() const;
  Message send_request(std::vector<uint8_t> bytes);

  TestRelay& relay_;
  Arrival arrival_;
  std::string username_;
  std::string password_;
  std::string realm_ = "example.org";
  uint8_t shard_;
  bool by_sha256_ = false;
  std::string nonce_;
  std::vector<uint8_t> algorithms_;
  std::vector<uint8_t> token_;
  std::optional<Key> session_key_;
  std::vector<uint8_t> last_request_;
  std::deque<std::vector<uint8_t>> inbox_;
  IpFields last_ip_;
};

/// After every test its destructor asks: had each datagram one fate, did each deferred request end
/// once, and has everything come back?
class TestRelay {
 public:
  explicit TestRelay(TestSettings settings = {});
  ~TestRelay();

  /// The same address and user give the same client. IPv6 clients talk to the IPv6 server address.
  TestClient& client(std::string_view address, std::string username = "alice", uint8_t shard = 0);

  /// The same over a stream: a connection of its own.
  TestClient& stream_client(std::string_view address, std::string username = "alice",
                            uint8_t shard = 0, Transport transport = Transport::tcp);
  void is_gone(TestClient& client);  ///< its connection has ended

  // Peers of TCP allocations.
  void peer_connects(std::string_view peer, const TransportAddress& relayed);
  void peer_accepts(std::string_view peer);
  void peer_refuses(std::string_view peer);
  void connection_ends(std::string_view peer);  ///< by the peer, or by the client it is joined with
  bool is_connected_with(std::string_view peer) const;
  /// Whose client data connection it is joined with; null where there is none.
  const TestClient* joined_with(std::string_view peer) const;

  /// To the only relay socket of the peer's family, or to the given relayed address.
  void datagram_from_peer(std::string_view peer, std::string_view data, IpFields ip = {});
  void datagram_from_peer_to(const TransportAddress& relayed, std::string_view peer,
                             std::string_view data, IpFields ip = {});
  void icmp_error(std::string_view destination, IcmpValue icmp);
  ToPeer sent_to_peer();  ///< the next one; empty and a failure where there is none
  bool peers_hear_nothing() const { return to_peers_.empty(); }

  void passes(Duration duration);          ///< deadlines on the way are served
  void passes_unswept(Duration duration);  ///< the relay is too busy to sweep
  std::optional<DropReason> last_drop() const { return last_drop_; }
  bool last_was_deferred() const { return was_deferred_; }

  // Whom deferred requests wait for.
  void directory_answers();  ///< the oldest question
  void directory_fails();
  void answer_ticket(DirectoryTicket ticket, const UserAnswer& answer, uint8_t shard = 0);
  void shards_answer();  ///< all questions between shards
  size_t questions_between_shards() const { return questions_.size(); }

  Relay& at(uint8_t shard = 0) { return *shards_[shard].relay; }
  RelayCounters counters(uint8_t shard = 0) { return at(shard).counters(); }
  FakeSockets& sockets(uint8_t shard = 0) { return *shards_[shard].sockets; }
  FakeTcpSockets& tcp_sockets(uint8_t shard = 0) { return *shards_[shard].tcp_sockets; }
  FakeShards& others(uint8_t shard = 0) { return *shards_[shard].others; }
  void close_all();
  /// As if the configuration had been read again, without the other realm.
  void serves_default_realm_alone();
  bool shortcuts_are_full = false;  ///< those to other shards: the kernel's way is left
  uint32_t through_the_kernel = 0;  ///< datagrams from one relay socket of ours to another

  Now now{Instant{} + 1h + 250ms, CalendarTime{1'800'000'000s}};
  SeededRandom random;
  std::shared_ptr<SlowDirectory> directory;
  FakeObserver observer;
  PortPools ports;
  PortPools tcp_ports;
  QuotaLedger quota;

 private:
  friend class TestClient;
  struct Shard {
    std::unique_ptr<FakeSockets> sockets;
    std::unique_ptr<FakeTcpSockets> tcp_sockets;
    std::unique_ptr<ExactAnswers> answers;
    std::unique_ptr<FakeShards> others;
    std::unique_ptr<Relay> relay;
    uint64_t ended_by_closing = 0;
  };
  void expect_relayed_adds_up() const;
  TestClient& add_client(std::string_view address, std::string username, uint8_t shard,
                         Transport transport);
  void from_client(TestClient& client, const std::vector<uint8_t>& bytes);
  void answer_given_up();
  std::pair<uint8_t, SocketId> connection_to(std::string_view peer) const;
  void from_peer(uint8_t shard, const FakeSockets::Open& by, const PeerAddress& peer, Bytes data,
                 IpFields ip);
  void carry_out(uint8_t shard, const FiveTuple* asker, const Outcome& outcome);
  void carry_out(uint8_t shard, const std::optional<Resumed>& resumed);
  void deliver_to_client(const TransportAddress& client, std::vector<uint8_t> bytes, IpFields ip);
  std::optional<std::pair<uint8_t, FakeSockets::Open>> socket_at(const TransportAddress& address);
  void move_clock(Duration duration);
  TransactionId next_transaction();

  bool is_authenticating() const;
  std::unique_ptr<const Realms> realms_;
  std::shared_ptr<const Authenticator> authenticator_;
  std::shared_ptr<const PeerPolicy> policy_;
  std::vector<Shard> shards_;
  std::deque<FakeShards::Question> questions_;
  std::vector<std::unique_ptr<TestClient>> clients_;
  std::deque<ToPeer> to_peers_;
  std::optional<DropReason> last_drop_;
  bool was_deferred_ = false;
  uint64_t transactions_ = 0;
  uint32_t streams_ = 0;
  const TestClient* sender_ = nullptr;  ///< hears first, where two users share a five-tuple
};

}  // namespace uturn
