// What sessions hold on to while nothing happens.
#include <gtest/gtest.h>

#include "tests/io/dtls_harness.h"
#include "tests/io/openssl_memory.h"
#include "tests/io/tls_harness.h"

namespace uturn {
namespace {

/// What the server's end of one more idle session takes, in bytes.
size_t memory_of_idle_session(const std::shared_ptr<const TlsContext>& server,
                              const std::shared_ptr<const ClientTlsContext>& client) {
  TlsPair pair(server, client);
  pair.settle();
  say(*pair.client, *pair.server, pair.server_heard, std::string(5'000, 'x'));
  say(*pair.server, *pair.client, pair.client_heard, std::string(5'000, 'x'));
  EXPECT_TRUE(pair.both_open());
  const size_t with = openssl_memory_in_use();
  pair.server.reset();
  return with - openssl_memory_in_use();
}

TEST(TlsMemory, IdleSessionIsSmall) {
  const auto server = server_context();
  for (const TlsVersion version : {TlsVersion::tls1_2, TlsVersion::tls1_3}) {
    const auto client = client_context({.verify = false, .maximum_version = version});
    memory_of_idle_session(server, client);  // what OpenSSL makes once
    const size_t size = memory_of_idle_session(server, client);
    RecordProperty(version == TlsVersion::tls1_2 ? "tls1_2" : "tls1_3", static_cast<int>(size));
    EXPECT_LE(size, TlsSession::kIdleMemory);
    EXPECT_GT(size, TlsSession::kIdleMemory / 2) << "the figure in the header is too large";
  }
}

TEST(TlsMemory, EverythingComesBack) {
  const auto server = server_context();
  const auto client = client_context();
  memory_of_idle_session(server, client);
  const size_t before = openssl_memory_in_use();
  memory_of_idle_session(server, client);
  EXPECT_EQ(openssl_memory_in_use(), before);
}

TEST(TlsMemory, ARestingDtlsSessionGivesItsBuffersBack) {
  DtlsPair pair;
  pair.settle();
  ASSERT_TRUE(pair.both_open());
  const size_t before = openssl_memory_in_use();
  pair.server->release_buffers();
  const size_t resting = openssl_memory_in_use();
  EXPECT_GT(before - resting, 32u * 1024);
  pair.server.reset();
  EXPECT_LE(resting - openssl_memory_in_use(), DtlsSession::kRestingMemory);
}

// A client with a valid cookie may send a hundred records of the next epoch in a datagram; OpenSSL
// alone would give each a buffer of 17 KB.
TEST(TlsMemory, RecordsOfTheNextEpochAreBounded) {
  DtlsPair pair;
  pair.to_server(next_datagram(*pair.client));
  pair.to_client(pair.answers.at(0));
  pair.to_server(next_datagram(*pair.client));
  ASSERT_NE(pair.server, nullptr);
  Datagram early;
  for (uint8_t i = 0; i < 100; ++i)
    early.insert(early.end(), {22, 0xFE, 0xFD, 0, 1, 0, 0, 0, 0, 0, i, 0, 1, 0});
  const size_t before = openssl_memory_in_use();
  pair.to_server(early);
  EXPECT_LT(openssl_memory_in_use() - before, 128u * 1024);
  pair.settle();
  for (int i = 0; i < 3 && !pair.both_open(); ++i) {
    pair.time_out();
    pair.settle();
  }
}

}  // namespace
}  // namespace uturn
