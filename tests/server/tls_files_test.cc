// Certificate and key files: what is read, and the sentence for everything that cannot be used.
#include "server/tls_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/file_access.h"
#include "tests/server/made_certificate.h"
#include "tests/server/temporary_directory.h"

namespace uturn {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

CalendarTime at(int64_t seconds) { return CalendarTime{std::chrono::seconds(seconds)}; }

/// Two files, and what was wrong with them: "certificate: ..." or "key: ...", with DIR for the
/// directory; empty where nothing was.
class TlsFiles : public testing::Test {
 protected:
  CertificateFiles write(const std::string& certificate, const std::string& key) {
    return {directory_.write("cert.pem", certificate), directory_.write("key.pem", key)};
  }
  std::string problem_of(const CertificateFiles& files) {
    const auto summary = check_certificate_files(files);
    if (summary) return "";
    std::string text =
        (summary.error().is_about_key ? "key: " : "certificate: ") + summary.error().sentence;
    for (size_t at = text.find(directory_.path()); at != text.npos;
         at = text.find(directory_.path())) {
      text.replace(at, directory_.path().size(), "DIR");
    }
    return text;
  }

  TemporaryDirectory directory_;
  TestKey key_ = make_ec_key();
};

TEST_F(TlsFiles, NamesAndValidityAreRead) {
  const CertificateWish wish{"DNS:turn.example.org,DNS:*.example.net,IP:192.0.2.1,IP:2001:db8::1",
                             at(1'700'000'000), at(1'800'000'000)};
  const auto summary =
      check_certificate_files(write(make_certificate(key_, wish), private_key_pem(key_)));
  ASSERT_TRUE(summary) << summary.error().sentence;
  EXPECT_THAT(summary->names,
              ElementsAre("turn.example.org", "*.example.net", "192.0.2.1", "2001:db8::1"));
  EXPECT_EQ(summary->not_before, at(1'700'000'000));
  EXPECT_EQ(summary->not_after, at(1'800'000'000));
}

TEST_F(TlsFiles, AChainExpiresWithItsFirst) {
  const std::string issuer = make_certificate(make_ec_key(), {"", at(1), at(1'750'000'000)});
  const auto summary =
      check_certificate_files(write(make_certificate(key_) + issuer, private_key_pem(key_)));
  ASSERT_TRUE(summary) << summary.error().sentence;
  EXPECT_EQ(summary->not_after, at(1'750'000'000));
}

TEST_F(TlsFiles, OneFileMayHoldBoth) {
  const std::string both = directory_.write("both", private_key_pem(key_) + make_certificate(key_));
  EXPECT_EQ(problem_of({both, both}), "");
}

TEST_F(TlsFiles, AnRsaKeyServesAsWell) {
  const TestKey rsa = make_rsa_key(2048);
  EXPECT_EQ(problem_of(write(make_certificate(rsa), private_key_pem(rsa))), "");
}

TEST_F(TlsFiles, AKeyThatIsTooShortIsRefusedAsOpensslWould) {
  const TestKey rsa = make_rsa_key(512);
  EXPECT_EQ(problem_of(write(make_certificate(rsa), private_key_pem(rsa))),
            "certificate: DIR/cert.pem is refused by OpenSSL: ee key too small");
}

TEST_F(TlsFiles, MissingFilesAreNamed) {
  const CertificateFiles files = write(make_certificate(key_), private_key_pem(key_));
  EXPECT_EQ(problem_of({"/nowhere/c", files.key}),
            "certificate: /nowhere/c cannot be read: No such file or directory");
  EXPECT_EQ(problem_of({files.certificate, "/nowhere/k"}),
            "key: /nowhere/k cannot be read: No such file or directory");
  EXPECT_EQ(problem_of({directory_.path(), files.key}),
            "certificate: DIR cannot be read: not a regular file");
}

TEST_F(TlsFiles, WhatIsNoPemIsSaid) {
  const std::string good = make_certificate(key_);
  EXPECT_EQ(problem_of(write("\x30\x82", private_key_pem(key_))),
            "certificate: DIR/cert.pem holds no certificate in PEM form");
  EXPECT_EQ(problem_of(write(private_key_pem(key_), private_key_pem(key_))),
            "certificate: DIR/cert.pem holds no certificate in PEM form");
  EXPECT_EQ(problem_of(write(good, good)), "key: DIR/key.pem holds no private key in PEM form");
  EXPECT_EQ(problem_of(write(good + good.substr(0, good.size() / 2), private_key_pem(key_))),
            "certificate: DIR/cert.pem: certificate 2 of it cannot be parsed");
  std::string many;
  for (int i = 0; i < 16; ++i) many += good;
  EXPECT_EQ(problem_of(write(many, private_key_pem(key_))),
            "certificate: DIR/cert.pem holds more than 15 certificates");
}

TEST_F(TlsFiles, AnEncryptedKeyIsRefusedWithoutAskingTheTerminal) {
  EXPECT_EQ(problem_of(write(make_certificate(key_), private_key_pem(key_, "swordfish"))),
            "key: DIR/key.pem is encrypted, and nobody is there to ask for its password");
}

TEST_F(TlsFiles, TheKeyMustBelongToTheFirstCertificate) {
  const std::string other = make_certificate(make_ec_key());
  EXPECT_EQ(problem_of(write(other, private_key_pem(key_))),
            "key: DIR/key.pem is not the key of the certificate in DIR/cert.pem");
  EXPECT_EQ(problem_of(write(other + make_certificate(key_), private_key_pem(key_))),
            "certificate: DIR/cert.pem: the key's own certificate must stand first");
}

/// For a while nobody (65534); the test process is one thread.
class AsNobody {
 public:
  AsNobody() {
    CHECK(::setegid(65534) == 0);
    CHECK(::seteuid(65534) == 0);
  }
  AsNobody(const AsNobody&) = delete;
  ~AsNobody() {
    CHECK(::seteuid(0) == 0);
    CHECK(::setegid(0) == 0);
  }
};

TEST_F(TlsFiles, AnUnreadableFileNamesUserAndPermission) {
  if (!is_root()) GTEST_SKIP() << "only root can become somebody else";
  const CertificateFiles files = write(make_certificate(key_), private_key_pem(key_));
  ASSERT_EQ(::chmod(directory_.path().c_str(), 0755), 0);
  ASSERT_EQ(::chmod(files.key.c_str(), 0600), 0);
  {
    const AsNobody nobody;
    EXPECT_EQ(problem_of(files),
              "key: DIR/key.pem cannot be read: Permission denied; uid 65534 (nobody) may not read "
              "it: mode 0600, owner root:root");
  }
  ASSERT_EQ(::chmod(directory_.path().c_str(), 0700), 0);
  const AsNobody nobody;
  EXPECT_EQ(problem_of(files),
            "certificate: DIR/cert.pem cannot be read: Permission denied; uid 65534 (nobody) may "
            "not enter DIR: mode 0700, owner root:root");
}

TEST_F(TlsFiles, WhatAnAccountMayReadFollowsFromModesOnTheWholeWay) {
  if (!is_root()) GTEST_SKIP() << "only root can make files that it does not own readable";
  const Account nobody{65534, 65534, "nobody"};
  const Account root{0, 0, "root"};
  const std::string file = directory_.write("inner/key.pem", "x");
  ASSERT_EQ(::chmod(directory_.path().c_str(), 0755), 0);
  ASSERT_EQ(::chmod(directory_.path("inner").c_str(), 0755), 0);
  ASSERT_EQ(::chmod(file.c_str(), 0600), 0);
  EXPECT_TRUE(may_read(root, file));
  EXPECT_FALSE(may_read(nobody, file));

  ASSERT_EQ(::chmod(file.c_str(), 0640), 0);
  EXPECT_FALSE(may_read(nobody, file));
  ASSERT_EQ(::chown(file.c_str(), 0, 65534), 0);
  EXPECT_TRUE(may_read(nobody, file));

  ASSERT_EQ(::chmod(directory_.path("inner").c_str(), 0700), 0);
  EXPECT_FALSE(may_read(nobody, file));
  ASSERT_EQ(::symlink(file.c_str(), directory_.path("link").c_str()), 0);
  EXPECT_FALSE(may_read(nobody, directory_.path("link")));
  ASSERT_EQ(::chown(directory_.path("inner").c_str(), 65534, 0), 0);
  EXPECT_TRUE(may_read(nobody, directory_.path("link")));
}

TEST(FileAccess, WhatIsReadableOrMissingNeedsNoExplanation) {
  EXPECT_EQ(explain_access("/proc/self/status"), "");
  EXPECT_EQ(explain_access("/nowhere/file"), "");
  EXPECT_TRUE(may_read({65534, 65534, ""}, "/nowhere/file"));
}

}  // namespace
}  // namespace uturn
