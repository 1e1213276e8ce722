// The relay's tables against naive models: allocations, permissions, channels.
#include <map>
#include <set>

#include "server/relay/allocation_table.h"
#include "server/relay/limits.h"
#include "tests/property/seeded.h"

namespace uturn {
namespace {

IpAddress some_ip(Seeded& random, size_t many) {
  const auto last = static_cast<uint8_t>(random.below(many));
  if (random.one_in(2)) return IpAddress::v4(std::array<uint8_t, 4>{198, 51, 100, last});
  std::array<uint8_t, 16> bytes{0x20, 0x01, 0x0D, 0xB8};
  bytes[15] = last;
  return IpAddress::v6(bytes);
}

TEST(AllocationTableProperty, AgreesWithAMapAlsoWhereFiveTuplesCollide) {
  for_seeds(15, [](Seeded& random) {
    AllocationTable table(random.word());
    std::map<std::pair<uint16_t, uint8_t>, AllocationId> model;
    std::vector<AllocationId> ended;
    const auto five_tuple = [](std::pair<uint16_t, uint8_t> key) {
      const IpAddress ip = IpAddress::v4(std::array<uint8_t, 4>{192, 0, 2, key.second});
      return FiveTuple{client_address({ip, key.first, 0}), server_address({ip, 3478, 0})};
    };
    // First it fills, growing the index, then it turns over, then it empties.
    for (int step = 0; step < 6'000; ++step) {
      const std::pair key{static_cast<uint16_t>(random.below(1'500)),
                          static_cast<uint8_t>(random.below(2))};
      const auto known = model.find(key);
      Allocation* const found = table.find(five_tuple(key));
      ASSERT_EQ(found != nullptr, known != model.end());
      const bool fills = random.below(10) < (step < 3'000 ? 8u : step < 4'500 ? 5u : 1u);
      if (found == nullptr && fills) {
        const AllocationId promised = table.next_id();
        Allocation& added = table.add(five_tuple(key));
        ASSERT_EQ(added.id, promised);
        model[key] = added.id;
      } else if (found != nullptr) {
        ASSERT_EQ(found->id, known->second);
        ASSERT_EQ(table.find(known->second), found);
        if (!fills) {
          ended.push_back(found->id);
          table.remove(*found);
          model.erase(known);
        }
      }
      ASSERT_EQ(table.size(), model.size());
    }
    for (const auto& [key, id] : model) {
      ASSERT_NE(table.find(five_tuple(key)), nullptr);
      ASSERT_EQ(table.find(id), table.find(five_tuple(key)));
    }
    for (const AllocationId id : ended) ASSERT_EQ(table.find(id), nullptr);
    size_t visited = 0;
    table.for_each([&](Allocation&) { ++visited; });
    EXPECT_EQ(visited, model.size());
  });
}

TEST(AllocationTable, FindsNothingByAnIdOfNobody) {
  AllocationTable table(1);
  EXPECT_EQ(table.find(AllocationId{}), nullptr);
  EXPECT_EQ(table.find(AllocationId{5'000, 0}), nullptr);
  EXPECT_EQ(table.find(table.next_id()), nullptr);
}

TEST(PermissionTableProperty, AgreesWithAMap) {
  for_seeds(60, [](Seeded& random) {
    PermissionTable table;
    std::map<IpAddress, Instant> model;
    Now now{Instant{} + 1h, {}};
    for (int step = 0; step < 400; ++step) {
      now.monotonic += std::chrono::milliseconds(random.below(4'000));
      const IpAddress ip = some_ip(random, 40);
      if (random.one_in(3)) {
        table.install(ip, PeerCheck::none, now);
        model[ip] = now.monotonic + kPermissionLifetime;
      }
      if (random.one_in(20)) table.sweep(now);
      std::erase_if(model, [&](const auto& entry) { return is_past(entry.second, now); });
      ASSERT_EQ(table.find(ip, now) != nullptr, model.contains(ip));

      const std::array wanted{some_ip(random, 40), some_ip(random, 40), some_ip(random, 40)};
      std::set<IpAddress> all(wanted.begin(), wanted.end());
      for (const auto& [known, when] : model) all.insert(known);
      const auto limit = static_cast<uint32_t>(random.below(50));
      ASSERT_EQ(table.has_room_for(wanted, limit, now), all.size() <= limit);
      const Instant first = table.first_expiry();
      for (const auto& [known, when] : model) ASSERT_LE(first, when);
    }
  });
}

TEST(ChannelTableProperty, AgreesWithTwoMaps) {
  for_seeds(60, [](Seeded& random) {
    ChannelTable table;
    struct Bound {
      TransportAddress peer;
      Instant expires_at;
    };
    std::map<uint16_t, Bound> model;
    Now now{Instant{} + 1h, {}};
    for (int step = 0; step < 400; ++step) {
      now.monotonic += std::chrono::milliseconds(random.below(8'000));
      const auto raw = static_cast<uint16_t>(0x4000 + random.below(30));
      const ChannelNumber number = *ChannelNumber::from_wire(raw);
      const PeerAddress peer =
          peer_address({some_ip(random, 4), static_cast<uint16_t>(5'000 + random.below(4)), 0});
      std::erase_if(model,
                    [&](const auto& entry) { return is_past(entry.second.expires_at, now); });
      const auto of_peer =
          std::ranges::find_if(model, [&](const auto& entry) { return entry.second.peer == peer; });

      const auto* by_number = table.find(number, now);
      const auto* by_peer = table.find(peer, now);
      ASSERT_EQ(by_number != nullptr, model.contains(raw));
      ASSERT_EQ(by_peer != nullptr, of_peer != model.end());
      if (by_peer != nullptr) {
        ASSERT_EQ(by_peer->number.value(), of_peer->first);
      }
      if (by_number != nullptr) {
        ASSERT_EQ(static_cast<const TransportAddress&>(by_number->peer), model[raw].peer);
      }
      ASSERT_EQ(table.has_room(20, now), model.size() < 20);

      if (by_number == by_peer && random.one_in(2)) {
        table.bind(number, peer, PeerCheck::none, now);
        model[raw] = {peer, now.monotonic + kChannelLifetime};
      }
      if (random.one_in(100)) {
        table.unbind(AddressFamily::ipv6);
        std::erase_if(model, [](const auto& entry) { return !entry.second.peer.ip.is_v4(); });
      }
      if (random.one_in(30)) table.sweep(now);
      const Instant first = table.first_expiry();
      for (const auto& [known, bound] : model) ASSERT_LE(first, bound.expires_at);
    }
  });
}

}  // namespace
}  // namespace uturn
