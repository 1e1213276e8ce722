// Quotas are taken by name and network, and every one comes back.
#include "auth/quota.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace uturn {
namespace {

IpAddress ip(std::string_view text) { return *IpAddress::parse(text); }

TEST(Quota, AUserHoldsAtMostItsShare) {
  QuotaLedger ledger{{.allocations_per_user = 2}};
  const QuotaLease first = ledger.take("alice");
  {
    const QuotaLease second = ledger.take("alice");
    EXPECT_TRUE(second.is_held());
    EXPECT_FALSE(ledger.take("alice").is_held());
    EXPECT_TRUE(ledger.take("bob").is_held());
  }
  EXPECT_TRUE(ledger.take("alice").is_held());
}

TEST(Quota, TheServerHoldsAtMostItsShare) {
  QuotaLedger ledger{{.allocations = 2}};
  const QuotaLease a = ledger.take("alice");
  const QuotaLease b = ledger.take("bob");
  EXPECT_FALSE(ledger.take("carol").is_held());
  EXPECT_EQ(ledger.held(), 2U);
}

// The password of a page is public; the address is all that tells its users apart.
TEST(Quota, AClientAddressHoldsAtMostItsShare) {
  QuotaLedger ledger{{.allocations_per_client_ip = 1}};
  const QuotaLease one = ledger.take("public", ip("192.0.2.1"));
  EXPECT_FALSE(ledger.take("public", ip("192.0.2.1")).is_held());
  EXPECT_FALSE(ledger.take("public", ip("::ffff:192.0.2.1")).is_held());
  EXPECT_TRUE(ledger.take("public", ip("192.0.2.2")).is_held());
}

TEST(Quota, AnIpv6ClientIsCountedByItsSubnet) {
  QuotaLedger ledger{{.allocations_per_client_ip = 1}};
  const QuotaLease one = ledger.take("public", ip("2001:db8:0:1::1"));
  EXPECT_FALSE(ledger.take("public", ip("2001:db8:0:1:ffff::2")).is_held());
  EXPECT_TRUE(ledger.take("public", ip("2001:db8:0:2::1")).is_held());
  EXPECT_EQ(ledger.held_from(ip("2001:db8:0:1::3")), 1U);
}

TEST(Quota, NobodyIsNotCountedAsAUser) {
  QuotaLedger ledger{{.allocations_per_user = 1}};
  const QuotaLease one = ledger.take("");
  const QuotaLease two = ledger.take("");
  EXPECT_TRUE(two.is_held());
  EXPECT_EQ(ledger.users(), 0U);
}

TEST(Quota, AnUnspecifiedClientIsNotCountedByNetwork) {
  QuotaLedger ledger{{.allocations_per_client_ip = 1}};
  const QuotaLease one = ledger.take("alice");
  const QuotaLease two = ledger.take("alice");
  EXPECT_TRUE(two.is_held());
  EXPECT_EQ(ledger.networks(), 0U);
}

TEST(Quota, ShardsShareOneLedger) {
  QuotaLedger ledger{{.allocations_per_user = 3}};
  std::vector<std::thread> shards;
  for (int shard = 0; shard < 4; ++shard) {
    shards.emplace_back([&ledger] {
      for (int i = 0; i < 2000; ++i) {
        const QuotaLease lease = ledger.take("alice", ip("192.0.2.1"));
        EXPECT_LE(ledger.held_by("alice"), 3U);
      }
    });
  }
  for (std::thread& shard : shards) shard.join();
  EXPECT_EQ(ledger.held(), 0U);
}

TEST(Quota, ARefusedLeaseCountsNowhere) {
  QuotaLedger ledger{{.allocations_per_user = 1, .allocations_per_client_ip = 1}};
  const QuotaLease held = ledger.take("alice", ip("192.0.2.1"));
  EXPECT_FALSE(ledger.take("alice", ip("192.0.2.2")).is_held());
  EXPECT_FALSE(ledger.take("bob", ip("192.0.2.1")).is_held());
  EXPECT_EQ(ledger.held(), 1U);
  EXPECT_EQ(ledger.users(), 1U);
  EXPECT_EQ(ledger.networks(), 1U);
}

TEST(Quota, MovedLeasesComeBackOnce) {
  QuotaLedger ledger{QuotaLimits{}};
  {
    QuotaLease a = ledger.take("alice", ip("192.0.2.1"));
    QuotaLease b = std::move(a);
    EXPECT_FALSE(a.is_held());  // NOLINT(bugprone-use-after-move): it says so
    EXPECT_EQ(ledger.held(), 1U);

    QuotaLease c = ledger.take("bob", ip("192.0.2.2"));
    c = std::move(b);
    EXPECT_EQ(ledger.held_by("bob"), 0U);
    EXPECT_EQ(ledger.held_by("alice"), 1U);

    QuotaLease& same = c;
    c = std::move(same);
    EXPECT_TRUE(c.is_held());
    EXPECT_EQ(ledger.held(), 1U);
  }
  EXPECT_EQ(ledger.held(), 0U);
}

TEST(Quota, NothingIsRememberedOfWhoHoldsNothing) {
  QuotaLedger ledger{QuotaLimits{}};
  {
    std::vector<QuotaLease> leases;
    for (int i = 0; i < 100; ++i) {
      leases.push_back(ledger.take(std::to_string(i), ip("10.0.0." + std::to_string(i))));
    }
    EXPECT_EQ(ledger.users(), 100U);
    EXPECT_EQ(ledger.networks(), 100U);
  }
  EXPECT_EQ(ledger.held(), 0U);
  EXPECT_EQ(ledger.users(), 0U);
  EXPECT_EQ(ledger.networks(), 0U);
}

TEST(QuotaDeathTest, ALeaseMayNotOutliveItsLedger) {
  EXPECT_DEATH(
      {
        QuotaLease outlives;
        QuotaLedger ledger{QuotaLimits{}};
        outlives = ledger.take("alice");
      },
      "CHECK failed");
}

}  // namespace
}  // namespace uturn
