// Handles: OpenSSL's objects, owned. Its headers stay out of ours.
#pragma once

#include <memory>

// As OpenSSL's own headers declare them.
struct ssl_st;
struct ssl_ctx_st;
struct ssl_session_st;
struct x509_st;
struct stack_st_X509;
struct evp_pkey_st;
struct bio_st;

namespace uturn {

struct FreeTlsObject {
  void operator()(ssl_st* session) const;
  void operator()(ssl_ctx_st* context) const;
  void operator()(ssl_session_st* ticket) const;
  void operator()(x509_st* certificate) const;
  void operator()(stack_st_X509* certificates) const;
  void operator()(evp_pkey_st* key) const;
  void operator()(bio_st* bio) const;
};

using SslHandle = std::unique_ptr<ssl_st, FreeTlsObject>;
using SslContextHandle = std::unique_ptr<ssl_ctx_st, FreeTlsObject>;
using X509Handle = std::unique_ptr<x509_st, FreeTlsObject>;
using X509ChainHandle = std::unique_ptr<stack_st_X509, FreeTlsObject>;
using PrivateKeyHandle = std::unique_ptr<evp_pkey_st, FreeTlsObject>;
using BioHandle = std::unique_ptr<bio_st, FreeTlsObject>;
/// What a client resumes a session with; null where it has none.
using TlsTicket = std::unique_ptr<ssl_session_st, FreeTlsObject>;

}  // namespace uturn
