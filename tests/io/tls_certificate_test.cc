// Certificates: read from files, and every way in which that fails told to the operator.
#include "io/tls_certificate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <thread>

#include "tests/io/tls_harness.h"

namespace uturn {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

// A key with a passphrase, made for this test.
constexpr std::string_view kEncryptedKey = R"(-----BEGIN EC PRIVATE KEY-----
Proc-Type: 4,ENCRYPTED
DEK-Info: AES-128-CBC,0D5B4B3A7C1E2F60718293A4B5C6D7E8

AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
-----END EC PRIVATE KEY-----
)";

class TlsCertificateFiles : public testing::Test {
 protected:
  TestFolder folder;
  TlsCertificateSource made = make_self_signed({"turn.example.org"}, {}, morning());
  std::string certificate = folder.write("fullchain.pem", made.certificate_pem);
  std::string key = folder.write("privkey.pem", made.key_pem);

  std::string error_of(const std::string& certificate_file, const std::string& key_file) {
    const auto read =
        read_certificate({.certificate_file = certificate_file, .key_file = key_file});
    return read ? "none" : read.error();
  }
  /// The same, asked by somebody who is neither root nor the owner.
  std::string error_of_nobody(const std::string& certificate_file, const std::string& key_file) {
    std::string error;
    std::thread([&] {
      // For this thread only: the C library's function would change all of them.
      if (::geteuid() == 0) ::syscall(SYS_setresuid, -1, 65'534, -1);
      error = error_of(certificate_file, key_file);
    }).join();
    return error;
  }
};

TEST_F(TlsCertificateFiles, NamesAndDatesAreRead) {
  const auto read = read_certificate({.certificate_file = certificate, .key_file = key});
  ASSERT_TRUE(read) << read.error();
  EXPECT_EQ(read->facts.origin, certificate);
  EXPECT_THAT(read->facts.names, ElementsAre("turn.example.org"));
  EXPECT_EQ(read->facts.valid_from, morning().calendar - 1h);
  EXPECT_EQ(read->facts.expires_at, morning().calendar + 30 * 24h);
}

TEST_F(TlsCertificateFiles, AMissingFileIsNamed) {
  EXPECT_EQ(
      error_of(folder.path("none.pem"), key),
      "certificate " + folder.path("none.pem") + ": cannot be read: No such file or directory");
  EXPECT_EQ(
      error_of(certificate, folder.path("none.pem")),
      "private key " + folder.path("none.pem") + ": cannot be read: No such file or directory");
}

TEST_F(TlsCertificateFiles, AnUnreadableKeyNamesUserAndMode) {
  ::chmod(folder.path("").c_str(), 0755);
  ::chmod(key.c_str(), 0000);
  EXPECT_THAT(error_of_nobody(certificate, key),
              AllOf(HasSubstr("private key " + key + ": cannot be read: Permission denied"),
                    HasSubstr("we are "), HasSubstr("(uid "), HasSubstr("the file is "),
                    HasSubstr(" 0000")));
}

TEST_F(TlsCertificateFiles, AClosedDirectoryOnTheWayIsNamed) {
  ::chmod(folder.path("").c_str(), 0755);
  ASSERT_EQ(::mkdir(folder.path("archive").c_str(), 0000), 0);
  EXPECT_THAT(
      error_of_nobody(folder.path("archive/fullchain.pem"), key),
      AllOf(HasSubstr("Permission denied"),
            HasSubstr("the directory " + folder.path("archive") + " is "), HasSubstr(" 0000")));
  ::chmod(folder.path("archive").c_str(), 0755);
}

TEST_F(TlsCertificateFiles, TheKeyOfAnotherCertificateIsRefused) {
  const auto other = make_self_signed({"turn.example.org"}, {}, morning());
  const std::string other_key = folder.write("other.pem", other.key_pem);
  EXPECT_EQ(error_of(certificate, other_key),
            "private key " + other_key + ": does not belong to certificate " + certificate);
}

TEST_F(TlsCertificateFiles, FilesThatHoldSomethingElseAreToldSo) {
  const std::string empty = folder.write("empty.pem", "");
  EXPECT_EQ(error_of(empty, key), "certificate " + empty + ": holds no certificate in PEM form");
  EXPECT_EQ(error_of(certificate, certificate),
            "private key " + certificate + ": holds no private key in PEM form");
  const std::string encrypted = folder.write("encrypted.pem", kEncryptedKey);
  EXPECT_EQ(
      error_of(certificate, encrypted),
      "private key " + encrypted + ": is encrypted, and there is nobody to ask for its passphrase");
  const std::string broken = folder.write("broken.pem", made.certificate_pem +
                                                            "-----BEGIN CERTIFICATE-----\nAAAA\n"
                                                            "-----END CERTIFICATE-----\n");
  EXPECT_THAT(error_of(broken, key),
              HasSubstr(broken + ": holds a broken certificate behind its first: "));
  EXPECT_THAT(error_of(folder.path(""), key), HasSubstr("cannot be read: Is a directory"));
}

TEST_F(TlsCertificateFiles, TheChainIsReadToItsEnd) {
  const auto above = make_self_signed({"ca.example.org"}, {}, morning());
  const std::string chain = folder.write("chain.pem", made.certificate_pem + above.certificate_pem);
  const auto read = read_certificate({.certificate_file = chain, .key_file = key});
  ASSERT_TRUE(read) << read.error();
  EXPECT_THAT(read->facts.names, ElementsAre("turn.example.org"));
}

TEST(TlsCertificate, AWildcardIsTheWholeLeftmostLabel) {
  EXPECT_TRUE(name_matches("turn.example.org", "turn.example.org"));
  EXPECT_TRUE(name_matches("turn.example.org", "TURN.Example.org"));
  EXPECT_TRUE(name_matches("turn.example.org", "turn.example.org."));
  EXPECT_TRUE(name_matches("*.example.org", "turn.example.org"));
  EXPECT_FALSE(name_matches("*.example.org", "example.org"));
  EXPECT_FALSE(name_matches("*.example.org", "a.turn.example.org"));
  EXPECT_FALSE(name_matches("*.example.org", ".example.org"));
  EXPECT_FALSE(name_matches("t*.example.org", "turn.example.org"));
  EXPECT_FALSE(name_matches("turn.*.org", "turn.example.org"));
  EXPECT_FALSE(name_matches("*.org", "example.org"));
  EXPECT_FALSE(name_matches("*", "localhost"));
  EXPECT_FALSE(name_matches("", ""));
}

TEST(TlsCertificate, TwoSelfSignedOnesShareNothing) {
  const auto one = make_self_signed({"a.example"}, {}, morning());
  const auto two = make_self_signed({"a.example"}, {}, morning());
  EXPECT_NE(one.key_pem, two.key_pem);
  EXPECT_NE(one.certificate_pem, two.certificate_pem);
}

}  // namespace
}  // namespace uturn
