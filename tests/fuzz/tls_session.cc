// Fuzz target: bytes of a hostile client against a server's TlsSession. The first byte says how
// long the pieces are, and whether a handshake with an honest client goes before.
#include "io/tls_session.h"

#include <vector>

namespace {

using uturn::Bytes;

const std::shared_ptr<const uturn::TlsContext>& server_context() {
  const uturn::Now now{uturn::Instant{}, uturn::CalendarTime(std::chrono::seconds(1'795'503'600))};
  static const auto kContext = *uturn::TlsContext::load(
      {.certificates = {uturn::make_self_signed({"turn.example.org", "*.example.org"}, {}, now)},
       .alpn = {"stun.turn", "stun.nat-discovery"}},
      uturn::TlsTicketKeys::make(now));
  return kContext;
}

const std::shared_ptr<const uturn::ClientTlsContext>& client_context() {
  static const auto kContext = *uturn::ClientTlsContext::make({.verify = false});
  return kContext;
}

/// The owner's part: all that can be read, and what is pending is gone.
void hear(uturn::TlsSession& session, Bytes ciphertext) {
  static std::vector<uint8_t> plaintext(uturn::TlsSession::kMaxPlaintext);
  session.feed(ciphertext);
  for (size_t rounds = 0; rounds < 1'000; ++rounds) {
    while (session.read(plaintext) != 0) {
    }
    CHECK(session.pending_ciphertext().size() <= uturn::TlsBuffers::kOutputSize);
    session.sent(session.pending_ciphertext().size());
    if (session.unread().empty()) return;
  }
  CHECK(false);  // neither taken nor refused
}

void shake_hands(uturn::TlsSession& server, uturn::TlsBuffers& buffers) {
  const auto client = uturn::TlsSession::connect(client_context(), "turn.example.org", buffers);
  const auto carry = [](uturn::TlsSession& from, uturn::TlsSession& to) {
    const Bytes pending = from.pending_ciphertext();
    const std::vector<uint8_t> bytes(pending.begin(), pending.end());
    from.sent(bytes.size());
    std::vector<uint8_t> plaintext(uturn::TlsSession::kMaxPlaintext);
    to.feed(bytes);
    while (to.read(plaintext) != 0) {
    }
  };
  while (!client->pending_ciphertext().empty() || !server.pending_ciphertext().empty()) {
    carry(*client, server);
    carry(server, *client);
  }
  CHECK(server.is_open() && client->is_open());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const bool is_open = data[0] >= 0x80;
  const size_t piece = 1 + (data[0] & 0x7F) * size_t{16};
  uturn::TlsBuffers buffers;
  const auto server = uturn::TlsSession::accept(server_context(), buffers);
  if (is_open) shake_hands(*server, buffers);
  for (Bytes rest{data + 1, size - 1}; !rest.empty();) {
    const Bytes next = rest.first(std::min(piece, rest.size()));
    hear(*server, next);
    const Bytes message = next;
    server->write(std::span{&message, 1});
    rest = rest.subspan(next.size());
  }
  server->end();
  return 0;
}
