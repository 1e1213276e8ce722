// Failed attempts to log in: counted within bounds, and told no faster than anybody reads.
#include "server/failed_logins.h"

#include <gtest/gtest.h>

namespace uturn {
namespace {

using namespace std::chrono_literals;

constexpr Instant kStart{1h};

FailedLogin from(const char* client, const char* user = "alice") {
  return {AuthFailure::wrong_password, *IpAddress::parse(client), user, "example.org"};
}

TEST(FailedLogins, AreCountedBySourceAndByUser) {
  FailedLogins logins;
  EXPECT_EQ(logins.note(from("192.0.2.1"), kStart)->of_source, 1u);
  EXPECT_EQ(logins.note(from("192.0.2.2"), kStart)->of_user, 2u) << "alice, from elsewhere";
  const auto told = logins.note(from("192.0.2.1", "bob"), kStart + 2s);
  ASSERT_TRUE(told);
  EXPECT_EQ(told->of_source, 2u);
  EXPECT_EQ(told->of_user, 1u);
  EXPECT_EQ(logins.attempts(), 3u);
  EXPECT_EQ(logins.sources(), 2u);
}

TEST(FailedLogins, OfANetworkOfIpv6AreOneSources) {
  FailedLogins logins;
  EXPECT_TRUE(logins.note(from("2001:db8:0:1::1"), kStart));
  EXPECT_FALSE(logins.note(from("2001:db8:0:1:ffff::2"), kStart)) << "told just now";
  EXPECT_EQ(logins.sources(), 1u);
}

TEST(FailedLogins, AreToldOnceASecondWithAllThatCame) {
  FailedLogins logins;
  EXPECT_TRUE(logins.note(from("192.0.2.1"), kStart));
  for (int i = 0; i < 50; ++i) EXPECT_FALSE(logins.note(from("192.0.2.1"), kStart + 10ms));
  EXPECT_EQ(logins.note(from("192.0.2.1"), kStart + 1s)->of_source, 52u);
}

TEST(FailedLogins, BeginAnewBehindASilence) {
  FailedLogins logins;
  (void)logins.note(from("192.0.2.1"), kStart);
  EXPECT_EQ(logins.note(from("192.0.2.1"), kStart + 11min)->of_source, 1u);
}

TEST(FailedLogins, OfAFloodAreBoundedInLinesAndInMemory) {
  FailedLogins logins;
  size_t told = 0;
  for (uint32_t i = 0; i < 2 * FailedLogins::kMostSources; ++i) {
    std::array<uint8_t, 4> bytes{};
    store_be32(bytes.data(), 0x0A000000 + i);
    FailedLogin attempt{AuthFailure::unknown_user, IpAddress::v4(bytes), std::to_string(i), "r"};
    told += logins.note(attempt, kStart).has_value();
  }
  EXPECT_EQ(told, FailedLogins::kLinesPerSecond);
  EXPECT_EQ(logins.sources(), FailedLogins::kMostSources);
  EXPECT_TRUE(logins.note(from("192.0.2.1"), kStart + 1s)) << "the next second";
}

}  // namespace
}  // namespace uturn
