// Both ends of a TLS connection in one place.
#include "tests/io/tls_harness.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <ctime>
#include <filesystem>
#include <fstream>

namespace uturn {

Now morning() { return {Instant(1h), CalendarTime(std::chrono::seconds(1'795'503'600))}; }

Now wall_clock() { return {Instant(1h), CalendarTime(std::chrono::seconds(std::time(nullptr)))}; }

std::shared_ptr<const TlsContext> server_context(const TlsSettings& settings) {
  auto context = TlsContext::load(settings, TlsTicketKeys::make(morning()));
  EXPECT_TRUE(context) << context.error();
  return *context;
}

std::shared_ptr<const TlsContext> server_context(const std::vector<std::string>& names) {
  return server_context(TlsSettings{.certificates = {make_self_signed(names, {}, wall_clock())},
                                    .alpn = {"stun.turn", "stun.nat-discovery"}});
}

std::shared_ptr<const ClientTlsContext> client_context(ClientTlsSettings settings) {
  auto context = ClientTlsContext::make(settings);
  EXPECT_TRUE(context) << context.error();
  return *context;
}

TestFolder::TestFolder() {
  std::string name = ::testing::TempDir() + "uturn-tls-XXXXXX";
  EXPECT_NE(::mkdtemp(name.data()), nullptr);
  path_ = name;
}

TestFolder::~TestFolder() { std::filesystem::remove_all(path_); }

std::string TestFolder::write(const std::string& name, std::string_view text) const {
  std::ofstream(path(name), std::ios::binary) << text;
  return path(name);
}

TlsPair::TlsPair(std::shared_ptr<const TlsContext> server_context,
                 std::shared_ptr<const ClientTlsContext> client_context,
                 const std::string& server_name, const TlsTicket& ticket)
    : server(TlsSession::accept(std::move(server_context), buffers)),
      client(TlsSession::connect(std::move(client_context), server_name, buffers, ticket)) {}

void TlsPair::settle(size_t piece) {
  bool moved = true;
  while (moved) {
    moved = carry(*client, *server, server_heard, piece);
    moved = carry(*server, *client, client_heard, piece) || moved;
  }
}

bool carry(TlsSession& from, TlsSession& to, std::string& heard, size_t piece) {
  const Bytes pending = from.pending_ciphertext();
  if (pending.empty()) return false;
  const std::vector<uint8_t> bytes(
      pending.begin(),
      pending.begin() + static_cast<std::ptrdiff_t>(std::min(piece, pending.size())));
  from.sent(bytes.size());
  to.feed(bytes);
  std::vector<uint8_t> plaintext(TlsSession::kMaxPlaintext);
  while (const size_t size = to.read(plaintext)) heard += text_of({plaintext.data(), size});
  EXPECT_TRUE(to.unread().empty());
  return true;
}

void say(TlsSession& from, TlsSession& to, std::string& heard, std::string_view text) {
  Bytes rest = bytes_of(text);
  while (!rest.empty()) {
    const size_t taken = from.write(std::span{&rest, 1});
    ASSERT_GT(taken, 0u);
    rest = rest.subspan(taken);
    while (carry(from, to, heard)) {
    }
  }
}

}  // namespace uturn
