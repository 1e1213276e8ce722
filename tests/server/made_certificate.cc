// Makes certificates and keys by OpenSSL.
#include "tests/server/made_certificate.h"

#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "protocol/bytes.h"

namespace uturn {
namespace {

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<size_t>(size));
  BIO_free(bio);
  return text;
}

}  // namespace

TestKey make_ec_key() { return {EVP_EC_gen("P-256"), EVP_PKEY_free}; }

TestKey make_rsa_key(int bits) { return {EVP_RSA_gen(static_cast<unsigned>(bits)), EVP_PKEY_free}; }

std::string make_certificate(const TestKey& key, const CertificateWish& wish) {
  X509* certificate = X509_new();
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  ASN1_TIME_set(X509_getm_notBefore(certificate), wish.not_before.time_since_epoch().count());
  ASN1_TIME_set(X509_getm_notAfter(certificate), wish.not_after.time_since_epoch().count());
  X509_NAME* name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>("test"), -1, -1, 0);
  X509_set_issuer_name(certificate, name);
  X509_set_pubkey(certificate, key.get());
  if (!wish.names.empty()) {
    X509_EXTENSION* names =
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, wish.names.c_str());
    X509_add_ext(certificate, names, -1);
    X509_EXTENSION_free(names);
  }
  CHECK(X509_sign(certificate, key.get(), EVP_sha256()) > 0);
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(bio, certificate);
  X509_free(certificate);
  return text_of(bio);
}

std::string private_key_pem(const TestKey& key, const std::string& password) {
  BIO* bio = BIO_new(BIO_s_mem());
  const EVP_CIPHER* cipher = password.empty() ? nullptr : EVP_aes_128_cbc();
  CHECK(PEM_write_bio_PKCS8PrivateKey(bio, key.get(), cipher, password.data(),
                                      static_cast<int>(password.size()), nullptr, nullptr) == 1);
  return text_of(bio);
}

}  // namespace uturn
