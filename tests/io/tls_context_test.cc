// TlsContext: which certificate who gets, and what a failed reload leaves as it was.
#include "io/tls_context.h"

#include <gtest/gtest.h>

#include "tests/io/tls_harness.h"

namespace uturn {
namespace {

class TlsContextNames : public testing::Test {
 protected:
  TestFolder folder;
  TlsCertificateSource first = make_self_signed({"first.example"}, {}, wall_clock());
  TlsCertificateSource second =
      make_self_signed({"turn.second.example", "*.wild.example"}, {}, wall_clock());
  std::shared_ptr<const TlsContext> server =
      server_context(TlsSettings{.certificates = {first, second}});

  /// Whether a client that trusts only this certificate connects by that name.
  bool is_served(const TlsCertificateSource& trusted, const std::string& name) {
    TlsPair pair(server,
                 client_context({.authorities_file = folder.write("ca", trusted.certificate_pem)}),
                 name);
    pair.settle();
    return pair.both_open();
  }
};

TEST_F(TlsContextNames, SniChoosesTheCertificate) {
  EXPECT_TRUE(is_served(first, "first.example"));
  EXPECT_TRUE(is_served(second, "turn.second.example"));
  EXPECT_TRUE(is_served(second, "any.wild.example"));
  EXPECT_FALSE(is_served(first, "turn.second.example"));
}

TEST_F(TlsContextNames, TheFirstIsForEverybodyElse) {
  for (const char* name : {"stranger.example", "192.0.2.1", ""}) {
    TlsPair pair(server, client_context(), name);
    pair.settle();
    EXPECT_TRUE(pair.both_open()) << name;
  }
  EXPECT_EQ(server->certificate_for("any.wild.example").names, server->certificates()[1].names);
  EXPECT_EQ(server->certificate_for("stranger.example").names, server->certificates()[0].names);
}

TEST_F(TlsContextNames, TheFirstToExpireIsTheDateOfAll) {
  Now earlier = wall_clock();
  earlier.calendar -= 20 * 24h;
  const auto older = make_self_signed({"old.example"}, {}, earlier);
  const auto both = server_context(TlsSettings{.certificates = {first, older}});
  EXPECT_EQ(both->expires_at(), earlier.calendar + 30 * 24h);
  EXPECT_GT(both->certificates()[0].expires_at, both->expires_at());
}

TEST_F(TlsContextNames, AFailedReloadLeavesTheRunningOne) {
  const auto failed = server->reloaded(
      {.certificates = {{.certificate_file = folder.path("gone.pem"), .key_file = "x"}}});
  ASSERT_FALSE(failed);
  EXPECT_NE(failed.error().find("gone.pem"), std::string::npos);
  EXPECT_TRUE(is_served(first, "first.example"));
}

TEST_F(TlsContextNames, ASessionGoesOnWhenItsContextIsReplaced) {
  TlsPair pair(server, client_context());
  pair.settle();
  server = *server->reloaded({.certificates = {second}});
  say(*pair.client, *pair.server, pair.server_heard, "still here");
  EXPECT_EQ(pair.server_heard, "still here");
  EXPECT_FALSE(is_served(first, "first.example"));
}

TEST(TlsContext, NoCertificateIsAnError) {
  const auto context = TlsContext::load({}, TlsTicketKeys::make(morning()));
  ASSERT_FALSE(context);
  EXPECT_EQ(context.error(), "no certificate is configured");
}

}  // namespace
}  // namespace uturn
