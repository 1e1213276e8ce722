// The life of certificates: loaded, replaced, refused, expiring, with a clock of the test's own.
#include "server/certificates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <filesystem>

#include "tests/server/made_certificate.h"
#include "tests/server/temporary_directory.h"

namespace uturn {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

const CalendarTime kToday{std::chrono::seconds(1'764'000'000)};  // 2025-11-24

class CertificatesTest : public testing::Test {
 protected:
  CertificatesTest() : log_(*Log::open({.file = directory_.path("log")})) {
    config_.main = {directory_.path("tls/cert.pem"), directory_.path("tls/key.pem")};
    write_certificate("first.example", 90);
  }

  void write_certificate(const std::string& name, int days) {
    const TestKey key = make_ec_key();
    directory_.write("tls/cert.pem",
                     make_certificate(key, {"DNS:" + name, kToday - std::chrono::days(1),
                                            kToday + std::chrono::days(days)}));
    directory_.write("tls/key.pem", private_key_pem(key));
  }

  void load() {
    auto loaded =
        Certificates::load(config_, {.names = {"localhost"}, .addresses = {}}, log_, now_);
    ASSERT_TRUE(loaded) << loaded.error();
    certificates_ = std::move(*loaded);
    certificates_->hand_to([this](const auto& context) { handed_.push_back(context); });
  }
  std::vector<std::string> names() { return certificates_->context()->certificates()[0].names; }
  std::string logged() const { return directory_.read("log"); }

  void pass(Duration time) {
    now_.monotonic += time;
    now_.calendar += std::chrono::floor<std::chrono::seconds>(time);
    certificates_->on_time(now_);
  }
  /// As the server's loop: what the kernel has told by now.
  bool hear() {
    pollfd waits{certificates_->descriptor(), POLLIN, 0};
    const bool heard = ::poll(&waits, 1, 0) == 1;
    if (heard) certificates_->on_files_changed(now_);
    return heard;
  }

  TemporaryDirectory directory_;
  Log log_;
  TlsConfig config_;
  Now now_{Instant{} + 1000s, kToday};
  std::unique_ptr<Certificates> certificates_;
  std::vector<std::shared_ptr<const TlsContext>> handed_;
};

TEST_F(CertificatesTest, WhatIsLoadedIsSaid) {
  load();
  EXPECT_THAT(names(), ElementsAre("first.example"));
  EXPECT_THAT(logged(),
              HasSubstr("a certificate was loaded certificate=" + config_.main.certificate +
                        " for=first.example until=2026-02-22"));
  EXPECT_EQ(certificates_->facts()[0].expires_at, kToday + std::chrono::days(90));
}

TEST_F(CertificatesTest, WhatCannotBeReadIsNamed) {
  std::filesystem::remove(config_.main.key);
  const auto loaded = Certificates::load(config_, {}, log_, now_);
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error(), HasSubstr(config_.main.key));
}

TEST_F(CertificatesTest, AnOperatorsReloadShowsTheNewOne) {
  load();
  const auto before = certificates_->context();
  write_certificate("second.example", 90);
  EXPECT_TRUE(certificates_->reload(now_));
  EXPECT_THAT(names(), ElementsAre("second.example"));
  ASSERT_EQ(handed_.size(), 1u);
  EXPECT_EQ(handed_[0], certificates_->context());
  EXPECT_EQ(handed_[0]->ticket_keys(), before->ticket_keys()) << "tickets go on";
  EXPECT_EQ(certificates_->counters().reloads, 1u);
}

TEST_F(CertificatesTest, AReloadThatFailsKeepsTheOldOneAndIsAnErrorInTheLog) {
  load();
  directory_.write("tls/key.pem", private_key_pem(make_ec_key()));
  const auto reloaded = certificates_->reload(now_);
  ASSERT_FALSE(reloaded);
  EXPECT_THAT(logged(), HasSubstr("error"));
  EXPECT_THAT(logged(), HasSubstr("the former ones stay"));
  EXPECT_THAT(names(), ElementsAre("first.example"));
  EXPECT_TRUE(handed_.empty());
  EXPECT_EQ(certificates_->counters().failed_reloads, 1u);
}

TEST_F(CertificatesTest, FilesThatWereReplacedAreReadOnceTheyAreQuiet) {
  load();
  hear();
  write_certificate("second.example", 90);
  ASSERT_TRUE(hear());
  EXPECT_EQ(certificates_->next_deadline(), now_.monotonic + Certificates::kQuiet);
  pass(Certificates::kQuiet / 2);
  EXPECT_THAT(names(), ElementsAre("first.example")) << "the key may still be on its way";
  pass(Certificates::kQuiet / 2);
  EXPECT_THAT(names(), ElementsAre("second.example"));
  EXPECT_EQ(handed_.size(), 1u);
}

TEST_F(CertificatesTest, ADirectoryThatIsNeverQuietIsLookedAtAllTheSame) {
  load();
  hear();
  write_certificate("second.example", 90);
  for (Duration waited{}; waited < Certificates::kMostPatience;
       waited += Certificates::kQuiet / 2) {
    directory_.write("tls/noise", "");
    ASSERT_TRUE(hear());
    pass(Certificates::kQuiet / 2);
  }
  EXPECT_THAT(names(), ElementsAre("second.example"));
}

TEST_F(CertificatesTest, AnotherFileInTheDirectoryIsNoReload) {
  load();
  hear();
  directory_.write("tls/README", "");
  ASSERT_TRUE(hear());
  pass(Certificates::kQuiet);
  EXPECT_EQ(certificates_->counters().reloads, 0u);
}

TEST_F(CertificatesTest, HalfARenewalIsRefusedOnceAndTheOtherHalfCompletesIt) {
  load();
  hear();
  const TestKey key = make_ec_key();
  directory_.write("tls/key.pem", private_key_pem(key));
  ASSERT_TRUE(hear());
  pass(Certificates::kQuiet);
  pass(Certificates::kMostPatience);
  EXPECT_EQ(certificates_->counters().failed_reloads, 1u);
  directory_.write("tls/cert.pem", make_certificate(key, {"DNS:second.example", kToday,
                                                          kToday + std::chrono::days(90)}));
  ASSERT_TRUE(hear());
  pass(Certificates::kQuiet);
  EXPECT_THAT(names(), ElementsAre("second.example"));
}

TEST_F(CertificatesTest, WhatInotifyDoesNotTellIsFoundWithinTheHour) {
  load();
  write_certificate("second.example", 90);
  pass(TlsTicketKeys::kRotation);
  EXPECT_THAT(names(), ElementsAre("second.example"));
}

TEST_F(CertificatesTest, TicketKeysRotateAndEverybodyIsHandedTheSame) {
  load();
  const auto before = certificates_->context();
  pass(TlsTicketKeys::kRotation - 1s);
  EXPECT_TRUE(handed_.empty());
  pass(1s);
  ASSERT_EQ(handed_.size(), 1u);
  EXPECT_NE(handed_[0]->ticket_keys(), before->ticket_keys());
  EXPECT_NE(handed_[0]->ticket_keys()->find(before->ticket_keys()->newest().name), nullptr);
  EXPECT_EQ(certificates_->counters().ticket_key_rotations, 1u);
}

TEST_F(CertificatesTest, ExpiryIsAWarningEachDayFromFourteenDaysBefore) {
  write_certificate("first.example", 15);
  load();
  EXPECT_THAT(logged(), Not(HasSubstr("warn")));
  pass(std::chrono::hours(24));
  EXPECT_THAT(logged(), HasSubstr("warn  tls: the certificate expires on 2025-12-09"));
}

TEST_F(CertificatesTest, AnExpiredCertificateIsServedWithAWarning) {
  write_certificate("first.example", 0);
  load();
  EXPECT_THAT(logged(), HasSubstr("expired on 2025-11-24; clients will refuse it"));
}

TEST_F(CertificatesTest, OneOfItsOwnMakingIsMadeAnewInTime) {
  config_ = {};
  load();
  EXPECT_THAT(names(), ElementsAre("localhost"));
  EXPECT_THAT(logged(), HasSubstr("signed by itself"));
  const CalendarTime expires_at = certificates_->context()->expires_at();
  for (int day = 0; day < 40; ++day) pass(std::chrono::hours(24));
  EXPECT_GT(certificates_->context()->expires_at(), expires_at);
  EXPECT_THAT(logged(), Not(HasSubstr("warn")));
}

}  // namespace
}  // namespace uturn
