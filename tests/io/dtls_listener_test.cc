// The DTLS listener before it knows a client: cookies, what a flood costs, what is no ClientHello.
#include "io/dtls_listener.h"

#include <gtest/gtest.h>

#include "tests/io/allocation_counter.h"
#include "tests/io/dtls_harness.h"
#include "tests/io/openssl_memory.h"

namespace uturn {
namespace {

using Session = std::unique_ptr<DtlsSession>;

class DtlsListenerTest : public testing::Test {
 protected:
  DtlsHello ask(Bytes datagram, const FiveTuple& from = kAlice) {
    return listener.on_client_hello(datagram, from, out, now);
  }
  /// The client's ClientHello with the cookie that it was given.
  Datagram hello_with_cookie() {
    const DtlsHello answer = ask(first_hello);
    client->feed(std::get<Bytes>(answer));
    read_all(*client);
    return next_datagram(*client);
  }

  Now now = morning();
  std::array<uint8_t, DtlsListener::kAnswerSize> out{};
  DtlsListener listener{server_context(), now};
  std::unique_ptr<DtlsSession> client = DtlsSession::connect(client_context(), "turn.example.org");
  Datagram first_hello = next_datagram(*client);
};

TEST_F(DtlsListenerTest, TheAnswerIsASmallCookie) {
  const DtlsHello hello = ask(first_hello);
  const Bytes answer = std::get<Bytes>(hello);
  EXPECT_EQ(answer.size(), 44u);
  EXPECT_EQ(answer[13], 3) << "HelloVerifyRequest";
  EXPECT_EQ(load_be16(&answer[1]), 0xFEFF);
  EXPECT_TRUE(equal(answer.subspan(5, 6), Bytes{first_hello}.subspan(5, 6)))
      << "RFC 6347, Section 4.2.1: the record sequence number of the ClientHello";
}

TEST_F(DtlsListenerTest, AValidCookieMakesASession) {
  const DtlsHello hello = ask(hello_with_cookie());
  const auto& session = std::get<Session>(hello);
  EXPECT_EQ(session->state(), TlsState::handshaking);
  const Datagram flight = next_datagram(*session);
  ASSERT_FALSE(flight.empty());
  EXPECT_EQ(flight[13], 2) << "ServerHello";
}

// RFC 6347, Section 4.2.1: the first ServerHello carries the record sequence number of the
// ClientHello with the cookie, however many there were before.
TEST_F(DtlsListenerTest, TheServerHelloMirrorsTheRecordSequenceNumber) {
  Datagram hello = hello_with_cookie();
  store_be16(&hello[9], 77);
  const DtlsHello answer = ask(hello);
  const Datagram flight = next_datagram(*std::get<Session>(answer));
  EXPECT_EQ(load_be16(&flight[9]), 77);
}

TEST_F(DtlsListenerTest, AWrongCookieIsLikeNone) {
  Datagram hello = hello_with_cookie();
  const size_t cookie_at = 13 + 12 + 34 + 1 + hello[59] + 1;
  hello[cookie_at] ^= 1;
  EXPECT_TRUE(std::holds_alternative<Bytes>(ask(hello)));
}

TEST_F(DtlsListenerTest, ACookieIsForOneFiveTuple) {
  const Datagram hello = hello_with_cookie();
  FiveTuple other_port = kAlice;
  ++other_port.client.port;
  FiveTuple other_ip = kAlice;
  other_ip.client.ip = *IpAddress::parse("192.0.2.2");
  FiveTuple other_server = kAlice;
  ++other_server.server.port;
  for (const FiveTuple& other : {other_port, other_ip, other_server})
    EXPECT_TRUE(std::holds_alternative<Bytes>(ask(hello, other)));
  EXPECT_TRUE(std::holds_alternative<Session>(ask(hello)));
}

TEST_F(DtlsListenerTest, ACookieOfTheFormerSecretIsGoodAndThenNoMore) {
  const Datagram hello = hello_with_cookie();
  now.monotonic += DtlsCookies::kRotation;
  EXPECT_TRUE(std::holds_alternative<Session>(ask(hello)));
  now.monotonic += DtlsCookies::kRotation;
  EXPECT_TRUE(std::holds_alternative<Bytes>(ask(hello)));
}

TEST_F(DtlsListenerTest, AfterALongPauseNoOldCookieIsGood) {
  const Datagram hello = hello_with_cookie();
  now.monotonic += 2 * DtlsCookies::kRotation;
  EXPECT_TRUE(std::holds_alternative<Bytes>(ask(hello)));
}

TEST_F(DtlsListenerTest, EveryPrefixIsIgnored) {
  for (size_t size = 0; size < first_hello.size(); ++size) {
    const Datagram prefix(first_hello.begin(),
                          first_hello.begin() + static_cast<std::ptrdiff_t>(size));
    ASSERT_TRUE(std::holds_alternative<DtlsIgnored>(ask(prefix))) << size;
  }
}

TEST_F(DtlsListenerTest, WhatIsNoClientHelloIsIgnored) {
  Datagram application_data = first_hello;
  application_data[0] = 23;
  Datagram next_epoch = first_hello;
  next_epoch[4] = 1;
  Datagram server_hello = first_hello;
  server_hello[13] = 2;
  Datagram later_fragment = first_hello;
  later_fragment[21] = 1;
  for (const Datagram& other : {application_data, next_epoch, server_hello, later_fragment}) {
    EXPECT_FALSE(is_client_hello(other));
    EXPECT_TRUE(std::holds_alternative<DtlsIgnored>(ask(other)));
  }
}

// Nothing may remain of a ClientHello whose sender is unproven (CVE-2026-73214 was that).
TEST_F(DtlsListenerTest, AFloodOfForgedHellosLeavesMemoryFlat) {
  FiveTuple forged = kAlice;
  ask(first_hello, forged);
  const size_t openssl_before = openssl_memory_in_use();
  const AllocationCounter allocations;
  uint64_t answered = 0;
  for (uint32_t i = 0; i < 100'000; ++i) {
    forged.client.port = static_cast<uint16_t>(i);
    forged.client.ip = IpAddress::v4(std::array<uint8_t, 4>{198, 51, static_cast<uint8_t>(i >> 16),
                                                            static_cast<uint8_t>(i >> 8)});
    first_hello[static_cast<size_t>(27) + i % 32] ^= static_cast<uint8_t>(i);  // its random
    answered += std::holds_alternative<Bytes>(ask(first_hello, forged)) ? 1 : 0;
  }
  EXPECT_EQ(answered, 100'000u);
  EXPECT_EQ(allocations.count(), 0u);
  EXPECT_EQ(openssl_memory_in_use(), openssl_before);
}

}  // namespace
}  // namespace uturn
