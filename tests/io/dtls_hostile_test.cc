// DTLS clients that are none of ours, driven by OpenSSL directly, without our settings.
#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <deque>

#include "io/tls_bio.h"
#include "tests/io/dtls_harness.h"

namespace uturn {
namespace {

/// A client with everything allowed, behind a listener and the session that it makes.
class RawDtlsClient {
 public:
  explicit RawDtlsClient(int version) : context_(SSL_CTX_new(DTLS_client_method())) {
    SSL_CTX_set_min_proto_version(context_.get(), version);
    SSL_CTX_set_max_proto_version(context_.get(), version);
    SSL_CTX_set_cipher_list(context_.get(), "ALL:COMPLEMENTOFALL:@SECLEVEL=0");
    ssl_.reset(SSL_new(context_.get()));
    BIO* bio = TlsBio<RawDtlsClient>::make(*this);
    SSL_set_bio(ssl_.get(), bio, bio);
    SSL_set_connect_state(ssl_.get());
  }

  size_t take_input(MutableBytes out) {
    if (incoming_.empty()) return 0;
    const Datagram datagram = std::move(incoming_.front());
    incoming_.pop_front();
    std::ranges::copy(datagram, out.begin());
    return datagram.size();
  }
  size_t give_output(Bytes datagram) {
    outgoing_.emplace_back(datagram.begin(), datagram.end());
    return datagram.size();
  }

  /// Handshakes, or whatever else it has begun, until both have nothing more to say. Returns the
  /// reason of the client's first error, empty where it had none.
  std::string settle() {
    std::string error;
    do {
      std::array<char, 4096> plaintext;
      if (SSL_do_handshake(ssl_.get()) == 1) SSL_read(ssl_.get(), plaintext.data(), 4096);
      const char* reason = ERR_reason_error_string(ERR_peek_error());
      if (error.empty() && reason != nullptr) error = reason;
      ERR_clear_error();
      while (!outgoing_.empty()) {
        const Datagram datagram = std::move(outgoing_.front());
        outgoing_.pop_front();
        to_server(datagram);
      }
    } while (!incoming_.empty());
    return error;
  }

  SSL* ssl() { return ssl_.get(); }
  DtlsSession* server() { return server_.get(); }

 private:
  void to_server(const Datagram& datagram) {
    if (server_ == nullptr) {
      std::array<uint8_t, DtlsListener::kAnswerSize> out;
      auto hello = listener_.on_client_hello(datagram, kAlice, out, morning());
      if (const Bytes* answer = std::get_if<Bytes>(&hello))
        incoming_.emplace_back(answer->begin(), answer->end());
      if (auto* session = std::get_if<std::unique_ptr<DtlsSession>>(&hello))
        server_ = std::move(*session);
    } else {
      hears(*server_, datagram);
    }
    if (server_ == nullptr) return;
    for (Datagram answer; !(answer = next_datagram(*server_)).empty();) incoming_.push_back(answer);
  }

  DtlsListener listener_{server_context(), morning()};
  std::unique_ptr<DtlsSession> server_;
  std::deque<Datagram> incoming_;
  std::deque<Datagram> outgoing_;
  SslContextHandle context_;
  SslHandle ssl_;
};

TEST(DtlsHostile, Version10IsRefused) {
  RawDtlsClient client(DTLS1_VERSION);
  client.settle();
  EXPECT_NE(SSL_is_init_finished(client.ssl()), 1);
  EXPECT_TRUE(client.server() == nullptr || client.server()->state() == TlsState::failed);
}

TEST(DtlsHostile, RenegotiationIsRefused) {
  RawDtlsClient client(DTLS1_2_VERSION);
  client.settle();
  ASSERT_NE(client.server(), nullptr);
  ASSERT_TRUE(client.server()->is_open()) << client.server()->failure();
  ASSERT_EQ(SSL_is_init_finished(client.ssl()), 1);

  ASSERT_EQ(SSL_renegotiate(client.ssl()), 1);
  EXPECT_EQ(client.settle(), "no renegotiation") << "the alert that refuses it";
  EXPECT_NE(SSL_is_init_finished(client.ssl()), 1) << "the new handshake was never answered";
  // A warning would have let it go on; OpenSSL's client takes it for the end and says so.
  EXPECT_EQ(client.server()->failure(), "sslv3 alert handshake failure");
}

}  // namespace
}  // namespace uturn
