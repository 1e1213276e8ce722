// Token buckets: what passes in a second, at once, and between shards.
#include "auth/rate.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "auth/quota.h"

namespace uturn {
namespace {

const Instant kStart = Instant{} + 1h;

TEST(TokenBucket, LetsItsRatePassAndABurstBehindASilence) {
  TokenBucket bucket{1'000'000};  // a quarter of a second is 250,000
  EXPECT_EQ(bucket.take(400'000, kStart), 250'000);
  EXPECT_EQ(bucket.take(1, kStart), 0);
  EXPECT_EQ(bucket.take(5'000, kStart + 1ms), 1'000);
  EXPECT_EQ(bucket.take(400'000, kStart + 1h), 250'000) << "an hour's silence saves no more";
}

TEST(TokenBucket, GivesBackWhatWasNotUsed) {
  TokenBucket bucket{1'000'000};
  ASSERT_EQ(bucket.take(250'000, kStart), 250'000);
  bucket.give_back(1'500);
  EXPECT_EQ(bucket.take(4'000, kStart), 1'500);
}

// Otherwise a datagram longer than a quarter of a second's bytes could never pass.
TEST(TokenBucket, TheSlowestLetsTheLongestDatagramPass) {
  TokenBucket bucket{100};
  EXPECT_EQ(bucket.take(65'507, kStart), 65'507);
}

TEST(TokenBucket, IsExactOverHoursAndAtHundredsOfGigabits) {
  for (const uint64_t rate : {12'345ULL, 125'000'000ULL, 50'000'000'000ULL}) {
    TokenBucket bucket{rate};
    (void)bucket.take(INT64_MAX / 4, kStart);
    int64_t passed = 0;
    Instant now = kStart;
    for (int i = 0; i < 36'000; ++i) {
      now += 100ms;
      passed += bucket.take(INT64_MAX / 4, now);
    }
    const double expected = 3600.0 * static_cast<double>(rate);
    EXPECT_NEAR(static_cast<double>(passed) / expected, 1.0, 0.001) << rate;
  }
}

TEST(AdjustableBucket, SeveralShardsTogetherGetItsRateAndNoMore) {
  AdjustableBucket bucket;
  bucket.set_rate(1'000'000);
  std::atomic<int64_t> passed = 0;
  std::vector<std::thread> shards;
  for (int shard = 0; shard < 4; ++shard) {
    shards.emplace_back([&] {
      for (int i = 0; i <= 1'000; ++i) passed += bucket.take(16'384, kStart + i * 1ms);
    });
  }
  for (std::thread& shard : shards) shard.join();
  EXPECT_LE(passed, 250'000 + 1'000'000);
  EXPECT_GE(passed, 1'000'000);
}

TEST(SharedAllowance, IsSpentOnce) {
  SharedAllowance allowance{10};
  EXPECT_EQ(allowance.take(7), 7);
  EXPECT_EQ(allowance.take(7), 3);
  EXPECT_TRUE(allowance.is_spent());
  allowance.give_back(2);
  EXPECT_EQ(allowance.take(7), 2);
}

/// Draws packet by packet until somebody refuses.
int64_t draw_all(QuotaLease& lease, BandwidthLimit& limit, Instant now = kStart) {
  int64_t drawn = 0;
  for (;;) {
    const int64_t lot = lease.draw(Towards::peer, 1'000, now, limit);
    if (lot == 0) return drawn;
    drawn += lot;
  }
}

TEST(QuotaBandwidth, TheNarrowestOfAllLimitsCountsAndIsNamed) {
  struct Case {
    QuotaLimits limits;
    BandwidthLimit limit;
  };
  const Case cases[] = {
      {{.bandwidth = 4'000'000,
        .bandwidth_per_user = 3'000'000,
        .bandwidth_per_allocation = 400'000},
       BandwidthLimit::allocation},
      {{.bandwidth = 4'000'000,
        .bandwidth_per_user = 400'000,
        .bandwidth_per_allocation = 3'000'000},
       BandwidthLimit::user},
      {{.bandwidth = 400'000,
        .bandwidth_per_user = 3'000'000,
        .bandwidth_per_allocation = 4'000'000},
       BandwidthLimit::server},
  };
  for (const Case& each : cases) {
    QuotaLedger ledger{each.limits};
    QuotaLease lease = ledger.take("alice");
    ASSERT_TRUE(lease.has_bandwidth_limit());
    BandwidthLimit limit{};
    EXPECT_NEAR(static_cast<double>(draw_all(lease, limit)), 100'000, 1'100);
    EXPECT_EQ(limit, each.limit);
    EXPECT_GT(lease.draw(Towards::client, 1'000, kStart, limit), 0) << "each direction has its own";
  }
}

TEST(QuotaBandwidth, AUsersAllocationsShareHis) {
  QuotaLedger ledger{{.bandwidth_per_user = 400'000}};
  QuotaLease one = ledger.take("alice");
  QuotaLease two = ledger.take("alice");
  QuotaLease of_bob = ledger.take("bob");
  BandwidthLimit limit{};
  EXPECT_GT(draw_all(one, limit), 98'000);
  EXPECT_EQ(draw_all(two, limit), 0);
  EXPECT_GT(draw_all(of_bob, limit), 98'000);
}

// What one level refuses must not be lost to the others.
TEST(QuotaBandwidth, ARefusalCostsNobodyAnything) {
  QuotaLedger ledger{{.bandwidth = 4'000'000, .bandwidth_per_user = 400'000}};
  QuotaLease alice = ledger.take("alice");
  QuotaLease bob = ledger.take("bob");
  BandwidthLimit limit{};
  (void)draw_all(alice, limit);
  for (int i = 0; i < 10'000; ++i) {
    EXPECT_EQ(alice.draw(Towards::peer, 65'000, kStart, limit), 0);
  }
  EXPECT_GT(draw_all(bob, limit), 98'000) << "the server's share is still there";
}

TEST(QuotaBandwidth, WithoutLimitsNothingIsEverDrawn) {
  QuotaLedger ledger{QuotaLimits{}};
  EXPECT_FALSE(ledger.take("alice").has_bandwidth_limit());
}

TEST(QuotaBandwidth, WhatIsGivenBackIsThereForOthers) {
  QuotaLedger ledger{{.bandwidth = 400'000, .bandwidth_per_user = 4'000'000}};
  QuotaLease alice = ledger.take("alice");
  QuotaLease bob = ledger.take("bob");
  BandwidthLimit limit{};
  const int64_t drawn = draw_all(alice, limit);
  EXPECT_EQ(bob.draw(Towards::peer, 10'000, kStart, limit), 0);
  alice.give_back(Towards::peer, 50'000);
  EXPECT_NEAR(static_cast<double>(draw_all(bob, limit)), 50'000 + 100'000.0 - drawn, 1'100);
}

TEST(QuotaReload, ALimitThatIsNewBindsWhoHoldsAlreadyAndOneThatIsGoneDoesNot) {
  QuotaLimits of_realm;
  of_realm.realms["small"] = {.bandwidth = 400'000};
  QuotaLimits of_realms_users;
  of_realms_users.realms["small"] = {.bandwidth_per_user = 400'000};
  const QuotaLimits cases[] = {
      {.bandwidth = 400'000},
      {.bandwidth_per_user = 400'000},
      {.bandwidth_per_allocation = 400'000},
      {.classes = {{"guest", {.bandwidth = 400'000}}}},
      {.classes = {{"guest", {.bandwidth_per_allocation = 400'000}}}},
      of_realm,
      of_realms_users,
  };
  for (const QuotaLimits& each : cases) {
    QuotaLedger ledger{QuotaLimits{}};
    QuotaLease lease =
        ledger.take({.user = "alice", .credential_class = "guest", .realm = "small"});
    QuotaLease nobody = ledger.take({.user = "", .credential_class = "guest", .realm = "small"});
    const uint32_t version = ledger.version();
    ledger.set_limits(each);
    EXPECT_NE(ledger.version(), version);
    lease.adjust();
    nobody.adjust();
    EXPECT_TRUE(lease.has_bandwidth_limit());
    EXPECT_TRUE(nobody.has_bandwidth_limit());
    BandwidthLimit limit{};
    EXPECT_NEAR(static_cast<double>(draw_all(lease, limit)), 100'000, 1'100);

    ledger.set_limits({});
    lease.adjust();
    EXPECT_FALSE(lease.has_bandwidth_limit());
    EXPECT_EQ(lease.draw(Towards::peer, 1'000'000, kStart, limit), 1'000'000);
  }
}

TEST(QuotaReload, AnotherRateIsWhatCounts) {
  QuotaLedger ledger{{.bandwidth_per_user = 400'000, .bandwidth_per_allocation = 500'000}};
  QuotaLease lease = ledger.take("alice");
  ledger.set_limits({.bandwidth_per_user = 800'000, .bandwidth_per_allocation = 4'000'000});
  lease.adjust();
  BandwidthLimit limit{};
  EXPECT_NEAR(static_cast<double>(draw_all(lease, limit)), 200'000, 1'100);
  EXPECT_EQ(limit, BandwidthLimit::user);
}

TEST(QuotaReload, WithTheSameLimitsIsNone) {
  QuotaLedger ledger{{.bandwidth_per_user = 400'000}};
  ledger.set_limits({.bandwidth_per_user = 400'000});
  EXPECT_EQ(ledger.version(), 0U);
}

CredentialClass guest() {
  return {.allocations = 1, .bytes = 50'000, .time = 60s, .every = 3'600s};
}

TEST(CredentialClass, ReplacesWhatEverybodyMayHave) {
  QuotaLedger ledger{{.allocations_per_user = 3, .classes = {{"guest", guest()}}}};
  const auto take = [&](std::string_view user, std::string_view credential_class) {
    return ledger.take({.user = user, .credential_class = credential_class, .now = kStart});
  };
  const QuotaLease first = take("visitor", "guest");
  EXPECT_TRUE(first.is_held());
  EXPECT_EQ(take("visitor", "guest").refused_by(), QuotaLimit::user);
  const QuotaLease staff[] = {take("alice", ""), take("alice", "staff"), take("alice", "")};
  EXPECT_TRUE(staff[2].is_held()) << "a class that is not configured is none";
}

TEST(CredentialClass, BytesAndTimeCannotBeHadAnewByAllocatingAnew) {
  QuotaLedger ledger{{.classes = {{"guest", guest()}}}};
  const auto take = [&](Instant now) {
    return ledger.take({.user = "visitor", .credential_class = "guest", .now = now});
  };
  BandwidthLimit limit{};
  {
    QuotaLease lease = take(kStart);
    EXPECT_EQ(lease.ends_at(), kStart + 60s);
    EXPECT_GT(draw_all(lease, limit), 49'000 - 1'000);
    EXPECT_EQ(limit, BandwidthLimit::bytes);
  }
  EXPECT_EQ(ledger.held(), 0u);
  EXPECT_EQ(take(kStart + 10s).refused_by(), QuotaLimit::spent);
  EXPECT_EQ(take(kStart + 3'599s).refused_by(), QuotaLimit::spent);
  EXPECT_TRUE(take(kStart + 3'600s).is_held()) << "an hour later it begins anew";
  {
    const QuotaLease other = ledger.take({.user = "x", .credential_class = "guest", .now = kStart});
  }
  EXPECT_EQ(
      ledger.take({.user = "x", .credential_class = "guest", .now = kStart + 61s}).refused_by(),
      QuotaLimit::spent)
      << "time runs without an allocation too";
}

TEST(CredentialClass, OfItsBytesAStreamGetsTheLast) {
  QuotaLedger ledger{{.classes = {{"guest", guest()}}}};
  QuotaLease lease = ledger.take({.user = "visitor", .credential_class = "guest", .now = kStart});
  BandwidthLimit limit{};
  int64_t drawn = 0;
  while (const int64_t lot = lease.draw(Towards::client, 1'448, kStart, limit, LastBytes::drawn)) {
    drawn += lot;
  }
  EXPECT_EQ(drawn, 50'000);
  EXPECT_EQ(limit, BandwidthLimit::bytes);
}

TEST(CredentialClass, OfThoseThatAreRememberedThereAreOnlySoMany) {
  QuotaLedger ledger{{.classes = {{"guest", guest()}}}};
  for (size_t i = 0; i <= QuotaLedger::kRemembered + 10; ++i) {
    (void)ledger.take({.user = std::to_string(i),
                       .credential_class = "guest",
                       .now = kStart + std::chrono::milliseconds(i)});
  }
  EXPECT_TRUE(
      ledger.take({.user = "0", .credential_class = "guest", .now = kStart + 100s}).is_held())
      << "the oldest was forgotten";
  EXPECT_EQ(ledger.users(), 0u);
}

TEST(QuotaHolders, AreNamedWhileTheyHold) {
  QuotaLedger ledger{QuotaLimits{}};
  QuotaLease lease = ledger.take("alice");
  lease.name_holder({2, 77});
  EXPECT_EQ(ledger.holders_of("alice"), (std::vector{QuotaHolder{2, 77}}));
  QuotaLease moved = std::move(lease);
  EXPECT_EQ(ledger.holders_of("alice").size(), 1u);
  moved = QuotaLease{};
  EXPECT_TRUE(ledger.holders_of("alice").empty());
}

TEST(RealmBandwidth, IsSharedByItsUsersAndByNobodyElse) {
  QuotaLimits limits;
  limits.realms["small"] = {.bandwidth = 100'000};
  QuotaLedger ledger(limits);
  QuotaLease one = ledger.take({.user = "alice", .realm = "small"});
  QuotaLease two = ledger.take({.user = "bob", .realm = "small"});
  EXPECT_TRUE(one.has_bandwidth_limit());
  EXPECT_FALSE(ledger.take({.user = "alice", .realm = "large"}).has_bandwidth_limit());

  BandwidthLimit limit{};
  EXPECT_EQ(one.draw(Towards::peer, 50'000, kStart, limit), 50'000);
  EXPECT_EQ(two.draw(Towards::peer, 50'000, kStart, limit), 0) << "of the burst a part is left";
  EXPECT_EQ(limit, BandwidthLimit::realm);
  EXPECT_EQ(two.draw(Towards::client, 50'000, kStart, limit), 50'000) << "the other direction";
  EXPECT_EQ(two.draw(Towards::peer, 50'000, kStart + 1s, limit), 50'000);
}

TEST(RealmBandwidth, ChangesForThoseWhoDrawFromIt) {
  QuotaLimits limits;
  limits.realms["small"] = {.bandwidth = 100'000};
  QuotaLedger ledger(limits);
  QuotaLease lease = ledger.take({.user = "alice", .realm = "small"});
  BandwidthLimit limit{};
  EXPECT_EQ(lease.draw(Towards::peer, 60'000, kStart, limit), 60'000);
  EXPECT_EQ(lease.draw(Towards::peer, 60'000, kStart, limit), 0);
  ledger.set_limits({});
  EXPECT_EQ(lease.draw(Towards::peer, 60'000, kStart, limit), 60'000) << "it has none any more";
}

}  // namespace
}  // namespace uturn
