// Session tickets: resumed by any shard that has the keys, and by nobody else.
#include <gtest/gtest.h>

#include "tests/io/tls_harness.h"

namespace uturn {
namespace {

/// What the client of a finished connection was given.
TlsTicket ticket_from(const std::shared_ptr<const TlsContext>& server,
                      const std::shared_ptr<const ClientTlsContext>& client) {
  TlsPair pair(server, client);
  pair.settle();
  EXPECT_FALSE(pair.client->was_resumed());
  TlsTicket ticket = pair.client->ticket();
  EXPECT_NE(ticket, nullptr);
  return ticket;
}

class TlsTickets : public testing::TestWithParam<TlsVersion> {
 protected:
  std::shared_ptr<const ClientTlsContext> client =
      client_context({.verify = false, .maximum_version = GetParam()});
  TlsCertificateSource certificate = make_self_signed({"turn.example.org"}, {}, wall_clock());
  std::shared_ptr<const TlsTicketKeys> keys = TlsTicketKeys::make(morning());

  std::shared_ptr<const TlsContext> context_with(std::shared_ptr<const TlsTicketKeys> with) {
    return *TlsContext::load({.certificates = {certificate}, .alpn = {}}, std::move(with));
  }
  bool resumes(const std::shared_ptr<const TlsContext>& server, const TlsTicket& ticket) {
    TlsPair pair(server, client, "turn.example.org", ticket);
    pair.settle();
    EXPECT_TRUE(pair.both_open());
    EXPECT_EQ(pair.server->was_resumed(), pair.client->was_resumed());
    return pair.server->was_resumed();
  }
  static Now later(Duration by) {
    Now now = morning();
    now.monotonic += by;
    return now;
  }
};

TEST_P(TlsTickets, AnotherContextWithTheSameKeysResumes) {
  const TlsTicket ticket = ticket_from(context_with(keys), client);
  EXPECT_TRUE(resumes(context_with(keys), ticket));
}

TEST_P(TlsTickets, OtherKeysMeanAFullHandshake) {
  const TlsTicket ticket = ticket_from(context_with(keys), client);
  EXPECT_FALSE(resumes(context_with(TlsTicketKeys::make(morning())), ticket));
}

TEST_P(TlsTickets, WithoutKeysNobodyIsGivenOne) {
  TlsPair pair(context_with(nullptr), client);
  pair.settle();
  ASSERT_TRUE(pair.both_open());
  const TlsTicket kept = pair.client->ticket();
  EXPECT_TRUE(kept == nullptr || !resumes(context_with(nullptr), kept));
  EXPECT_FALSE(resumes(context_with(nullptr), ticket_from(context_with(keys), client)))
      << "nor is one of other servers taken";
}

TEST_P(TlsTickets, AFormerKeyStillReadsUntilItsTicketsHaveExpired) {
  const auto server = context_with(keys);
  const TlsTicket ticket = ticket_from(server, client);
  const auto once = keys->rotated(later(TlsTicketKeys::kRotation));
  EXPECT_TRUE(resumes(server->with_ticket_keys(once), ticket));
  const auto twice = once->rotated(later(2 * TlsTicketKeys::kRotation));
  EXPECT_EQ(twice->size(), 2u);
  EXPECT_FALSE(resumes(server->with_ticket_keys(twice), ticket));
}

TEST_P(TlsTickets, AReloadKeepsThem) {
  const auto server = context_with(keys);
  const TlsTicket ticket = ticket_from(server, client);
  const auto renewed = server->reloaded(
      {.certificates = {make_self_signed({"turn.example.org"}, {}, wall_clock())}, .alpn = {}});
  ASSERT_TRUE(renewed) << renewed.error();
  EXPECT_TRUE(resumes(*renewed, ticket));
}

INSTANTIATE_TEST_SUITE_P(Versions, TlsTickets,
                         testing::Values(TlsVersion::tls1_2, TlsVersion::tls1_3),
                         [](const auto& version) {
                           return version.param == TlsVersion::tls1_2 ? "Tls12" : "Tls13";
                         });

TEST(TlsTicketKeys, EachSetIsNew) {
  const auto keys = TlsTicketKeys::make(morning());
  EXPECT_NE(keys->newest().name, TlsTicketKeys::make(morning())->newest().name);
  EXPECT_EQ(keys->rotates_at(), morning().monotonic + TlsTicketKeys::kRotation);
  EXPECT_EQ(keys->find(std::array<uint8_t, 16>{}), nullptr);
  EXPECT_EQ(keys->find(keys->newest().name), &keys->newest());
}

TEST(TlsTicketKeys, TheirNumberIsBounded) {
  auto keys = TlsTicketKeys::make(morning());
  for (int i = 0; i < 20; ++i) keys = keys->rotated(morning());
  EXPECT_EQ(keys->size(), TlsTicketKeys::kMaxKeys);
}

}  // namespace
}  // namespace uturn
