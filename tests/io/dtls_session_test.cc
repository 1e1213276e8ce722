// DTLS sessions: handshakes over a network that loses, repeats and reorders; records; endings.
#include "io/dtls_session.h"

#include <gtest/gtest.h>

#include "tests/io/dtls_harness.h"
#include "tests/property/seeded.h"

namespace uturn {
namespace {

TEST(DtlsSession, TalksBothWays) {
  DtlsPair pair;
  pair.settle();
  ASSERT_TRUE(pair.both_open()) << pair.client->failure();
  EXPECT_EQ(pair.server->version(), "DTLSv1.2");
  EXPECT_EQ(pair.server_hears("allocate, please"), "allocate, please");
  EXPECT_EQ(pair.client_hears("here you are"), "here you are");
  EXPECT_EQ(pair.server->next_deadline(pair.now), kNever);
  EXPECT_EQ(pair.client->next_deadline(pair.now), kNever);
}

TEST(DtlsSession, AlpnAndNameAreAgreedOn) {
  DtlsPair pair(server_context(), {.verify = false, .alpn = {"stun.turn"}});
  pair.settle();
  EXPECT_EQ(pair.server->alpn(), "stun.turn");
  EXPECT_EQ(pair.client->alpn(), "stun.turn");
  EXPECT_EQ(pair.server->server_name(), "turn.example.org");
}

TEST(DtlsSession, ALongFlightIsFragmentedToTheMtu) {
  std::vector<std::string> names{"turn.example.org"};
  for (int i = 0; i < 200; ++i) names.push_back("name" + std::to_string(i) + ".example.org");
  DtlsPair pair(server_context(names));
  size_t sent = 0;
  pair.arrivals = [&] { return ++sent, size_t{1}; };
  pair.settle();
  EXPECT_TRUE(pair.both_open());
  EXPECT_LE(pair.largest, DtlsSession::kHandshakeMtu);
  EXPECT_GT(sent, 8u) << "the certificate alone takes four datagrams";
}

// Each datagram of the handshake lost in turn, and each pair of neighbours: the timers repair it.
TEST(DtlsSession, AnyLostDatagramIsRepairedByRetransmission) {
  for (size_t lost = 0; lost < 12; ++lost) {
    SCOPED_TRACE(lost);
    DtlsPair pair;
    size_t count = 0;
    pair.arrivals = [&] {
      ++count;
      return count == lost || count == lost + 1 ? size_t{0} : size_t{1};
    };
    pair.settle();
    for (int i = 0; i < 5 && !pair.both_open(); ++i) {
      pair.time_out();
      pair.settle();
    }
    ASSERT_TRUE(pair.both_open()) << pair.client->failure();
    EXPECT_EQ(pair.server_hears("hello"), "hello");
  }
}

// One in eight is lost, one in four arrives twice.
TEST(DtlsSession, LossAndRepetitionAreSurvived) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(seed);
    Seeded random(seed);
    DtlsPair pair;
    pair.arrivals = [&] {
      if (random.one_in(8)) return size_t{0};
      return random.one_in(4) ? size_t{2} : size_t{1};
    };
    for (int i = 0; i < 10 && !pair.both_open(); ++i) {
      pair.settle();
      pair.time_out();
    }
    EXPECT_TRUE(pair.both_open()) << pair.client->failure();
  }
}

TEST(DtlsSession, AFlightThatArrivesBackwardsIsPutInOrder) {
  DtlsPair pair;
  for (int i = 0; i < 20 && !pair.both_open(); ++i) {
    std::vector<Datagram> up;
    for (Datagram datagram; !(datagram = next_datagram(*pair.client)).empty();)
      up.push_back(datagram);
    for (auto datagram = up.rbegin(); datagram != up.rend(); ++datagram) pair.to_server(*datagram);
    std::vector<Datagram> down = std::move(pair.answers);
    pair.answers.clear();
    for (Datagram datagram;
         pair.server != nullptr && !(datagram = next_datagram(*pair.server)).empty();)
      down.push_back(datagram);
    for (auto datagram = down.rbegin(); datagram != down.rend(); ++datagram)
      pair.to_client(*datagram);
    if (up.empty() && down.empty()) pair.time_out();
  }
  EXPECT_TRUE(pair.both_open()) << pair.client->failure();
}

// RFC 6347, Section 4.2.4.1: one second at first, doubled each time.
TEST(DtlsSession, TheTimerStartsAtOneSecondAndDoubles) {
  DtlsPair pair;
  ASSERT_FALSE(next_datagram(*pair.client).empty());
  for (const auto step : {1s, 2s, 4s, 8s}) {
    const Instant deadline = pair.client->next_deadline(pair.now);
    EXPECT_LE(deadline, pair.now.monotonic + step);
    EXPECT_GT(deadline, pair.now.monotonic + step / 2);
    pair.client->handle_timeout();
    EXPECT_TRUE(next_datagram(*pair.client).empty()) << "too early";
    let_openssl_time_pass(step);
    EXPECT_EQ(pair.client->next_deadline(pair.now), pair.now.monotonic);
    pair.client->handle_timeout();
    EXPECT_FALSE(next_datagram(*pair.client).empty());
  }
}

TEST(DtlsSession, AReplayedRecordIsHeardOnce) {
  DtlsPair pair;
  pair.settle();
  const Datagram datagram = encrypt(*pair.client, "once");
  EXPECT_EQ(hears(*pair.server, datagram), "once");
  EXPECT_EQ(hears(*pair.server, datagram), "");
  EXPECT_TRUE(pair.server->is_open());
}

TEST(DtlsSession, AForgedRecordIsDroppedSilently) {
  DtlsPair pair;
  pair.settle();
  Datagram forged = encrypt(*pair.client, "hello");
  forged.back() ^= 1;
  EXPECT_EQ(hears(*pair.server, forged), "");
  EXPECT_TRUE(next_datagram(*pair.server).empty());
  EXPECT_EQ(pair.server_hears("still here"), "still here");
}

TEST(DtlsSession, PartsLeaveAsOneRecordAndItsSizeIsKnown) {
  DtlsPair pair;
  pair.settle();
  const std::array<Bytes, 3> parts{bytes_of("head"), bytes_of(""), bytes_of("payload")};
  Datagram datagram(11 + DtlsSession::kRecordOverhead);
  EXPECT_LE(pair.client->write(parts, datagram), datagram.size());
  EXPECT_EQ(hears(*pair.server, datagram), "headpayload");
}

TEST(DtlsSession, AMessageLongerThanARecordIsRefused) {
  DtlsPair pair;
  pair.settle();
  const std::string longest(DtlsSession::kMaxPlaintext, 'x');
  EXPECT_EQ(pair.server_hears(longest), longest);
  EXPECT_TRUE(encrypt(*pair.client, longest + "x").empty());
  EXPECT_TRUE(encrypt(*pair.client, "").empty());
  EXPECT_TRUE(pair.client->is_open());
}

TEST(DtlsSession, CloseNotifyEndsIt) {
  DtlsPair pair;
  pair.settle();
  pair.client->end();
  pair.settle();
  EXPECT_EQ(pair.server->state(), TlsState::ended);
  EXPECT_TRUE(encrypt(*pair.client, "late").empty());
}

TEST(DtlsSession, ARestingSessionWakesByItself) {
  DtlsPair pair;
  pair.settle();
  pair.server->release_buffers();
  EXPECT_EQ(pair.server_hears("hello"), "hello");
  pair.server->release_buffers();
  EXPECT_EQ(pair.client_hears("hello"), "hello");
  pair.server->release_buffers();
  pair.server->end();
  pair.settle();
  EXPECT_EQ(pair.client->state(), TlsState::ended);
}

// RFC 6347, Section 4.2.8: a client that lost its state needs a cookie again, and the old session
// lives until the new one is complete.
TEST(DtlsSession, AClientBeginsAnewOnTheSameFiveTuple) {
  DtlsPair pair;
  pair.settle();
  const auto old = std::move(pair.client);
  pair.client = DtlsSession::connect(client_context(), "turn.example.org");
  pair.to_server(next_datagram(*pair.client));
  ASSERT_EQ(pair.answers.size(), 1u);
  EXPECT_EQ(pair.successor, nullptr);
  EXPECT_EQ(hears(*pair.server, encrypt(*old, "the old one")), "the old one");

  pair.settle();
  ASSERT_NE(pair.successor, nullptr);
  EXPECT_TRUE(pair.successor->is_open());
  EXPECT_TRUE(pair.server->is_open());
  EXPECT_EQ(hears(*pair.successor, encrypt(*pair.client, "the new one")), "the new one");
}

TEST(DtlsSession, ARepeatedClientHelloIsItsOwn) {
  DtlsPair pair;
  pair.to_server(next_datagram(*pair.client));
  pair.to_client(pair.answers.at(0));
  const Datagram hello = next_datagram(*pair.client);
  pair.to_server(hello);
  ASSERT_NE(pair.server, nullptr);
  EXPECT_TRUE(pair.server->began_with(hello));
  pair.to_server(hello);
  EXPECT_EQ(pair.successor, nullptr);
}

}  // namespace
}  // namespace uturn
