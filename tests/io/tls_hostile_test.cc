// Clients that no TLS library of ours would be: old versions, weak suites, renegotiation, lies
// about lengths. Driven by OpenSSL directly, without our settings.
#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>

#include "tests/io/openssl_memory.h"
#include "tests/io/tls_harness.h"

namespace uturn {
namespace {

/// A client with everything allowed.
class RawClient {
 public:
  explicit RawClient(int version, const char* ciphers = "ALL:COMPLEMENTOFALL:@SECLEVEL=0")
      : context_(SSL_CTX_new(TLS_client_method())) {
    SSL_CTX_set_min_proto_version(context_.get(), version);
    SSL_CTX_set_max_proto_version(context_.get(), version);
    EXPECT_EQ(SSL_CTX_set_cipher_list(context_.get(), ciphers), 1);
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(ssl_.get());
  }

  /// Handshakes, or whatever else it has begun, until both have nothing more to say. Returns the
  /// reason of the client's first error, empty where it had none.
  std::string settle(TlsSession& server) {
    std::string heard;
    std::string error;
    for (bool moved = true; moved;) {
      std::array<char, 4096> plaintext;
      if (SSL_do_handshake(ssl_.get()) == 1) SSL_read(ssl_.get(), plaintext.data(), 4096);
      const char* reason = ERR_reason_error_string(ERR_peek_error());
      if (error.empty() && reason != nullptr) error = reason;
      ERR_clear_error();
      moved = up(server, heard);
      const Bytes down = server.pending_ciphertext();
      if (!down.empty())
        BIO_write(SSL_get_rbio(ssl_.get()), down.data(), static_cast<int>(down.size()));
      moved = moved || !down.empty();
      server.sent(down.size());
    }
    return error;
  }

  SSL* ssl() { return ssl_.get(); }

 private:
  bool up(TlsSession& server, std::string& heard) {
    std::vector<uint8_t> bytes(64 * 1024);
    const int size =
        BIO_read(SSL_get_wbio(ssl_.get()), bytes.data(), static_cast<int>(bytes.size()));
    if (size <= 0) return false;
    server.feed(Bytes{bytes}.first(static_cast<size_t>(size)));
    std::vector<uint8_t> out(TlsSession::kMaxPlaintext);
    while (const size_t got = server.read(out)) heard += text_of({out.data(), got});
    return true;
  }

  SslContextHandle context_;
  SslHandle ssl_;
};

class TlsHostile : public testing::Test {
 protected:
  TlsBuffers buffers;
  std::unique_ptr<TlsSession> server = TlsSession::accept(server_context(), buffers);
  std::vector<uint8_t> out = std::vector<uint8_t>(TlsSession::kMaxPlaintext);

  static std::shared_ptr<const TlsContext> rsa_context() {
    return server_context(TlsSettings{.certificates = {rsa_certificate()}});
  }

  /// For suites that need one.
  static TlsCertificateSource rsa_certificate() {
    const PrivateKeyHandle key{EVP_RSA_gen(2048)};
    auto made = make_self_signed({"turn.example.org"}, {}, wall_clock());
    BIO* bio = BIO_new_mem_buf(made.certificate_pem.data(), -1);
    const X509Handle certificate{PEM_read_bio_X509(bio, nullptr, nullptr, nullptr)};
    BIO_free(bio);
    X509_set_pubkey(certificate.get(), key.get());
    X509_sign(certificate.get(), key.get(), EVP_sha256());
    made.certificate_pem = pem([&](BIO* to) { PEM_write_bio_X509(to, certificate.get()); });
    made.key_pem = pem([&](BIO* to) {
      PEM_write_bio_PrivateKey(to, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    });
    return made;
  }

 private:
  template <class Write>
  static std::string pem(Write write) {
    BIO* bio = BIO_new(BIO_s_mem());
    write(bio);
    char* start = nullptr;
    const long size = BIO_get_mem_data(bio, &start);
    std::string text(start, static_cast<size_t>(size));
    BIO_free(bio);
    return text;
  }
};

TEST_F(TlsHostile, Version11IsRefused) {
  for (const int version : {TLS1_VERSION, TLS1_1_VERSION}) {
    server = TlsSession::accept(server_context(), buffers);
    RawClient client(version);
    client.settle(*server);
    EXPECT_EQ(server->state(), TlsState::failed);
    EXPECT_EQ(server->failure(), "unsupported protocol");
    EXPECT_NE(SSL_is_init_finished(client.ssl()), 1);
  }
}

// RFC 8489, Section 6.2.3, and RFC 7350, Section 3.
TEST_F(TlsHostile, TheSuitesThatStunAsksForAreThere) {
  const auto context = rsa_context();
  for (const char* suite : {"DHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256"}) {
    server = TlsSession::accept(context, buffers);
    RawClient client(TLS1_2_VERSION, suite);
    client.settle(*server);
    EXPECT_TRUE(server->is_open()) << suite << ": " << server->failure();
    EXPECT_EQ(server->cipher(), suite);
    EXPECT_EQ(SSL_get_current_compression(client.ssl()), nullptr);
  }
}

TEST_F(TlsHostile, WeakSuitesAreRefused) {
  const auto context = rsa_context();
  for (const char* suite :
       {"AES128-SHA", "AES128-GCM-SHA256", "ECDHE-RSA-AES128-SHA", "ECDHE-RSA-AES128-SHA256",
        "NULL-SHA256:@SECLEVEL=0", "ADH-AES128-GCM-SHA256:@SECLEVEL=0"}) {
    server = TlsSession::accept(context, buffers);
    RawClient client(TLS1_2_VERSION, suite);
    client.settle(*server);
    EXPECT_EQ(server->failure(), "no shared cipher") << suite;
  }
}

// RSA beside ECDSA for the same names: the client's suites tell which it can check.
TEST_F(TlsHostile, TwoKindsOfKeyServeTheSameName) {
  const auto context = server_context(
      TlsSettings{.certificates = {make_self_signed({"turn.example.org"}, {}, wall_clock()),
                                   rsa_certificate()}});
  for (const char* suite : {"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256"}) {
    server = TlsSession::accept(context, buffers);
    RawClient client(TLS1_2_VERSION, suite);
    client.settle(*server);
    EXPECT_TRUE(server->is_open()) << suite << ": " << server->failure();
  }
}

TEST_F(TlsHostile, RenegotiationIsRefused) {
  RawClient client(TLS1_2_VERSION);
  client.settle(*server);
  ASSERT_TRUE(server->is_open()) << server->failure();
  const size_t before = openssl_memory_in_use();
  ASSERT_EQ(SSL_renegotiate(client.ssl()), 1);
  const std::string error = client.settle(*server);
  EXPECT_EQ(error, "no renegotiation") << "the alert that refuses it";
  EXPECT_NE(SSL_is_init_finished(client.ssl()), 1) << "the new handshake was never answered";
  EXPECT_LT(openssl_memory_in_use(), before + TlsSession::kHandshakeMemory);
}

// The first nine bytes of a ClientHello of 128 KiB would make OpenSSL provide for all of it.
TEST_F(TlsHostile, AHugeClientHelloIsRefusedByItsAnnouncedLength) {
  const std::array<uint8_t, 9> start{22, 3, 1, 0x40, 0, 1, 2, 0, 0};
  const size_t before = openssl_memory_in_use();
  for (const uint8_t byte : start) {
    server->feed(Bytes{&byte, 1});
    server->read(out);
  }
  EXPECT_EQ(server->state(), TlsState::failed);
  EXPECT_EQ(server->failure(), "handshake too long");
  EXPECT_LE(openssl_memory_in_use() - before, TlsSession::kHandshakeMemory);
}

TEST_F(TlsHostile, AHalfOpenHandshakeIsBounded) {
  const auto context = server_context();
  TlsSession::accept(context, buffers);  // what OpenSSL makes once
  const size_t before = openssl_memory_in_use();
  server = TlsSession::accept(context, buffers);
  // A ClientHello as long as may be, all but its last byte.
  std::vector<uint8_t> hello{22, 3, 1, 0x40, 0, 1, 0, 0x3F, 0xFC};
  hello.resize(5 + TlsHelloLimit::kMaxClientHello - 1);
  server->feed(hello);
  EXPECT_EQ(server->read(out), 0u);
  EXPECT_EQ(server->state(), TlsState::handshaking);
  EXPECT_LE(openssl_memory_in_use() - before, TlsSession::kHandshakeMemory);
}

TEST_F(TlsHostile, RecordsWithoutAnyMessageEnd) {
  std::vector<uint8_t> nothing;
  for (int i = 0; i < 10'000; ++i) nothing.insert(nothing.end(), {22, 3, 1, 0, 0});
  server->feed(nothing);
  EXPECT_EQ(server->read(out), 0u);
  EXPECT_EQ(server->state(), TlsState::failed);
}

// A peer that asks for new keys and never reads gets no more answers than the output holds.
TEST_F(TlsHostile, KeyUpdatesOfAClientThatDoesNotReadAreHeldBack) {
  RawClient client(TLS1_3_VERSION);
  client.settle(*server);
  ASSERT_TRUE(server->is_open()) << server->failure();
  std::vector<uint8_t> flood(1024 * 1024);
  size_t size = 0;
  for (int i = 0; i < 4'000; ++i) {
    ASSERT_EQ(SSL_key_update(client.ssl(), SSL_KEY_UPDATE_REQUESTED), 1);
    ASSERT_EQ(SSL_do_handshake(client.ssl()), 1);
    const int got = BIO_read(SSL_get_wbio(client.ssl()), flood.data() + size, 4'096);
    ASSERT_GT(got, 0);
    size += static_cast<size_t>(got);
  }
  server->feed(Bytes{flood}.first(size));
  while (server->read(out) != 0) {
  }
  EXPECT_LE(server->pending_ciphertext().size(), TlsBuffers::kOutputSize);
}

TEST(TlsHelloLimit, CountsOverRecordsAndPieces) {
  // Two records with one ClientHello of exactly the limit, in pieces of every size.
  std::vector<uint8_t> stream;
  const auto record = [&](size_t size) {
    stream.insert(stream.end(),
                  {22, 3, 1, static_cast<uint8_t>(size >> 8), static_cast<uint8_t>(size)});
  };
  record(4 + 10'000);
  stream.insert(stream.end(), {1, 0, 0x40, 0});
  stream.insert(stream.end(), 10'000, 0xAA);
  record(6'384);
  stream.insert(stream.end(), 6'384, 0xAA);
  record(4);
  stream.insert(stream.end(), {1, 0, 0x40, 1});  // and one that is too long
  for (const size_t piece : {1u, 2u, 3u, 7u, 1'000u, 100'000u}) {
    SCOPED_TRACE(piece);
    TlsHelloLimit limit;
    Bytes rest = stream;
    size_t admitted = 0;
    while (!rest.empty() && limit.admits(rest.first(std::min(piece, rest.size())))) {
      admitted += std::min(piece, rest.size());
      rest = rest.subspan(std::min(piece, rest.size()));
    }
    EXPECT_FALSE(rest.empty());
    EXPECT_EQ(admitted, (stream.size() - 1) / piece * piece);
  }
}

TEST(TlsHelloLimit, AHandshakeHasAnEnd) {
  TlsHelloLimit limit;
  const std::vector<uint8_t> change_cipher_spec{20, 3, 3, 0, 1, 1};
  size_t admitted = 0;
  while (limit.admits(change_cipher_spec)) admitted += change_cipher_spec.size();
  EXPECT_LE(admitted, TlsHelloLimit::kMaxHandshake);
}

}  // namespace
}  // namespace uturn
