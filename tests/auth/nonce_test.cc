// What a nonce promises: bound to a client's address, fresh for its lifetime, forged by nobody.
#include "auth/nonce.h"

#include <gtest/gtest.h>

#include <set>

#include "test_realm.h"

namespace uturn {
namespace {

constexpr SecurityFeatures kFeatures{.password_algorithms = true, .sha256 = true};

Now at(int64_t seconds) { return {Instant{}, CalendarTime{std::chrono::seconds{seconds}}}; }
constexpr int64_t kNoon = 1'800'000'000;

NonceMint::Settings with_keys(std::vector<NonceKey> keys) { return {.keys = std::move(keys)}; }

std::string mint(const NonceMint& nonces, const ClientAddress& client, int64_t seconds = kNoon,
                 SecurityFeatures features = kFeatures) {
  std::array<char, NonceMint::kMaxSize> out{};
  return std::string{nonces.mint(out, client, features, at(seconds))};
}

const ClientAddress kAlice = client_at("192.0.2.1:4000");

TEST(Nonce, IsFreshForItsLifetimeAndStaleAfterwards) {
  const NonceMint nonces{with_keys({nonce_key(1)})};
  const std::string nonce = mint(nonces, kAlice);
  EXPECT_EQ(nonces.check(nonce, kAlice, at(kNoon)), NonceVerdict::fresh);
  EXPECT_EQ(nonces.check(nonce, kAlice, at(kNoon + 3600)), NonceVerdict::fresh);
  EXPECT_EQ(nonces.check(nonce, kAlice, at(kNoon + 3601)), NonceVerdict::stale);
}

// Servers of a fleet disagree about the second; a client may carry a nonce from one to another.
TEST(Nonce, MayComeFromSixtySecondsAhead) {
  const NonceMint nonces{with_keys({nonce_key(1)})};
  const std::string nonce = mint(nonces, kAlice, kNoon + 60);
  EXPECT_EQ(nonces.check(nonce, kAlice, at(kNoon)), NonceVerdict::fresh);
  EXPECT_EQ(nonces.check(nonce, kAlice, at(kNoon - 1)), NonceVerdict::stale);
}

TEST(Nonce, VerifiesFromAnotherPortButNotFromAnotherAddress) {
  const NonceMint nonces{with_keys({nonce_key(1)})};
  const std::string nonce = mint(nonces, kAlice);
  EXPECT_EQ(nonces.check(nonce, client_at("192.0.2.1:4001"), at(kNoon)), NonceVerdict::fresh);
  EXPECT_EQ(nonces.check(nonce, client_at("192.0.2.2:4000"), at(kNoon)), NonceVerdict::alien);
  EXPECT_EQ(nonces.check(nonce, client_at("[::ffff:192.0.2.1]:4000"), at(kNoon)),
            NonceVerdict::fresh);
  EXPECT_EQ(nonces.check(nonce, client_at("[2001:db8::1]:4000"), at(kNoon)), NonceVerdict::alien);
}

TEST(Nonce, NoTwoPortsGetTheSame) {
  const NonceMint nonces{with_keys({nonce_key(1)})};
  std::set<std::string> seen;
  ClientAddress client = kAlice;
  for (uint32_t port = 0; port <= UINT16_MAX; ++port) {
    client.port = static_cast<uint16_t>(port);
    ASSERT_TRUE(seen.insert(mint(nonces, client)).second) << port;
  }
}

TEST(Nonce, OnePortGetsTheSameWithinASecondOnly) {
  const NonceMint nonces{with_keys({nonce_key(1)})};
  EXPECT_EQ(mint(nonces, kAlice), mint(nonces, kAlice));
  EXPECT_NE(mint(nonces, kAlice), mint(nonces, kAlice, kNoon + 1));
}

TEST(Nonce, SurvivesARestartWithTheSameKeys) {
  const std::string nonce = mint(NonceMint{with_keys({nonce_key(1)})}, kAlice);
  EXPECT_EQ((NonceMint{with_keys({nonce_key(1)})}.check(nonce, kAlice, at(kNoon + 5))),
            NonceVerdict::fresh);
}

TEST(Nonce, RotationKeepsOlderKeysForChecking) {
  const NonceMint before{with_keys({nonce_key(1, 0x11)})};
  const NonceMint after{with_keys({nonce_key(2, 0x22), nonce_key(1, 0x11)})};
  const NonceMint later{with_keys({nonce_key(3, 0x33), nonce_key(2, 0x22)})};
  const std::string old_nonce = mint(before, kAlice);
  EXPECT_EQ(after.check(old_nonce, kAlice, at(kNoon)), NonceVerdict::fresh);
  EXPECT_EQ(later.check(old_nonce, kAlice, at(kNoon)), NonceVerdict::alien);
  EXPECT_EQ(later.check(mint(after, kAlice), kAlice, at(kNoon)), NonceVerdict::fresh);
}

TEST(Nonce, AnotherSecretUnderTheSameKeyIdIsAlien) {
  const std::string nonce = mint(NonceMint{with_keys({nonce_key(1, 0x11)})}, kAlice);
  EXPECT_EQ((NonceMint{with_keys({nonce_key(1, 0x12)})}.check(nonce, kAlice, at(kNoon))),
            NonceVerdict::alien);
}

TEST(Nonce, NoFlippedBitIsFresh) {
  const NonceMint nonces{with_keys({nonce_key(1)})};
  const std::string nonce = mint(nonces, kAlice);
  for (size_t bit = 0; bit < 8 * nonce.size(); ++bit) {
    std::string flipped = nonce;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ 1 << bit % 8);
    EXPECT_EQ(nonces.check(flipped, kAlice, at(kNoon)), NonceVerdict::alien) << "bit " << bit;
  }
}

TEST(Nonce, NoOtherCharacterAnywhereIsFresh) {
  const NonceMint nonces{with_keys({nonce_key(1)})};
  const std::string nonce = mint(nonces, kAlice);
  for (size_t i = 0; i < nonce.size(); ++i) {
    for (int c = 0; c < 256; ++c) {
      std::string changed = nonce;
      changed[i] = static_cast<char>(c);
      if (changed == nonce) continue;
      ASSERT_EQ(nonces.check(changed, kAlice, at(kNoon)), NonceVerdict::alien) << i << " " << c;
    }
  }
}

TEST(Nonce, NoOtherLengthIsFresh) {
  const NonceMint nonces{with_keys({nonce_key(1)})};
  const std::string nonce = mint(nonces, kAlice);
  EXPECT_LE(nonce.size(), NonceMint::kMaxSize);
  for (size_t size = 0; size < nonce.size(); ++size) {
    EXPECT_EQ(nonces.check(nonce.substr(0, size), kAlice, at(kNoon)), NonceVerdict::alien);
    EXPECT_EQ(nonces.features_of(nonce.substr(0, size)), SecurityFeatures{});
  }
  for (const char* tail : {"A", "=", "==", " ", "\n"}) {
    EXPECT_EQ(nonces.check(nonce + tail, kAlice, at(kNoon)), NonceVerdict::alien);
  }
}

TEST(Nonce, CarriesTheFeaturesItAnnounced) {
  const struct {
    FeatureBitOrder order;
    SecurityFeatures features;
    std::string_view cookie;
  } kCases[] = {
      // "Security feature bits": RFC 8489, Section 9.2, against its erratum 6290.
      {FeatureBitOrder::erratum_6290, {}, "obMatJos2AAAA"},
      {FeatureBitOrder::erratum_6290, {.password_algorithms = true}, "obMatJos2AAAB"},
      {FeatureBitOrder::erratum_6290, {.username_anonymity = true}, "obMatJos2AAAC"},
      {FeatureBitOrder::erratum_6290,
       {.password_algorithms = true, .username_anonymity = true, .sha256 = true},
       "obMatJos2AAAD"},
      {FeatureBitOrder::most_significant_first, {.password_algorithms = true}, "obMatJos2gAAA"},
      {FeatureBitOrder::most_significant_first, {.username_anonymity = true}, "obMatJos2QAAA"},
      {FeatureBitOrder::most_significant_first,
       {.password_algorithms = true, .username_anonymity = true, .sha256 = true},
       "obMatJos2wAAA"},
  };
  for (const auto& [order, features, cookie] : kCases) {
    const NonceMint nonces{{.keys = {nonce_key(1)}, .bit_order = order}};
    const std::string nonce = mint(nonces, kAlice, kNoon, features);
    EXPECT_EQ(nonce.substr(0, 13), cookie);
    EXPECT_EQ(nonces.features_of(nonce), features) << cookie;
    EXPECT_EQ(nonces.check(nonce, kAlice, at(kNoon)), NonceVerdict::fresh);
  }
}

TEST(Nonce, ForeignTextAnnouncesNothing) {
  const NonceMint nonces{with_keys({nonce_key(1)})};
  EXPECT_EQ(nonces.features_of("f//499k954d6OL34oL9FSTvy64sA"), SecurityFeatures{});
  EXPECT_EQ(nonces.features_of("obMatJos2AAABf//499k954d6OL34oL9FSTvy64sA"), SecurityFeatures{});
}

}  // namespace
}  // namespace uturn
