// Whatever clients do, they hear the same by the short way as through the kernel.
#include "tests/property/seeded.h"
#include "tests/relay/test_relay.h"

namespace uturn {
namespace {

TestSettings settings_of(bool has_shortcut, uint8_t shards) {
  TestSettings settings;
  settings.relay.shortcut = has_shortcut;
  settings.relay_addresses = {"203.0.113.10", "203.0.113.11", "2001:db8:feed::10"};
  settings.ports = {50'000, 50'007};
  settings.shards = shards;
  return settings;
}

/// Five clients, of whom each does what it is told; the sum of everything they have heard.
class Crowd {
 public:
  explicit Crowd(const TestSettings& settings) : relay(settings) {
    for (uint8_t i = 0; i < 5; ++i) {
      const std::string at = "192.0.2." + std::to_string(i + 1) + ":4000";
      clients_.push_back(&relay.client(at, i % 2 == 0 ? "alice" : "bob", i % settings.shards));
    }
  }

  /// The same word for both crowds: the same deed.
  void act(Seeded& random) {
    TestClient& client = *clients_[random.below(clients_.size())];
    const std::string peer = clients_[random.below(clients_.size())]->relayed.to_string();
    const std::string data(random.below(40), static_cast<char>('a' + random.below(26)));
    const auto channel = static_cast<uint16_t>(0x4000 + random.below(4));
    client.marks(static_cast<uint8_t>(random.below(64)), static_cast<uint8_t>(random.below(4)),
                 static_cast<uint8_t>(1 + random.below(5)));
    switch (random.below(12)) {
      case 0:
        client.allocate(random.one_in(3) ? Body{[](auto& m) {
          m.add_family(AttributeType::requested_address_family, AddressFamily::ipv6);
        }}
                                         : Body{});
        break;
      case 1:
        client.refresh(random.one_in(3) ? 0 : 600);
        break;
      case 2:
      case 3:
        if (client.relayed.port != 0) client.create_permission(peer);
        break;
      case 4:
      case 5:
        client.bind_channel(channel, peer);
        break;
      case 6:
        relay.passes(std::chrono::seconds(random.below(90)));
        break;
      case 7:
        relay.passes_unswept(std::chrono::seconds(random.below(20)));
        break;
      case 8:
        client.send(peer, data,
                    random.one_in(4)
                        ? Body{[](auto& m) { m.add_flag(AttributeType::dont_fragment); }}
                        : Body{});
        break;
      case 9:
        client.send(peer, data);
        break;
      default:
        client.channel_data(channel, data);
    }
  }

  struct Heard {
    std::vector<uint8_t> bytes;
    IpFields ip;
    friend bool operator==(const Heard&, const Heard&) = default;
  };
  std::vector<Heard> heard() {
    std::vector<Heard> all;
    for (TestClient* client : clients_) {
      while (!client->hears_nothing()) all.push_back({client->received(), client->last_ip()});
    }
    return all;
  }
  uint64_t shortcuts() const { return sum(&RelayCounters::shortcuts_in); }
  uint64_t sum(uint64_t RelayCounters::* counter) const {
    uint64_t sum = 0;
    for (uint8_t i = 0; i < shards(); ++i) sum += relay_at(i).*counter;
    return sum;
  }
  std::vector<uint64_t> drops() const {
    std::vector<uint64_t> all(kDropReasons);
    for (uint8_t i = 0; i < shards(); ++i) {
      for (size_t why = 0; why < kDropReasons; ++why) all[why] += relay_at(i).drops[why];
    }
    return all;
  }

  TestRelay relay;

 private:
  uint8_t shards() const { return static_cast<uint8_t>(clients_[1]->shard() + 1); }
  RelayCounters relay_at(uint8_t shard) const {
    return const_cast<TestRelay&>(relay).counters(shard);
  }
  std::vector<TestClient*> clients_;
};

TEST(ShortcutProperty, ClientsHearTheSameByTheShortWayAsThroughTheKernel) {
  uint64_t shortcuts = 0;
  for_seeds(60, [&](Seeded& random) {
    const auto shards = static_cast<uint8_t>(1 + random.below(2));
    Crowd kernel(settings_of(false, shards));
    Crowd shortcut(settings_of(true, shards));
    for (int step = 0; step < 250; ++step) {
      const uint64_t deed = random.word();
      Seeded for_kernel(deed);
      Seeded for_shortcut(deed);
      kernel.act(for_kernel);
      shortcut.act(for_shortcut);
      ASSERT_EQ(kernel.relay.last_drop(), shortcut.relay.last_drop()) << "step " << step;
      ASSERT_EQ(kernel.heard(), shortcut.heard()) << "step " << step;
      while (!kernel.relay.peers_hear_nothing()) {
        ASSERT_EQ(kernel.relay.sent_to_peer().data, shortcut.relay.sent_to_peer().data);
      }
      ASSERT_TRUE(shortcut.relay.peers_hear_nothing());
    }
    for (const auto counter : {&RelayCounters::datagrams_in, &RelayCounters::to_peers,
                               &RelayCounters::to_clients, &RelayCounters::bytes_to_clients}) {
      ASSERT_EQ(kernel.sum(counter), shortcut.sum(counter));
    }
    ASSERT_EQ(kernel.drops(), shortcut.drops());
    ASSERT_EQ(kernel.shortcuts(), 0u);
    shortcuts += shortcut.shortcuts();
  });
  EXPECT_GT(shortcuts, 100u) << "the property was not put to the test";
}

}  // namespace
}  // namespace uturn
