// Access tokens (RFC 7635): the RFC's own samples, forgeries, and the conversation with a server.
#include "auth/access_token.h"

#include <gtest/gtest.h>

#include "test_realm.h"

namespace uturn {
namespace {

std::vector<uint8_t> bytes_from(std::string_view text) { return {text.begin(), text.end()}; }

std::vector<uint8_t> from_hex(std::string_view digits) {
  std::vector<uint8_t> bytes;
  for (size_t i = 0; i + 1 < digits.size(); i += 2) {
    bytes.push_back(static_cast<uint8_t>(std::stoi(std::string{digits.substr(i, 2)}, nullptr, 16)));
  }
  return bytes;
}

TokenKey token_key(std::string kid, TokenAlgorithm algorithm, std::string_view key) {
  TokenKey made;
  made.kid = std::move(kid);
  made.algorithm = algorithm;
  std::copy_n(key.begin(), key_size_of(algorithm), made.key.begin());
  return made;
}

// RFC 7635, Appendix A.
constexpr std::string_view kRfcKey = "HGkj32KJGiuy098sdfaqbNjOiaz71923";
constexpr std::string_view kRfcServer = "blackdow.carleon.gov";
const Key kRfcMacKey = *Key::from_mac_key(bytes_from("ZksjpweoixXmvn67534m"));
// 92470300704768 is 1410984813 seconds and no 64000ths.
const AccessToken kRfcToken{kRfcMacKey, CalendarTime{1'410'984'813s}, 3600s};
const char* const kRfcA256 =
    "000c68346a336b326c326e346235617ef134a3d5e44e9a19cc7dc104b0c03d03b2a551d8fdf5cd3b6dca6f10cfb77e"
    "5b"
    "2ddec84d293a5c50499359f0c2e26f76";
const char* const kRfcA128 =
    "000c68346a336b326c326e3462357fb9e99f0827be3df1e1bd651493d3031d36df57079784aee5eacb65fad4f27fab"
    "1a"
    "3f97974b69f851b24bf5af09eda357e0";

struct Sample {
  TokenAlgorithm algorithm;
  const char* hex;
};
const Sample kSamples[] = {{TokenAlgorithm::a256gcm, kRfcA256},
                           {TokenAlgorithm::a128gcm, kRfcA128}};

TEST(AccessToken, IsThatOfTheRfcsSamples) {
  for (const auto& [algorithm, hex] : kSamples) {
    const TokenKey key = token_key("kid", algorithm, kRfcKey);
    const auto opened = open_token(from_hex(hex), key, kRfcServer);
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->mac_key, kRfcMacKey);
    EXPECT_EQ(opened->issued_at, kRfcToken.issued_at);
    EXPECT_EQ(opened->lifetime, 3600s);
    const auto nonce = bytes_from("h4j3k2l2n4b5");
    EXPECT_EQ(
        seal_token(kRfcToken, key, kRfcServer, std::span<const uint8_t, kTokenNonceSize>{nonce}),
        from_hex(hex));
  }
}

TEST(AccessToken, IsForOneServerAndOneKey) {
  const auto token = from_hex(kRfcA256);
  EXPECT_FALSE(open_token(token, token_key("k", TokenAlgorithm::a256gcm, kRfcKey), "other.gov"));
  EXPECT_FALSE(open_token(token, token_key("k", TokenAlgorithm::a128gcm, kRfcKey), kRfcServer));
  EXPECT_FALSE(
      open_token(token, token_key("k", TokenAlgorithm::a256gcm, "01234567890123456789012345678901"),
                 kRfcServer));
}

// CVE-2026-43994: a length in the token was believed before the tag was checked.
TEST(AccessToken, EveryPrefixAndEveryFlippedBitIsRefused) {
  const TokenKey key = token_key("kid", TokenAlgorithm::a256gcm, kRfcKey);
  const auto token = from_hex(kRfcA256);
  for (size_t size = 0; size < token.size(); ++size) {
    EXPECT_FALSE(open_token(Bytes{token}.first(size), key, kRfcServer)) << size;
  }
  for (size_t bit = 0; bit < 8 * token.size(); ++bit) {
    auto flipped = token;
    flipped[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    EXPECT_FALSE(open_token(flipped, key, kRfcServer)) << bit;
  }
  for (const size_t more : {1U, 100U, 65'000U}) {
    auto longer = token;
    longer.resize(token.size() + more);
    EXPECT_FALSE(open_token(longer, key, kRfcServer));
  }
}

TEST(AccessToken, IsValidAroundItsTimestamp) {
  const CalendarTime issued = kRfcToken.issued_at;
  EXPECT_TRUE(kRfcToken.is_valid(issued));
  EXPECT_TRUE(kRfcToken.is_valid(issued + 3'604s));
  EXPECT_FALSE(kRfcToken.is_valid(issued + 3'605s));
  EXPECT_TRUE(kRfcToken.is_valid(issued - 3'604s));
  EXPECT_FALSE(kRfcToken.is_valid(issued - 3'605s));
}

TEST(Key, OfATokenMayHaveAnyLengthUpToAnHmacsBlock) {
  EXPECT_FALSE(Key::from_mac_key({}));
  for (const size_t size : {1U, 16U, 20U, 32U, 64U}) {
    const std::vector<uint8_t> bytes(size, 7);
    EXPECT_EQ(Key::from_mac_key(bytes)->bytes().size(), size);
  }
  EXPECT_FALSE(Key::from_mac_key(std::vector<uint8_t>(65)));
}

/// A realm with an authorization server beside it.
struct TokenRealm : TestRealm {
  std::vector<TokenKey> keys{token_key("north", TokenAlgorithm::a256gcm, kRfcKey),
                             token_key("south", TokenAlgorithm::a128gcm, kRfcKey)};
  TokenRealm() { make(); }
  void make() {
    settings.token_server_name = "turn.example.org";
    settings.token_keys = std::make_shared<ListedTokenKeys>(keys);
    restart();
  }
  std::vector<uint8_t> token(const Key& mac_key, const TokenKey& by,
                             std::chrono::seconds lifetime = 600s) {
    const std::array<uint8_t, kTokenNonceSize> nonce{1, 2, 3};
    return seal_token({mac_key, now.calendar, lifetime}, by, "turn.example.org", nonce);
  }
  TestRequest request(const Key& mac_key, const TokenKey& by) {
    return {.username = by.kid,
            .realm = "example.org",
            .nonce = challenge().nonce,
            .access_token = token(mac_key, by),
            .sha1_by = mac_key};
  }
};

const Key kSession = *Key::from_mac_key(bytes_from("twenty bytes session"));

TEST(TokenUser, IsToldWhichServerToGetATokenFor) {
  TokenRealm realm;
  EXPECT_EQ(realm.challenge().attributes.back(), AttributeType::third_party_authorization);
}

TEST(TokenUser, IsAcceptedByItsSessionKeyWithEitherKeyOfTheRoll) {
  TokenRealm realm;
  for (const TokenKey& key : realm.keys) {
    const auto verdict = realm.check(realm.request(kSession, key));
    ASSERT_EQ(describe(verdict), "accepted " + key.kid);
    const auto& accepted = std::get<Accepted>(verdict);
    EXPECT_EQ(accepted.integrity, Integrity::sha1);
    EXPECT_EQ(accepted.identity.key, kSession);
    EXPECT_TRUE(accepted.identity.is_by_token);
    EXPECT_EQ(accepted.identity.expires_at, realm.now.calendar + 605s);
  }
  TestRequest by_sha256 = realm.request(kSession, realm.keys[0]);
  std::swap(by_sha256.sha1_by, by_sha256.sha256_by);
  EXPECT_EQ(std::get<Accepted>(realm.check(by_sha256)).integrity, Integrity::sha256);
}

TEST(TokenUser, OfCoturnsKindSignsWithSixteenOfTheTwentyBytes) {
  TokenRealm realm;
  TestRequest request = realm.request(kSession, realm.keys[0]);
  const Key shortened = *Key::from_mac_key(kSession.bytes().first(16));
  request.sha1_by = shortened;
  const auto verdict = realm.check(request);
  ASSERT_EQ(describe(verdict), "accepted north");
  EXPECT_EQ(std::get<Accepted>(verdict).identity.key, shortened) << "answers are signed alike";

  std::swap(request.sha1_by, request.sha256_by);
  EXPECT_EQ(describe(realm.check(request)), "401 wrong password, challenge");
  request.sha256_by.reset();
  request.sha1_by = *Key::from_mac_key(kSession.bytes().first(15));
  EXPECT_EQ(describe(realm.check(request)), "401 wrong password, challenge");
}

TEST(TokenUser, FirstPartyUsersAndSecretsGoOnBesideTokens) {
  TokenRealm realm;
  EXPECT_EQ(describe(realm.check(realm.new_request("alice", "wonderland"))), "accepted alice");
}

TEST(TokenUser, IsRefusedWithoutTheSessionKeyOrWithAnothersToken) {
  TokenRealm realm;
  TestRequest request = realm.request(kSession, realm.keys[0]);
  request.sha1_by = kRfcMacKey;
  EXPECT_EQ(describe(realm.check(request)), "401 wrong password, challenge");
  request = realm.request(kSession, realm.keys[0]);
  request.username = "south";
  EXPECT_EQ(describe(realm.check(request)), "401 bad token, challenge");
  request.username = "east";
  EXPECT_EQ(describe(realm.check(request)), "401 bad token, challenge");
}

TEST(TokenUser, IsRefusedBehindTheTokensLifetimeAndOutsideTheKeys) {
  TokenRealm realm;
  const TestRequest request = realm.request(kSession, realm.keys[0]);
  realm.pass(604s);
  EXPECT_EQ(describe(realm.check(request)), "accepted north");
  realm.pass(1s);
  EXPECT_EQ(describe(realm.check(request)), "401 bad token, challenge");

  realm.keys[0].expires_at = realm.now.calendar + 10s;
  realm.keys[1].not_before = realm.now.calendar + 10s;
  realm.make();
  EXPECT_EQ(describe(realm.check(realm.request(kSession, realm.keys[0]))), "accepted north");
  EXPECT_EQ(describe(realm.check(realm.request(kSession, realm.keys[1]))),
            "401 bad token, challenge");
  realm.pass(10s);
  EXPECT_EQ(describe(realm.check(realm.request(kSession, realm.keys[0]))),
            "401 bad token, challenge");
  EXPECT_EQ(describe(realm.check(realm.request(kSession, realm.keys[1]))), "accepted south");
}

// Behind its Allocate a client signs with the session key and sends no token (Section 9).
TEST(TokenUser, GoesOnByTheSessionKeyOfTheAllocation) {
  TokenRealm realm;
  const auto allocated = realm.check(realm.request(kSession, realm.keys[0]));
  const Identity known = std::get<Accepted>(allocated).identity;
  TestRequest later = realm.request(kSession, realm.keys[0]);
  later.access_token.reset();
  EXPECT_EQ(describe(realm.check(later)), "401 unknown user, challenge");
  EXPECT_EQ(describe(realm.check(later, &known)), "accepted north");

  // A new token, by another key, goes on where the old one ends.
  const auto renewed = realm.check(realm.request(kRfcMacKey, realm.keys[1]), &known);
  ASSERT_EQ(describe(renewed), "accepted south");
  EXPECT_EQ(std::get<Accepted>(renewed).identity.key, kRfcMacKey);
}

TEST(TokenUser, WhereNobodyAskedForATokenItIsAnUnknownAttribute) {
  TestRealm plain;
  TokenRealm other;
  EXPECT_EQ(describe(plain.check(other.request(kSession, other.keys[0]))), "420 unexpected token");
}

}  // namespace
}  // namespace uturn
