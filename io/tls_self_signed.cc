// A certificate of one's own making, for the quick start.
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <array>

#include "io/tls_certificate.h"

namespace uturn {
namespace {

constexpr auto kValidity = std::chrono::hours(24 * 30);
constexpr auto kClockDifference = std::chrono::hours(1);

std::string text_in(BIO* bio) {
  char* start = nullptr;
  const long size = BIO_get_mem_data(bio, &start);
  return {start, static_cast<size_t>(size)};
}

/// RFC 5280, Section 4.1.2.2: positive, at most 20 octets, and nobody guesses it.
void set_serial(X509* certificate) {
  std::array<uint8_t, 16> bytes{};
  CHECK(RAND_bytes(bytes.data(), bytes.size()) == 1);
  bytes[0] = static_cast<uint8_t>((bytes[0] & 0x7F) | 0x40);
  BIGNUM* number = BN_bin2bn(bytes.data(), bytes.size(), nullptr);
  CHECK(number != nullptr);
  CHECK(BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != nullptr);
  BN_free(number);
}

void set_times(X509* certificate, Now now) {
  const time_t start = (now.calendar - kClockDifference).time_since_epoch().count();
  const time_t end = (now.calendar + kValidity).time_since_epoch().count();
  CHECK(ASN1_TIME_set(X509_getm_notBefore(certificate), start) != nullptr);
  CHECK(ASN1_TIME_set(X509_getm_notAfter(certificate), end) != nullptr);
}

void set_names(X509* certificate, const std::vector<std::string>& names,
               const std::vector<IpAddress>& addresses) {
  GENERAL_NAMES* all = GENERAL_NAMES_new();
  CHECK(all != nullptr);
  const auto add = [all](int type, ASN1_STRING* value, Bytes bytes) {
    GENERAL_NAME* name = GENERAL_NAME_new();
    CHECK(name != nullptr && value != nullptr);
    CHECK(ASN1_STRING_set(value, bytes.data(), static_cast<int>(bytes.size())) == 1);
    GENERAL_NAME_set0_value(name, type, value);
    CHECK(sk_GENERAL_NAME_push(all, name) > 0);
  };
  for (const std::string& name : names) add(GEN_DNS, ASN1_IA5STRING_new(), bytes_of(name));
  for (const IpAddress& ip : addresses) add(GEN_IPADD, ASN1_OCTET_STRING_new(), ip.bytes());
  CHECK(X509_add1_ext_i2d(certificate, NID_subject_alt_name, all, 0, 0) == 1);
  GENERAL_NAMES_free(all);

  const std::string common_name = names.empty() ? addresses.front().to_string() : names.front();
  X509_NAME* subject = X509_get_subject_name(certificate);
  // A common name has at most 64 characters; what is longer stands in the subjectAltName only.
  const std::string shown = common_name.size() <= 64 ? common_name : "uturn";
  CHECK(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                                   reinterpret_cast<const unsigned char*>(shown.c_str()), -1, -1,
                                   0) == 1);
  CHECK(X509_set_issuer_name(certificate, subject) == 1);
}

}  // namespace

TlsCertificateSource make_self_signed(const std::vector<std::string>& names,
                                      const std::vector<IpAddress>& addresses, Now now) {
  CHECK(!names.empty() || !addresses.empty());
  const PrivateKeyHandle key{EVP_EC_gen("P-256")};
  const X509Handle certificate{X509_new()};
  CHECK(key != nullptr && certificate != nullptr);

  CHECK(X509_set_version(certificate.get(), X509_VERSION_3) == 1);
  set_serial(certificate.get());
  set_times(certificate.get(), now);
  set_names(certificate.get(), names, addresses);
  CHECK(X509_set_pubkey(certificate.get(), key.get()) == 1);
  CHECK(X509_sign(certificate.get(), key.get(), EVP_sha256()) > 0);

  const BioHandle certificate_text{BIO_new(BIO_s_mem())};
  const BioHandle key_text{BIO_new(BIO_s_secmem())};  // wiped when it is freed
  CHECK(PEM_write_bio_X509(certificate_text.get(), certificate.get()) == 1);
  CHECK(PEM_write_bio_PrivateKey(key_text.get(), key.get(), nullptr, nullptr, 0, nullptr,
                                 nullptr) == 1);
  return {{}, {}, text_in(certificate_text.get()), text_in(key_text.get())};
}

}  // namespace uturn
