// Certificates: PEM files read whole, parsed, checked against their keys.
#include "io/tls_certificate.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "io/file_access.h"

namespace uturn {
namespace {

constexpr size_t kLargestFile = 1024 * 1024;

Result<std::string, std::string> read_pem(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return Failure{explain_file_error(path, errno)};
  std::string text;
  std::array<char, 16 * 1024> piece;
  ssize_t got = 0;
  while (text.size() <= kLargestFile && (got = ::read(file, piece.data(), piece.size())) > 0)
    text.append(piece.data(), static_cast<size_t>(got));
  const int error = errno;
  ::close(file);
  if (got < 0) return Failure{explain_file_error(path, error)};
  if (text.size() > kLargestFile) return Failure{path + ": too large for PEM (over 1 MiB)"};
  return text;
}

BioHandle bio_of(std::string_view text) {
  BioHandle bio{BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))};
  CHECK(bio != nullptr);
  return bio;
}

/// Nobody is asked for a passphrase: a server starts alone.
int refuse_passphrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* was_asked) {
  *static_cast<bool*>(was_asked) = true;
  return -1;
}

/// Why OpenSSL failed, by the last error it queued, and the queue emptied.
std::string last_reason() {
  const unsigned long error = ERR_peek_last_error();
  ERR_clear_error();
  const char* reason = ERR_reason_error_string(error);
  return reason != nullptr ? reason : "unknown error " + std::to_string(error);
}

/// The first certificate is the server's own, the others stand above it.
std::string parse_certificates(std::string_view pem, TlsCertificate& out) {
  const BioHandle bio = bio_of(pem);
  out.certificate.reset(PEM_read_bio_X509_AUX(bio.get(), nullptr, nullptr, nullptr));
  if (out.certificate == nullptr) {
    const bool is_none = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    const std::string reason = last_reason();
    return is_none ? "holds no certificate in PEM form" : "holds a broken certificate: " + reason;
  }
  out.chain.reset(sk_X509_new_null());
  CHECK(out.chain != nullptr);
  while (X509* above = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr))
    CHECK(sk_X509_push(out.chain.get(), above) > 0);
  const bool is_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  const std::string reason = last_reason();
  return is_end ? "" : "holds a broken certificate behind its first: " + reason;
}

std::string parse_key(std::string_view pem, TlsCertificate& out) {
  bool is_encrypted = false;
  const BioHandle bio = bio_of(pem);
  out.key.reset(PEM_read_bio_PrivateKey(bio.get(), nullptr, refuse_passphrase, &is_encrypted));
  if (out.key != nullptr) return "";
  const bool is_none = pem.find("PRIVATE KEY-----") == std::string_view::npos;
  const std::string reason = last_reason();
  if (is_encrypted) return "is encrypted, and there is nobody to ask for its passphrase";
  return is_none ? "holds no private key in PEM form" : "holds a broken private key: " + reason;
}

std::string lower(std::string_view text) {
  std::string lowered(text);
  for (char& letter : lowered)
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
  return lowered;
}

std::vector<std::string> dns_names_of(const X509* certificate) {
  std::vector<std::string> names;
  auto* all = static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(all); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(all, i);
    if (name->type != GEN_DNS) continue;
    const ASN1_STRING* text = name->d.dNSName;
    names.push_back(lower({reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                           static_cast<size_t>(ASN1_STRING_length(text))}));
  }
  GENERAL_NAMES_free(all);
  return names;
}

CalendarTime calendar_time(const ASN1_TIME* time) {
  static ASN1_TIME* const kEpoch = ASN1_TIME_set(nullptr, 0);
  int days = 0;
  int seconds = 0;
  if (ASN1_TIME_diff(&days, &seconds, kEpoch, time) != 1) return CalendarTime{};
  return CalendarTime{} + std::chrono::hours(24) * days + std::chrono::seconds(seconds);
}

std::string subject_of(const X509* certificate) {
  BIO* bio = BIO_new(BIO_s_mem());
  X509_NAME_print_ex(bio, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio, &text);
  std::string subject{text, static_cast<size_t>(size)};
  BIO_free(bio);
  return subject;
}

TlsCertificateFacts facts_of(const X509* certificate, std::string origin) {
  return {std::move(origin), dns_names_of(certificate),
          calendar_time(X509_get0_notBefore(certificate)),
          calendar_time(X509_get0_notAfter(certificate)), subject_of(certificate)};
}

}  // namespace

std::optional<TlsCertificateFacts> peer_certificate_of(const ssl_st* session) {
  const X509* certificate = SSL_get0_peer_certificate(session);
  if (certificate == nullptr) return std::nullopt;
  return facts_of(certificate, "the other side");
}

Result<TlsCertificate, std::string> read_certificate(const TlsCertificateSource& source) {
  ERR_clear_error();
  const bool has_files = !source.certificate_file.empty();
  const std::string certificate_origin = has_files ? source.certificate_file : "made at start";
  const std::string key_origin = has_files ? source.key_file : "made at start";
  auto certificate_pem = has_files ? read_pem(source.certificate_file) : source.certificate_pem;
  if (!certificate_pem) return Failure{"certificate " + certificate_pem.error()};

  TlsCertificate read;
  if (const std::string wrong = parse_certificates(*certificate_pem, read); !wrong.empty())
    return Failure{"certificate " + certificate_origin + ": " + wrong};

  auto key_pem = has_files ? read_pem(source.key_file) : source.key_pem;
  if (!key_pem) return Failure{"private key " + key_pem.error()};
  const std::string wrong = parse_key(*key_pem, read);
  OPENSSL_cleanse(key_pem->data(), key_pem->size());
  if (!wrong.empty()) return Failure{"private key " + key_origin + ": " + wrong};

  if (X509_check_private_key(read.certificate.get(), read.key.get()) != 1) {
    ERR_clear_error();
    return Failure{"private key " + key_origin + ": does not belong to certificate " +
                   certificate_origin};
  }
  read.facts = facts_of(read.certificate.get(), certificate_origin);
  return read;
}

bool name_matches(std::string_view certificate_name, std::string_view host) {
  if (host.ends_with('.')) host.remove_suffix(1);
  const std::string asked = lower(host);
  const std::string named = lower(certificate_name);
  if (asked.empty()) return false;
  if (!named.starts_with("*.")) return named == asked;
  // The wildcard is the whole leftmost label and stands for exactly one; "*.org" for none at all.
  const size_t dot = asked.find('.');
  const std::string_view above = std::string_view{named}.substr(1);
  if (dot == std::string::npos || dot == 0 || above.find('.', 1) == std::string::npos) return false;
  return std::string_view{asked}.substr(dot) == above;
}

}  // namespace uturn
