// TLS sessions, two of them back to back: handshakes, records, endings.
#include "io/tls_session.h"

#include <gtest/gtest.h>

#include "tests/io/tls_harness.h"
#include "tests/property/seeded.h"

namespace uturn {
namespace {

/// The length of the record that these bytes begin with, header included.
size_t record_size(Bytes ciphertext) { return 5u + load_be16(&ciphertext[3]); }

TEST(TlsSession, TalksBothWays) {
  TlsPair pair(server_context(), client_context());
  pair.settle();
  ASSERT_TRUE(pair.both_open()) << pair.server->failure() << pair.client->failure();
  EXPECT_EQ(pair.server->version(), "TLSv1.3");

  say(*pair.client, *pair.server, pair.server_heard, "allocate, please");
  say(*pair.server, *pair.client, pair.client_heard, "here you are");
  EXPECT_EQ(pair.server_heard, "allocate, please");
  EXPECT_EQ(pair.client_heard, "here you are");
}

TEST(TlsSession, Version12IsSpokenWithWhoeverHasNoLater) {
  TlsPair pair(server_context(),
               client_context({.verify = false, .maximum_version = TlsVersion::tls1_2}));
  pair.settle();
  ASSERT_TRUE(pair.both_open());
  EXPECT_EQ(pair.server->version(), "TLSv1.2");
  say(*pair.client, *pair.server, pair.server_heard, "hello");
  EXPECT_EQ(pair.server_heard, "hello");
}

TEST(TlsSession, Version12IsRefusedWhereTheMinimumIsLater) {
  TlsPair pair(server_context(TlsSettings{
                   .certificates = {make_self_signed({"turn.example.org"}, {}, wall_clock())},
                   .minimum_version = TlsVersion::tls1_3}),
               client_context({.verify = false, .maximum_version = TlsVersion::tls1_2}));
  pair.settle();
  EXPECT_EQ(pair.server->state(), TlsState::failed);
  EXPECT_EQ(pair.server->failure(), "unsupported protocol");
  EXPECT_EQ(pair.client->state(), TlsState::failed);  // the alert reached it
}

TEST(TlsSession, AnyChunkingGivesTheSameBytes) {
  std::string text;
  for (int i = 0; i < 50'000; ++i) text += std::to_string(i * 7);
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Seeded random(seed);
    TlsPair pair(server_context(), client_context());
    size_t said = 0;
    for (int turn = 0; turn < 1'000'000 && pair.server_heard.size() < text.size(); ++turn) {
      const size_t piece = 1 + random.below(seed % 3 == 0 ? 3 : 3'000);
      const Bytes rest = bytes_of(text).subspan(said).first(
          std::min<size_t>(text.size() - said, random.below(20'000)));
      said += pair.client->write(std::span{&rest, 1});
      carry(*pair.client, *pair.server, pair.server_heard, piece);
      carry(*pair.server, *pair.client, pair.client_heard, piece);
    }
    EXPECT_EQ(pair.server_heard, text);
  }
}

TEST(TlsSession, SeveralMessagesLeaveInOneRecord) {
  TlsPair pair(server_context(), client_context());
  pair.settle();
  const std::vector<std::string> texts(12, std::string(1'200, 'm'));
  std::vector<Bytes> messages;
  for (const std::string& text : texts) messages.push_back(bytes_of(text));
  EXPECT_EQ(pair.server->write(messages), 12u * 1'200u);
  EXPECT_EQ(record_size(pair.server->pending_ciphertext()),
            pair.server->pending_ciphertext().size());
  pair.settle();
  EXPECT_EQ(pair.client_heard, std::string(14'400, 'm'));
}

TEST(TlsSession, WhatNoRecordHoldsIsLeftToTheNext) {
  TlsPair pair(server_context(), client_context());
  pair.settle();
  const std::string first(10'000, 'a');
  const std::string second(10'000, 'b');
  const std::array<Bytes, 2> messages{bytes_of(first), bytes_of(second)};
  ASSERT_EQ(pair.server->write(messages), TlsSession::kMaxPlaintext);
  EXPECT_EQ(pair.server->write(messages), 0u) << "the former record is still pending";
  pair.settle();
  const Bytes rest = bytes_of(second).subspan(TlsSession::kMaxPlaintext - first.size());
  ASSERT_EQ(pair.server->write(std::span{&rest, 1}), rest.size());
  pair.settle();
  EXPECT_EQ(pair.client_heard, first + second);
}

TEST(TlsSession, NothingIsWrittenBeforeItIsOpen) {
  TlsPair pair(server_context(), client_context());
  const Bytes early = bytes_of("too early");
  EXPECT_EQ(pair.server->write(std::span{&early, 1}), 0u);
  EXPECT_EQ(pair.client->write(std::span{&early, 1}), 0u);
  pair.settle();
  EXPECT_EQ(pair.server_heard, "");
}

TEST(TlsSession, CloseNotifyEndsBothWays) {
  TlsPair pair(server_context(), client_context());
  pair.settle();
  say(*pair.client, *pair.server, pair.server_heard, "bye");
  pair.client->end();
  pair.settle();
  EXPECT_EQ(pair.server->state(), TlsState::ended);
  EXPECT_EQ(pair.server_heard, "bye");
  const Bytes late = bytes_of("late");
  EXPECT_EQ(pair.client->write(std::span{&late, 1}), 0u);

  pair.server->end();
  pair.settle();
  EXPECT_EQ(pair.client->state(), TlsState::ended);
  pair.server->end();
  EXPECT_TRUE(pair.server->pending_ciphertext().empty()) << "said twice";
}

// RFC 8446, Section 6.1: each direction has an end of its own.
TEST(TlsSession, WhoHasHeardTheEndMayStillSpeak) {
  TlsPair pair(server_context(), client_context());
  pair.settle();
  pair.client->end();
  pair.settle();
  ASSERT_EQ(pair.server->state(), TlsState::ended);
  say(*pair.server, *pair.client, pair.client_heard, "an answer");
  EXPECT_EQ(pair.client_heard, "an answer");
}

// To another shard, in the middle of everything: the key, the tickets and the counters of records
// go with it.
TEST(TlsSession, GoesOnWithOtherBuffers) {
  TlsPair pair(server_context(), client_context());
  pair.settle();
  say(*pair.server, *pair.client, pair.client_heard, "before, ");
  TlsBuffers others;
  pair.server->move_to(others);
  say(*pair.server, *pair.client, pair.client_heard, "and behind");
  EXPECT_EQ(pair.client_heard, "before, and behind");
  pair.server->end();
  pair.settle();
  pair.server.reset();
}

TEST(TlsSession, AFlippedBitEndsIt) {
  TlsPair pair(server_context(), client_context());
  pair.settle();
  const Bytes message = bytes_of("hello");
  ASSERT_EQ(pair.client->write(std::span{&message, 1}), message.size());
  const Bytes pending = pair.client->pending_ciphertext();
  std::vector<uint8_t> changed(pending.begin(), pending.end());
  changed[8] ^= 1;
  pair.server->feed(changed);
  std::vector<uint8_t> out(TlsSession::kMaxPlaintext);
  EXPECT_EQ(pair.server->read(out), 0u);
  EXPECT_EQ(pair.server->state(), TlsState::failed);
  EXPECT_EQ(pair.server->failure(), "decryption failed or bad record mac");
}

TEST(TlsSession, PlainTextIsNoHandshake) {
  TlsPair pair(server_context(), client_context());
  const Bytes request = bytes_of("GET / HTTP/1.1\r\nHost: turn.example.org\r\n\r\n");
  pair.server->feed(request);
  std::vector<uint8_t> out(TlsSession::kMaxPlaintext);
  EXPECT_EQ(pair.server->read(out), 0u);
  EXPECT_EQ(pair.server->state(), TlsState::failed);
  EXPECT_EQ(pair.server->failure(), "http request");
}

TEST(TlsSession, WhoStopsReadingGoesOnWithWhatWasUnread) {
  TlsPair pair(server_context(), client_context());
  pair.settle();
  std::vector<uint8_t> stream;
  for (const char letter : {'a', 'b', 'c'}) {
    const std::string text(9'000, letter);
    const Bytes message = bytes_of(text);
    ASSERT_EQ(pair.client->write(std::span{&message, 1}), message.size());
    const Bytes record = pair.client->pending_ciphertext();
    stream.insert(stream.end(), record.begin(), record.end());
    pair.client->sent(record.size());
  }
  std::vector<uint8_t> out(TlsSession::kMaxPlaintext);
  pair.server->feed(stream);
  ASSERT_EQ(pair.server->read(out), 9'000u);
  const Bytes rest = pair.server->unread();
  EXPECT_EQ(rest.size(), stream.size() / 3 * 2);
  EXPECT_EQ(pair.server->read(out), 9'000u);
  EXPECT_EQ(pair.server->read(out), 9'000u);
  EXPECT_EQ(out[0], 'c');
  EXPECT_EQ(pair.server->read(out), 0u);
  EXPECT_TRUE(pair.server->unread().empty());
}

TEST(TlsSession, AlpnIsOurFirstThatWasOffered) {
  TlsPair pair(
      server_context(),
      client_context({.verify = false, .alpn = {"h2", "stun.nat-discovery", "stun.turn"}}));
  pair.settle();
  ASSERT_TRUE(pair.both_open());
  EXPECT_EQ(pair.server->alpn(), "stun.turn");
  EXPECT_EQ(pair.client->alpn(), "stun.turn");
}

TEST(TlsSession, AlpnIsNeverRequired) {
  TlsPair unknown(server_context(), client_context({.verify = false, .alpn = {"h2", "http/1.1"}}));
  unknown.settle();
  EXPECT_TRUE(unknown.both_open());
  EXPECT_EQ(unknown.client->alpn(), "");
  TlsPair none(server_context(), client_context());
  none.settle();
  EXPECT_TRUE(none.both_open());
  EXPECT_EQ(none.server->alpn(), "");
}

TEST(TlsSession, AClientBelievesOnlyTheNameItAskedFor) {
  const TestFolder folder;
  const auto made =
      make_self_signed({"turn.example.org"}, {*IpAddress::parse("192.0.2.1")}, wall_clock());
  const auto server = server_context(TlsSettings{.certificates = {made}});
  const auto client =
      client_context({.authorities_file = folder.write("ca.pem", made.certificate_pem)});
  for (const char* right : {"turn.example.org", "192.0.2.1"}) {
    TlsPair pair(server, client, right);
    pair.settle();
    EXPECT_TRUE(pair.both_open()) << right << ": " << pair.client->failure();
  }
  TlsPair name(server, client, "turn.example.com");
  name.settle();
  EXPECT_EQ(name.client->failure(), "hostname mismatch");
  TlsPair address(server, client, "192.0.2.2");
  address.settle();
  EXPECT_EQ(address.client->failure(), "IP address mismatch");
  TlsPair stranger(server_context(), client);
  stranger.settle();
  EXPECT_EQ(stranger.client->failure(), "self-signed certificate");
  EXPECT_EQ(stranger.server->state(), TlsState::failed);
}

TEST(TlsSession, AnExpiredCertificateIsNamedAsThat) {
  const TestFolder folder;
  Now long_ago = morning();
  long_ago.calendar -= std::chrono::hours(24 * 365 * 10);
  const auto made = make_self_signed({"turn.example.org"}, {}, long_ago);
  const auto server = server_context(TlsSettings{.certificates = {made}});
  EXPECT_EQ(server->expires_at(), long_ago.calendar + std::chrono::hours(24 * 30));
  TlsPair pair(server,
               client_context({.authorities_file = folder.write("ca.pem", made.certificate_pem)}));
  pair.settle();
  EXPECT_EQ(pair.client->failure(), "certificate has expired");
}

}  // namespace
}  // namespace uturn
