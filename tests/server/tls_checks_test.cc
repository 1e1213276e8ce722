// Listeners, certificates and keys together: what is refused, what is warned of, what is told.
#include "server/tls_checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "server/config_checks.h"
#include "server/privileges.h"
#include "server/quick_start.h"
#include "tests/server/made_certificate.h"
#include "tests/server/temporary_directory.h"

namespace uturn {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr CalendarTime kToday{std::chrono::days(20'416)};  // 2025-11-24

std::vector<std::string> texts_of(const ConfigProblems& problems) {
  std::vector<std::string> texts;
  for (const ConfigProblem& problem : problems) texts.push_back(problem.to_string());
  return texts;
}

class TlsChecks : public testing::Test {
 protected:
  TlsChecks() { ::chmod(directory_.path().c_str(), 0755); }

  CertificateFiles files(const std::string& name, CalendarTime not_before, CalendarTime not_after) {
    const TestKey key = make_ec_key();
    return {directory_.write(name + ".pem",
                             make_certificate(key, {"DNS:" + name, not_before, not_after})),
            directory_.write(name + ".key", private_key_pem(key))};
  }
  CertificateFiles lasting(const std::string& name) {
    return files(name, kToday - std::chrono::days(1), kToday + std::chrono::days(90));
  }
  void listen(const std::string& uri) { config_.listeners.push_back(*ListenerUri::parse(uri)); }
  std::vector<std::string> warnings() { return find_tls_warnings(config_, kToday); }

  TemporaryDirectory directory_;
  Config config_;
};

TEST_F(TlsChecks, TlsAndDtlsListenersNeedACertificate) {
  listen("tcp://0.0.0.0:3478");
  EXPECT_FALSE(needs_certificate(config_));
  EXPECT_THAT(find_tls_problems(config_), IsEmpty());

  listen("tls://0.0.0.0:5349");
  listen("dtls://0.0.0.0:5349");
  EXPECT_TRUE(needs_certificate(config_));
  EXPECT_THAT(texts_of(find_tls_problems(config_)),
              ElementsAre("listeners: tls://0.0.0.0:5349 needs tls.certificate and tls.key (--cert "
                          "FILE --key FILE)",
                          "listeners: dtls://0.0.0.0:5349 needs tls.certificate and tls.key "
                          "(--cert FILE --key FILE)"));
  EXPECT_THAT(texts_of(find_contradictions(config_)), Contains(HasSubstr("tls://0.0.0.0:5349")));

  config_.tls.main = lasting("a.example");
  EXPECT_THAT(find_tls_problems(config_), IsEmpty());
  config_.tls = {};
  config_.tls.certificates = {lasting("b.example")};
  EXPECT_THAT(find_tls_problems(config_), IsEmpty());
}

TEST_F(TlsChecks, QuickStartMakesACertificateWhereOneIsNeeded) {
  CsprngRandom random;
  complete_quick_start(config_, random);
  EXPECT_FALSE(config_.start.certificate_generated);

  listen("tls://0.0.0.0:5349");
  complete_quick_start(config_, random);
  EXPECT_TRUE(config_.start.certificate_generated);
  EXPECT_THAT(find_tls_problems(config_), IsEmpty());

  config_.tls.main = lasting("a.example");
  complete_quick_start(config_, random);
  EXPECT_FALSE(config_.start.certificate_generated);

  config_.tls = {};
  config_.start.config_file = "/etc/uturn/uturn.yaml";
  complete_quick_start(config_, random);
  EXPECT_FALSE(config_.start.certificate_generated);
}

TEST_F(TlsChecks, ACertificateAndItsKeyComeTogether) {
  config_.tls.main = {"/c", ""};
  EXPECT_THAT(texts_of(find_tls_problems(config_)),
              ElementsAre("tls.key: tls.certificate needs its private key (--key FILE)"));
  config_.tls.main = {"", "/k"};
  EXPECT_THAT(texts_of(find_tls_problems(config_)),
              ElementsAre("tls.certificate: tls.key needs its certificate (--cert FILE)"));
}

TEST_F(TlsChecks, FilesThatCannotBeUsedAreToldByKeyAndFile) {
  const CertificateFiles good = lasting("a.example");
  config_.tls.main = {"/nowhere/c", good.key};
  config_.tls.certificates = {good, {good.certificate, lasting("b.example").key}};
  EXPECT_THAT(texts_of(find_tls_problems(config_)),
              ElementsAre("tls.certificate: /nowhere/c cannot be read: No such file or directory",
                          "tls.certificates[2].key: " + directory_.path("b.example.key") +
                              " is not the key of the certificate in " + good.certificate));
}

TEST_F(TlsChecks, ExpiryIsToldFourteenDaysBefore) {
  const CalendarTime past = kToday - std::chrono::days(100);
  config_.tls.main = files("a.example", past, kToday + std::chrono::days(15));
  EXPECT_THAT(warnings(), Not(Contains(HasSubstr("expire"))));

  config_.tls.main = files("a.example", past, kToday + std::chrono::days(14));
  EXPECT_THAT(warnings(), Contains("tls.certificate: " + directory_.path("a.example.pem") +
                                   " expires on 2025-12-08"));

  config_.tls.certificates = {files("b.example", past, kToday)};
  EXPECT_THAT(warnings(),
              Contains("tls.certificates[1].certificate: " + directory_.path("b.example.pem") +
                       " expired on 2025-11-24; clients will refuse it"));
  EXPECT_THAT(find_warnings(config_, kToday), Contains(HasSubstr("expired on 2025-11-24")));
}

TEST_F(TlsChecks, ACertificateOfTheFutureIsTold) {
  config_.tls.main =
      files("a.example", kToday + std::chrono::days(1), kToday + std::chrono::days(90));
  EXPECT_THAT(warnings(), Contains(HasSubstr("is valid only from 2025-11-25")));
}

TEST_F(TlsChecks, AKeyThatOnlyRootCanReadIsTold) {
  if (!is_root()) GTEST_SKIP() << "only root gives itself up";
  config_.server.run_as = "nobody";
  config_.tls.main = lasting("a.example");
  ASSERT_EQ(::chmod(config_.tls.main.certificate.c_str(), 0644), 0);
  ASSERT_EQ(::chmod(config_.tls.main.key.c_str(), 0600), 0);
  EXPECT_THAT(warnings(),
              Contains("tls.key: nobody (server.run_as) may not read " + config_.tls.main.key +
                       ", so that a renewed one takes a restart"));
  ASSERT_EQ(::chmod(config_.tls.main.key.c_str(), 0644), 0);
  EXPECT_THAT(warnings(), Not(Contains(HasSubstr("server.run_as"))));
}

TEST_F(TlsChecks, Tls13AloneDoesNotReachDtls) {
  config_.tls.minimum_version = TlsVersion::tls1_3;
  listen("tls://0.0.0.0:5349");
  EXPECT_THAT(warnings(), Not(Contains(HasSubstr("minimum_version"))));
  listen("dtls://0.0.0.0:5349");
  EXPECT_THAT(warnings(), Contains(HasSubstr("DTLS listeners speak 1.2 all the same")));
}

TEST_F(TlsChecks, TheNameForClientsIsTheFirstThatIsOneHost) {
  EXPECT_EQ(certified_name(config_.tls), "");
  const TestKey key = make_ec_key();
  const auto name_of = [&](const std::string& names) {
    config_.tls.main = {directory_.write("c.pem", make_certificate(key, {names})),
                        directory_.write("k.pem", private_key_pem(key))};
    return certified_name(config_.tls);
  };
  EXPECT_EQ(name_of("DNS:*.example.org,IP:192.0.2.1,DNS:turn.example.org"), "turn.example.org");
  EXPECT_EQ(name_of("DNS:*.example.org,IP:192.0.2.1"), "");
  EXPECT_EQ(name_of(""), "");
}

TEST_F(TlsChecks, EachCertificateIsExplained) {
  config_.tls.main = lasting("a.example");
  config_.tls.certificates = {lasting("b.example"), {"/nowhere/c", "/nowhere/k"}};
  EXPECT_THAT(explain_certificates(config_.tls),
              ElementsAre(directory_.path("a.example.pem") + ": for a.example, until 2026-02-22",
                          directory_.path("b.example.pem") + ": for b.example, until 2026-02-22"));
}

}  // namespace
}  // namespace uturn
