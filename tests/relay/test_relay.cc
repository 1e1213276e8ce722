// TestRelay: datagrams in, fates carried out, and the laws that hold after every test.
#include "tests/relay/test_relay.h"

#include "auth/origin.h"
#include "tests/relay/one_fate.h"

namespace uturn {
namespace {

constexpr SocketId kListener{1, 1};
constexpr uint32_t kStreamBit = 1u << 31;

bool leads_to_a_client(SocketId via) { return via == kListener || (via.slot & kStreamBit) != 0; }

std::vector<IpAddress> ips(const std::vector<std::string>& texts) {
  std::vector<IpAddress> all;
  for (const std::string& text : texts) all.push_back(ip_at(text));
  return all;
}

std::vector<AddressRange> ranges(const std::vector<std::string>& texts) {
  std::vector<AddressRange> all;
  for (const std::string& text : texts) all.push_back(*AddressRange::parse(text));
  return all;
}

PeerPolicy::Settings policy_of(const TestSettings& settings) {
  PeerPolicy::Settings policy{.allow = ranges(settings.allow), .deny = ranges(settings.deny)};
  for (const std::string& service : settings.own_services) {
    policy.own_services.push_back(address(service));
  }
  policy.local_addresses = ips(settings.relay_addresses);
  return policy;
}

Realm other_realm(TestSettings settings, const NonceKey& nonce_key) {
  settings.allow = *settings.other_realm_allows;
  auto users = std::make_shared<StaticUsers>("other.example");
  users->add_password("alice", "secret of alice");
  users->add_password("zoe", "secret of zoe");
  Authenticator::Settings authentication{
      .realm = "other.example", .nonce = {.keys = {nonce_key}}, .id = kOtherRealm};
  return {std::make_shared<const Authenticator>(std::move(authentication), users, nullptr,
                                                std::vector<std::shared_ptr<UserDirectory>>{}),
          std::make_shared<const PeerPolicy>(policy_of(settings))};
}

/// A packet whose bytes end where its block ends.
class ExactPacket {
 public:
  explicit ExactPacket(Bytes bytes)
      : block_(std::make_unique<uint8_t[]>(kHeadroom + bytes.size())), size_(bytes.size()) {
    std::ranges::copy(bytes, block_.get() + kHeadroom);
  }
  Packet packet() const { return {{block_.get(), kHeadroom}, {block_.get() + kHeadroom, size_}}; }

 private:
  std::unique_ptr<uint8_t[]> block_;
  size_t size_;
};

// Gauges say what the tables hold.
void expect_counted_as_they_are(const Relay& relay) {
  uint64_t permissions = 0, channels = 0;
  relay.visit_allocations(0, UINT32_MAX, [&](const Allocation& one) {
    for (size_t i = 0; i < one.sides.size(); ++i) {
      if (!one.sides[i]) continue;
      permissions += (one.tcp ? one.tcp->permissions[i] : one.sides[i]->permissions).size();
    }
    channels += one.channels.size();
  });
  const RelayCounters c = relay.counters();
  EXPECT_EQ(c.permissions, permissions);
  EXPECT_EQ(c.channels, channels);
  uint64_t allocations = 0;
  for (const auto& part : relay.traffic().all()) allocations += part->allocations;
  EXPECT_EQ(allocations, relay.allocations());
}

void expect_one_end_each(const Relay& relay) {
  const RelayCounters c = relay.counters();
  EXPECT_EQ(c.defers, c.resumed_answers + c.resumed_drops + c.pending_expired + c.pending_joined +
                          relay.pending())
      << "a deferred request ends once";
  EXPECT_GE(c.tcp_connected + c.tcp_attempts_told, c.tcp_bound + c.tcp_never_bound);
}

}  // namespace

TransportAddress address(std::string_view text) {
  const auto parsed = TransportAddress::parse(text);
  CHECK(parsed);
  return *parsed;
}
PeerAddress peer_at(std::string_view text) { return peer_address(address(text)); }
IpAddress ip_at(std::string_view text) {
  const auto parsed = IpAddress::parse(text);
  CHECK(parsed);
  return *parsed;
}

std::vector<uint8_t> channel_data(uint16_t number, std::string_view data) {
  std::vector<uint8_t> bytes(kChannelHeaderSize);
  store_be16(&bytes[0], number);
  store_be16(&bytes[2], static_cast<uint16_t>(data.size()));
  bytes.insert(bytes.end(), data.begin(), data.end());
  return bytes;
}

TestRelay::TestRelay(TestSettings settings)
    : random(settings.seed),
      directory(std::make_shared<SlowDirectory>()),
      ports(ips(settings.relay_addresses), settings.ports, random),
      tcp_ports(ips(settings.relay_addresses), settings.ports, random),
      quota(settings.quota) {
  auto users = std::make_shared<StaticUsers>("example.org");
  users->add_password("alice", "secret of alice");
  users->add_password("bob", "secret of bob");
  directory->add_password("carol", "secret of carol");
  directory->add_password("dave", "secret of dave");
  std::vector<std::shared_ptr<UserDirectory>> directories;
  if (settings.has_slow_directory) directories.push_back(directory);
  std::shared_ptr<RestSecrets> rest;
  if (!settings.rest_secrets.empty()) {
    rest = std::make_shared<RestSecrets>("example.org", settings.rest_secrets, RestOptions{},
                                         settings.rest_classes);
  }
  NonceKey nonce_key{.id = 1};
  nonce_key.secret.fill(0x5A);
  Authenticator::Settings authentication{
      .realm = "example.org", .required = settings.authenticates, .nonce = {.keys = {nonce_key}}};
  if (settings.takes_tokens) {
    authentication.token_server_name = "example.org";
    authentication.token_keys =
        std::make_shared<ListedTokenKeys>(std::vector<TokenKey>{token_key()});
  }
  authenticator_ =
      std::make_shared<const Authenticator>(std::move(authentication), users, rest, directories);
  policy_ = std::make_shared<const PeerPolicy>(policy_of(settings));
  Realms::Settings realms;
  realms.by_id.push_back({authenticator_, policy_});
  if (settings.other_realm_allows) {
    realms.by_id.push_back(other_realm(settings, nonce_key));
    realms.by_origin.emplace(canonical_origin(kOtherOrigin), kOtherRealm);
  }
  realms_ = std::make_unique<const Realms>(std::move(realms));

  for (uint8_t i = 0; i < settings.shards; ++i) {
    RelaySettings of_shard = settings.relay;
    of_shard.shard = i;
    of_shard.shards = settings.shards;
    Shard shard{std::make_unique<FakeSockets>(ports),
                std::make_unique<FakeTcpSockets>(tcp_ports),
                std::make_unique<ExactAnswers>(),
                std::make_unique<FakeShards>(i, questions_),
                nullptr,
                0};
    shard.sockets->number_handles_from(i * 1'000'000);
    RelayWorld world{*realms_,       quota,         ports,    *shard.sockets,
                     *shard.answers, *shard.others, observer, random};
    if (settings.relays_tcp) world.tcp.emplace(TcpRelaying{tcp_ports, *shard.tcp_sockets});
    shard.relay = std::make_unique<Relay>(of_shard, world, now);
    shards_.push_back(std::move(shard));
  }
}

TestRelay::~TestRelay() {
  shards_answer();
  close_all();
  EXPECT_EQ(ports.taken(), 0u) << "ports were lost";
  EXPECT_EQ(tcp_ports.taken(), 0u) << "TCP ports were lost";
  EXPECT_EQ(quota.held(), 0u) << "a quota was not given back";
}

bool TestRelay::is_authenticating() const { return authenticator_->is_required(); }

void TestRelay::serves_default_realm_alone() {
  auto alone = std::make_unique<const Realms>(authenticator_, policy_);
  for (Shard& shard : shards_) shard.relay->serve(*alone);
  realms_ = std::move(alone);
}

// Classes know what allocations have relayed, those that have ended included.
void TestRelay::expect_relayed_adds_up() const {
  Traffic by_allocations = observer.of_ended;
  Traffic by_classes;
  for (const Shard& shard : shards_) {
    shard.relay->visit_allocations(
        0, UINT32_MAX, [&](const Allocation& one) { add(by_allocations, one.traffic); });
    const RelayCounters c = shard.relay->counters();
    add(by_classes, {c.to_peers, c.bytes_to_peers, c.to_clients, c.bytes_to_clients, {}, {}});
  }
  EXPECT_EQ(by_allocations.packets_to_peers, by_classes.packets_to_peers);
  EXPECT_EQ(by_allocations.bytes_to_peers, by_classes.bytes_to_peers);
  EXPECT_EQ(by_allocations.packets_to_client, by_classes.packets_to_client);
  EXPECT_EQ(by_allocations.bytes_to_client, by_classes.bytes_to_client);
}

void TestRelay::close_all() {
  expect_relayed_adds_up();
  for (Shard& shard : shards_) {
    const RelayCounters c = shard.relay->counters();
    expect_one_end_each(*shard.relay);
    EXPECT_EQ(c.allocations_made, c.allocations_deleted + c.allocations_expired +
                                      c.allocations_disconnected + c.allocations_gave_way +
                                      c.allocations_kicked + shard.relay->allocations() +
                                      shard.ended_by_closing);
    expect_counted_as_they_are(*shard.relay);
    EXPECT_EQ(shard.relay->tcp_connections(), shard.tcp_sockets->connections().size())
        << "a connection that the relay does not know, or knows alone";
    shard.ended_by_closing += shard.relay->allocations();
    shard.relay->close_all();
    const RelayCounters last = shard.relay->counters();
    EXPECT_EQ(last.permissions + last.channels, 0u) << "counted, and held by nobody";
    EXPECT_EQ(last.allocations_used + last.allocations_never_used, last.allocations_made);
    EXPECT_EQ(shard.sockets->open_now(), 0u) << "sockets were left open";
    EXPECT_EQ(shard.sockets->held_now(), 0u) << "reserved sockets were left open";
    EXPECT_TRUE(shard.tcp_sockets->listeners().empty()) << "somebody still listens";
    EXPECT_TRUE(shard.tcp_sockets->connections().empty()) << "connections were left open";
  }
}

TestClient& TestRelay::client(std::string_view text, std::string username, uint8_t shard) {
  return add_client(text, std::move(username), shard, Transport::udp);
}

TestClient& TestRelay::add_client(std::string_view text, std::string username, uint8_t shard,
                                  Transport transport) {
  const TransportAddress at = address(text);
  for (const auto& client : clients_) {
    if (static_cast<const TransportAddress&>(client->five_tuple().client) == at &&
        client->username_ == username && client->shard_ == shard) {
      return *client;
    }
  }
  const auto server = address(at.ip.is_v4() ? "203.0.113.10:3478" : "[2001:db8:feed::10]:3478");
  const FiveTuple five_tuple{client_address(at), server_address(server), transport};
  const SocketId listener = is_stream(transport) ? SocketId{kStreamBit | ++streams_, 1} : kListener;
  clients_.push_back(
      std::make_unique<TestClient>(*this, five_tuple, listener, std::move(username), shard));
  return *clients_.back();
}

void TestRelay::datagram_from_peer(std::string_view peer, std::string_view data, IpFields ip) {
  std::vector<TransportAddress> candidates;
  for (const Shard& shard : shards_) {
    for (const auto& [slot, socket] : shard.sockets->all()) {
      if (socket.tag.family == peer_at(peer).ip.family()) candidates.push_back(socket.address);
    }
  }
  CHECK(candidates.size() == 1);
  datagram_from_peer_to(candidates.front(), peer, data, ip);
}

void TestRelay::datagram_from_peer_to(const TransportAddress& relayed, std::string_view peer,
                                      std::string_view data, IpFields ip) {
  const auto socket = socket_at(relayed);
  CHECK(socket);
  from_peer(socket->first, socket->second, peer_at(peer), bytes_of(data), ip);
}

void TestRelay::icmp_error(std::string_view destination, IcmpValue icmp) {
  const PeerAddress peer = peer_at(destination);
  for (uint8_t i = 0; i < shards_.size(); ++i) {
    for (const auto& [slot, socket] : shards_[i].sockets->all()) {
      if (socket.tag.family != peer.ip.family()) continue;
      shards_[i].answers->take_back();
      carry_out(i, nullptr, shards_[i].relay->on_icmp_error(socket.tag, peer, icmp, now));
      return;
    }
  }
  FAIL() << "no relay socket of that family";
}

ToPeer TestRelay::sent_to_peer() {
  if (to_peers_.empty()) {
    ADD_FAILURE() << "nothing was sent to a peer";
    return {};
  }
  ToPeer first = std::move(to_peers_.front());
  to_peers_.pop_front();
  return first;
}

void TestRelay::passes(Duration duration) {
  const Instant end = now.monotonic + duration;
  for (;;) {
    Instant next = kNever;
    for (Shard& shard : shards_) next = std::min(next, shard.relay->next_deadline());
    if (next > end) break;
    move_clock(std::max(next, now.monotonic) - now.monotonic);
    for (Shard& shard : shards_) shard.relay->expire(now);
    answer_given_up();
  }
  move_clock(end - now.monotonic);
  for (Shard& shard : shards_) shard.relay->expire(now);
  answer_given_up();
}

void TestRelay::passes_unswept(Duration duration) { move_clock(duration); }

void TestRelay::move_clock(Duration duration) {
  const auto before = std::chrono::floor<std::chrono::seconds>(now.monotonic);
  now.monotonic += duration;
  now.calendar += std::chrono::floor<std::chrono::seconds>(now.monotonic) - before;
}

void TestRelay::directory_answers() {
  const auto answer = directory->answer_next();
  answer_ticket(answer.ticket, answer.answer);
}
void TestRelay::directory_fails() {
  const auto answer = directory->fail_next();
  answer_ticket(answer.ticket, answer.answer);
}
void TestRelay::answer_ticket(DirectoryTicket ticket, const UserAnswer& answer, uint8_t shard) {
  last_drop_.reset();
  shards_[shard].answers->take_back();
  carry_out(shard, shards_[shard].relay->on_user_answer(ticket, answer, now));
}

void TestRelay::shards_answer() {
  while (!questions_.empty()) {
    const FakeShards::Question question = questions_.front();
    questions_.pop_front();
    if (question.is_to_yield) {
      (void)at(question.shard).make_room_for(question.username, question.realm, now);
      shards_[question.asker].answers->take_back();
      last_drop_.reset();
      carry_out(question.asker, at(question.asker).on_yielded(question.waiting, now));
      continue;
    }
    auto found = at(question.shard).surrender_reservation(question.token, question.username, now);
    if (found) sockets(question.shard).hand_over(found->socket, sockets(question.asker));
    shards_[question.asker].answers->take_back();
    last_drop_.reset();
    carry_out(question.asker,
              at(question.asker).on_reservation(question.waiting, std::move(found), now));
  }
}

void TestRelay::from_client(TestClient& client, const std::vector<uint8_t>& bytes) {
  last_drop_.reset();
  was_deferred_ = false;
  sender_ = &client;
  const ExactPacket packet(bytes);
  Shard& shard = shards_[client.shard_];
  shard.answers->take_back();
  const Outcome outcome = one_fate(*shard.relay, [&] {
    return shard.relay->on_client_packet(client.arrival_, packet.packet(), now);
  });
  if (const auto* moves = std::get_if<HandOver>(&outcome)) {
    EXPECT_NE(moves->shard, client.shard_) << "a shard hands over to itself";
    client.shard_ = moves->shard;
    client.arrival_.listener = {kStreamBit | ++streams_, 1};
    from_client(client, bytes);
    return;
  }
  carry_out(client.shard_, &client.arrival_.five_tuple, outcome);
  answer_given_up();
}

void TestRelay::from_peer(uint8_t shard, const FakeSockets::Open& by, const PeerAddress& peer,
                          Bytes data, IpFields ip) {
  last_drop_.reset();
  const ExactPacket p(data);
  const auto arrive = [&] { return at(shard).on_peer_packet(by.tag, peer, ip, p.packet(), now); };
  carry_out(shard, nullptr, one_fate(at(shard), arrive));
  EXPECT_TRUE(by.receives || last_drop_) << "nobody reads this socket";
}

void TestRelay::carry_out(uint8_t shard, const std::optional<Resumed>& resumed) {
  if (resumed) carry_out(shard, &resumed->arrival.five_tuple, resumed->outcome);
}

void TestRelay::carry_out(uint8_t shard, const FiveTuple* asker, const Outcome& outcome) {
  if (const auto* drop = std::get_if<Drop>(&outcome)) {
    last_drop_ = drop->why;
    return;
  }
  if (const auto* answer = std::get_if<Answer>(&outcome)) {
    CHECK(asker != nullptr);
    EXPECT_EQ(answer->ip.source, asker->server.ip) << "answers leave from where they were asked";
    deliver_to_client(asker->client, {answer->message.begin(), answer->message.end()}, answer->ip);
    return;
  }
  if (const auto* shortcut = std::get_if<Shortcut>(&outcome); shortcut && !shortcuts_are_full) {
    const ExactPacket packet(shortcut->forward.payload);
    carry_out(shortcut->shard, nullptr,
              at(shortcut->shard)
                  .on_shortcut(shortcut->from, peer_address(shortcut->forward.to),
                               shortcut->forward.ip, packet.packet(), now));
    return;
  }
  const auto* shortcut = std::get_if<Shortcut>(&outcome);
  const auto* forward = shortcut ? &shortcut->forward : std::get_if<Forward>(&outcome);
  was_deferred_ = forward == nullptr;
  if (forward == nullptr) return;

  std::vector<uint8_t> bytes(forward->header.begin(), forward->header.end());
  bytes.insert(bytes.end(), forward->payload.begin(), forward->payload.end());
  bytes.resize(bytes.size() + forward->padding);
  if (leads_to_a_client(forward->via)) {
    deliver_to_client(forward->to, std::move(bytes), forward->ip);
    return;
  }
  const FakeSockets::Open* socket = sockets(shard).find(forward->via);
  CHECK(socket != nullptr);
  if (const auto other = socket_at(forward->to)) {  // the kernel loops it back to us
    ++through_the_kernel;
    const IpFields ip{forward->ip.dscp, forward->ip.ecn, forward->ip.ttl, false, {}};
    from_peer(other->first, other->second, peer_address(socket->address), bytes, ip);
    return;
  }
  to_peers_.push_back({socket->address, forward->to, std::string{text_of(bytes)}, forward->ip});
}

void TestRelay::deliver_to_client(const TransportAddress& to, std::vector<uint8_t> bytes,
                                  IpFields ip) {
  const auto is_meant = [&](const TestClient& client) {
    return static_cast<const TransportAddress&>(client.five_tuple().client) == to;
  };
  for (const auto& client : clients_) {
    if (!is_meant(*client)) continue;
    if (sender_ != nullptr && sender_ != client.get() && is_meant(*sender_)) continue;
    EXPECT_EQ(ip.source, client->five_tuple().server.ip);
    client->last_ip_ = ip;
    client->inbox_.push_back(std::move(bytes));
    return;
  }
  ADD_FAILURE() << "a datagram to a stranger: " << to.to_string();
}

std::optional<std::pair<uint8_t, FakeSockets::Open>> TestRelay::socket_at(
    const TransportAddress& where) {
  for (uint8_t i = 0; i < shards_.size(); ++i) {
    if (const auto id = shards_[i].sockets->at(where)) {
      return std::pair{i, *shards_[i].sockets->find(*id)};
    }
  }
  return std::nullopt;
}

TransactionId TestRelay::next_transaction() {
  TransactionId id{{'t', 'e', 's', 't'}};
  store_be64(&id.bytes[4], ++transactions_);
  return id;
}

}  // namespace uturn
