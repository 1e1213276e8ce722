// The HTTP server over TLS: its certificate, another one, and clients that do not speak it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/http/http_server.h"
#include "tests/http/http_end.h"
#include "tests/http/test_routes.h"
#include "tests/server/made_certificate.h"
#include "tests/server/temporary_directory.h"

namespace uturn {
namespace {

using testing::HasSubstr;

HttpTlsFiles certificate(const TemporaryDirectory& directory, const std::string& host) {
  const TestKey key = make_ec_key();
  return {directory.write(host + ".pem", make_certificate(key, {.names = "DNS:" + host})),
          directory.write(host + ".key", private_key_pem(key))};
}

TEST(HttpTlsServer, AnswersAndTakesAnotherCertificateWhileItRuns) {
  const TemporaryDirectory directory;
  auto server = HttpServer::open(kLoopback, certificate(directory, "one.example"), HttpLimits{});
  ASSERT_TRUE(server) << server.error();
  ASSERT_TRUE((*server)->serve(test_routes()));
  auto first = HttpEnd::to((*server)->address());
  ASSERT_TRUE(first.secure());
  EXPECT_EQ(first.server_name(), "one.example");
  EXPECT_EQ(first.ask(get("/hello"))->body, "hi\n");

  auto other = HttpServer::read_certificate(certificate(directory, "two.example"));
  ASSERT_TRUE(other) << other.error();
  (*server)->use_certificate(*std::move(other));
  auto second = HttpEnd::to((*server)->address());
  ASSERT_TRUE(second.secure());
  EXPECT_EQ(second.server_name(), "two.example");
  EXPECT_EQ(first.ask(get("/hello"))->body, "hi\n") << "it goes on with what it began with";
}

TEST(HttpTlsServer, AWrongCertificateIsRefused) {
  const TemporaryDirectory directory;
  const HttpTlsFiles good = certificate(directory, "one.example");
  const HttpTlsFiles other = certificate(directory, "two.example");
  EXPECT_FALSE(HttpServer::open(kLoopback, {"/nonexistent", "/nonexistent"}, HttpLimits{}));
  const auto mixed = HttpServer::read_certificate({good.certificate, other.key});
  ASSERT_FALSE(mixed);
  EXPECT_THAT(mixed.error(), HasSubstr("two.example.key"));
}

TEST(HttpTlsServer, APlainClientIsClosed) {
  const TemporaryDirectory directory;
  auto server = HttpServer::open(kLoopback, certificate(directory, "one.example"), HttpLimits{});
  ASSERT_TRUE((*server)->serve(test_routes()));
  auto client = HttpEnd::to((*server)->address());
  client.send(get("/hello"));
  EXPECT_TRUE(client.is_closed());
}

TEST(HttpTlsServer, AClientThatNeverEndsItsHandshakeIsClosed) {
  const TemporaryDirectory directory;
  auto server = HttpServer::open(kLoopback, certificate(directory, "one.example"),
                                 HttpLimits{.request_timeout = std::chrono::milliseconds(50)});
  ASSERT_TRUE((*server)->serve(test_routes()));
  auto client = HttpEnd::to((*server)->address());
  client.send("\x16\x03");
  EXPECT_TRUE(client.is_closed());
}

}  // namespace
}  // namespace uturn
