// Certificates made for a test: names, validity and key of its choice, in PEM form.
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

#include "protocol/time.h"

namespace uturn {

using TestKey = std::shared_ptr<EVP_PKEY>;
TestKey make_ec_key();
TestKey make_rsa_key(int bits);

struct CertificateWish {
  std::string names = "DNS:turn.example.org";  ///< of subjectAltName; empty: none
  CalendarTime not_before{std::chrono::seconds(1'700'000'000)};
  CalendarTime not_after{std::chrono::seconds(4'000'000'000)};
};

/// Self-signed, for a key.
std::string make_certificate(const TestKey& key, const CertificateWish& wish = {});
/// Encrypted where there is a password.
std::string private_key_pem(const TestKey& key, const std::string& password = {});

}  // namespace uturn
