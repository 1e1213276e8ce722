// The published long-term vectors, taken through the Authenticator itself.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "test_realm.h"
#include "tests/source_dir.h"

namespace uturn {
namespace {

std::vector<uint8_t> vector_file(const std::string& name) {
  std::ifstream file{source_dir() + "/tests/vectors/" + name + ".hex"};
  CHECK(file);
  std::vector<uint8_t> bytes;
  for (std::string digits; file >> digits;) {
    bytes.push_back(static_cast<uint8_t>(std::stoi(digits, nullptr, 16)));
  }
  return bytes;
}

/// example.org with the user of RFC 5769, Section 2.4, and RFC 8489, Appendix B.1.
struct MatrixRealm : TestRealm {
  MatrixRealm() { users->add_password("マトリックス", "TheMatrIX"); }
};

// Their nonces are not ours, so a message whose integrity holds ends at the very last check: 438,
// signed. Anything wrong before it would have been a 400 or a 401.
constexpr std::string_view kAllButTheNonce = "438 alien nonce, challenge, signed";

TEST(Vectors, Rfc5769LongTermRequestIsAuthentic) {
  MatrixRealm realm;
  const auto verdict = realm.check(vector_file("rfc5769-2.4-request-longterm"));
  ASSERT_EQ(describe(verdict), kAllButTheNonce);
  const auto& proved = std::get<Rejected>(verdict).proved;
  EXPECT_EQ(proved->identity.username, "マトリックス");
  EXPECT_EQ(proved->integrity, Integrity::sha1);
}

TEST(Vectors, Rfc8489B1WithItsErratumIsAuthenticByUserhashAndSha256) {
  MatrixRealm realm;
  const auto verdict = realm.check(vector_file("rfc8489-B.1-erratum-6268"));
  ASSERT_EQ(describe(verdict), kAllButTheNonce);
  const auto& proved = std::get<Rejected>(verdict).proved;
  EXPECT_EQ(proved->identity.username, "マトリックス");
  EXPECT_EQ(proved->integrity, Integrity::sha256);
  EXPECT_EQ(proved->identity.key->algorithm(), PasswordAlgorithm::sha256);
}

TEST(Vectors, DerivedRequestsAreAuthentic) {
  MatrixRealm realm;
  EXPECT_EQ(describe(realm.check(vector_file("derived-longterm-sha256-complete"))),
            kAllButTheNonce);
  EXPECT_EQ(describe(realm.check(vector_file("derived-longterm-both-integrities"))),
            kAllButTheNonce);
}

TEST(Vectors, AreRefusedWithAnotherPassword) {
  TestRealm realm;
  realm.users->add_password("マトリックス", "TheMatrix");
  for (const char* name :
       {"rfc5769-2.4-request-longterm", "rfc8489-B.1-erratum-6268",
        "derived-longterm-sha256-complete", "derived-longterm-both-integrities"}) {
    EXPECT_EQ(describe(realm.check(vector_file(name))), "401 wrong password, challenge") << name;
  }
}

}  // namespace
}  // namespace uturn
