// Ports and quotas asked by several shards at once.
#include "server/shared_ports.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "auth/quota.h"

namespace uturn {
namespace {

constexpr Now kNow{Instant{} + 1s, CalendarTime{}};
constexpr PortRange kRange{50'000, 50'099};
constexpr int kShards = 4;

IpAddress ip(std::string_view text) { return *IpAddress::parse(text); }

template <class Body>
void on_every_shard(Body body) {
  std::vector<std::thread> shards;
  for (int shard = 0; shard < kShards; ++shard) {
    shards.emplace_back([&body, shard] { body(shard); });
  }
  for (std::thread& shard : shards) shard.join();
}

// Each takes until it is refused, so they meet at the last port all the time.
TEST(SharedPorts, NoPortIsLentTwiceAndAllComeBack) {
  SharedPorts ports({ip("192.0.2.1"), ip("2001:db8::1")}, kRange);
  std::vector<std::atomic<int>> holders(2 * kRange.size());
  const auto holders_of = [&](const RelayedAddress& address) -> std::atomic<int>& {
    const size_t row = address.ip.is_v4() ? 0 : kRange.size();
    return holders[row + address.port - kRange.first];
  };
  std::atomic<uint64_t> taken = 0;
  std::atomic<uint64_t> refused = 0;

  on_every_shard([&](int shard) {
    std::vector<PortLease> held;
    const auto keep = [&](PortLease lease) {
      ASSERT_EQ(holders_of(lease.address()).fetch_add(1), 0);
      EXPECT_TRUE(ports.held().is_held(lease.address()));
      held.push_back(std::move(lease));
      ++taken;
    };
    const auto give_back = [&] {
      for (const PortLease& lease : held) holders_of(lease.address()).fetch_sub(1);
      held.clear();
    };
    for (int i = 0; i < 4'000; ++i) {
      const auto wish = static_cast<PortWish>(i % 3);
      const auto family = (i + shard) % 2 == 0 ? AddressFamily::ipv4 : AddressFamily::ipv6;
      auto got = ports.take(family, wish, kNow);
      if (!got) {
        ++refused;
        give_back();
        continue;
      }
      EXPECT_TRUE(wish == PortWish::any || got->port.address().port % 2 == 0);
      if (wish == PortWish::even_with_next) {
        EXPECT_EQ(got->next.address().port, got->port.address().port + 1);
        keep(std::move(got->next));
      }
      keep(std::move(got->port));
    }
    give_back();
  });

  EXPECT_EQ(ports.taken(), 0U);
  EXPECT_GT(taken, 0U);
  EXPECT_GT(refused, 0U) << "the shards never met at the last port";
  for (uint32_t port = kRange.first; port <= kRange.last; ++port) {
    EXPECT_FALSE(ports.held().is_held({ip("192.0.2.1"), static_cast<uint16_t>(port), 0}));
  }
}

// Each shard gives to the next: a reservation is redeemed where it was not made.
TEST(SharedPorts, ALeaseIsGivenBackByAnotherShardThanTookIt) {
  SharedPorts ports({ip("192.0.2.1")}, kRange);
  for (int round = 0; round < 200; ++round) {
    std::optional<TakenPorts> taken;
    std::thread([&] { taken = ports.take(AddressFamily::ipv4, PortWish::any, kNow); }).join();
    ASSERT_TRUE(taken);
    std::thread([&] { taken.reset(); }).join();
    ASSERT_EQ(ports.taken(), 0U);
  }
}

// The only thing a datagram asks while requests of other shards change it.
TEST(SharedPorts, HeldPortsAreReadWhileOthersChangeThem) {
  SharedPorts ports({ip("192.0.2.1")}, kRange);
  const auto kept = ports.take(AddressFamily::ipv4, PortWish::any, kNow);
  std::atomic<bool> done = false;
  std::thread reader([&] {
    while (!done) EXPECT_TRUE(ports.held().is_held(kept->port.address()));
  });
  on_every_shard([&](int) {
    for (int i = 0; i < 5'000; ++i) (void)ports.take(AddressFamily::ipv4, PortWish::any, kNow);
  });
  done = true;
  reader.join();
}

TEST(QuotaLedger, SeveralShardsNeverExceedALimitAndEndAtZero) {
  QuotaLedger quota{{.allocations = 40, .allocations_per_user = 25}};
  std::atomic<int> alive = 0;
  std::atomic<uint64_t> refused = 0;
  on_every_shard([&](int shard) {
    const std::string user = shard < 2 ? "alice" : "bob";
    std::vector<QuotaLease> held;
    const auto give_back = [&] {
      alive -= static_cast<int>(held.size());
      held.clear();
    };
    for (int i = 0; i < 4'000; ++i) {
      QuotaLease lease = quota.take(user, ip("203.0.113.9"));
      if (!lease.is_held()) {
        ++refused;
        give_back();
        continue;
      }
      // Counted here after the ledger did and before it gives back: never more than the ledger.
      EXPECT_LE(++alive, 40);
      held.push_back(std::move(lease));
    }
    give_back();
  });
  EXPECT_GT(refused, 0U);
  EXPECT_EQ(quota.held(), 0U);
  EXPECT_EQ(quota.held_by("alice"), 0U);
  EXPECT_EQ(quota.users(), 0U);
  EXPECT_EQ(quota.networks(), 0U);
}

}  // namespace
}  // namespace uturn
