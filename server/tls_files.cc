// Reading certificates and keys.
#include "server/tls_files.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>
#include <memory>
#include <optional>

#include "server/config_problem.h"
#include "server/file_access.h"
#include "server/value_sources.h"

namespace uturn {
namespace {

constexpr size_t kMaxPemBytes = 256 * 1024;
constexpr size_t kMaxChain = 16;

template <auto free>
struct Free {
  template <class T>
  void operator()(T* object) const {
    free(object);
  }
};
using Certificate = std::unique_ptr<X509, Free<X509_free>>;
using PrivateKey = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using MemoryBio = std::unique_ptr<BIO, Free<BIO_free>>;
using Names = std::unique_ptr<GENERAL_NAMES, Free<GENERAL_NAMES_free>>;
using Context = std::unique_ptr<SSL_CTX, Free<SSL_CTX_free>>;

Failure<TlsFileProblem> of_certificate(std::string sentence) {
  return Failure{TlsFileProblem{false, std::move(sentence)}};
}
Failure<TlsFileProblem> of_key(std::string sentence) {
  return Failure{TlsFileProblem{true, std::move(sentence)}};
}

Result<std::string, std::string> read_pem(const std::string& path) {
  auto text = read_small_file(path, kMaxPemBytes);
  if (text) return text;
  const std::string access = explain_access(path);
  return Failure{printable(access.empty() ? text.error() : text.error() + "; " + access)};
}

MemoryBio bio_of(const std::string& text) {
  return MemoryBio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

/// The certificate and its chain, in the order of the file.
Result<std::vector<Certificate>, std::string> read_chain(const std::string& path) {
  const auto text = read_pem(path);
  if (!text) return Failure{text.error()};
  const MemoryBio bio = bio_of(*text);
  std::vector<Certificate> chain;
  ERR_clear_error();
  while (chain.size() < kMaxChain) {
    Certificate next(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    if (!next) break;
    chain.push_back(std::move(next));
  }
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (chain.size() == kMaxChain) return Failure{path + " holds more than 15 certificates"};
  if (!at_end) {
    return Failure{path + ": certificate " + std::to_string(chain.size() + 1) +
                   " of it cannot be parsed"};
  }
  if (chain.empty()) return Failure{path + " holds no certificate in PEM form"};
  return chain;
}

/// Without it OpenSSL would ask the terminal. A start that waits for somebody is no start.
int refuse_password(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

Result<PrivateKey, std::string> read_key(const std::string& path) {
  auto text = read_pem(path);
  if (!text) return Failure{text.error()};
  const MemoryBio bio = bio_of(*text);
  bool is_encrypted = false;
  PrivateKey key(PEM_read_bio_PrivateKey(bio.get(), nullptr, refuse_password, &is_encrypted));
  OPENSSL_cleanse(text->data(), text->size());
  ERR_clear_error();
  if (key) return key;
  if (is_encrypted)
    return Failure{path + " is encrypted, and nobody is there to ask for its password"};
  return Failure{path + " holds no private key in PEM form"};
}

std::string last_openssl_reason() {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  return reason != nullptr ? reason : "no reason given";
}

std::optional<CalendarTime> calendar_time(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return std::nullopt;
  return CalendarTime{std::chrono::seconds(::timegm(&parts))};
}

std::string name_text(const GENERAL_NAME& name) {
  const auto bytes_of = [](const ASN1_STRING* string) {
    return std::span(ASN1_STRING_get0_data(string),
                     static_cast<size_t>(ASN1_STRING_length(string)));
  };
  if (name.type == GEN_DNS) {
    const auto text = bytes_of(name.d.dNSName);
    return printable({reinterpret_cast<const char*>(text.data()), text.size()});
  }
  if (name.type != GEN_IPADD) return {};
  const auto bytes = bytes_of(name.d.iPAddress);
  if (bytes.size() == 4) return IpAddress::v4(bytes.first<4>()).to_string();
  if (bytes.size() == 16) return IpAddress::v6(bytes.first<16>()).to_string();
  return {};
}

std::vector<std::string> names_of(const X509& certificate) {
  std::vector<std::string> texts;
  const Names names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    std::string text = name_text(*sk_GENERAL_NAME_value(names.get(), i));
    if (!text.empty()) texts.push_back(std::move(text));
  }
  return texts;
}

}  // namespace

Result<CertificateSummary, TlsFileProblem> check_certificate_files(const CertificateFiles& files) {
  auto chain = read_chain(files.certificate);
  if (!chain) return of_certificate(chain.error());
  auto key = read_key(files.key);
  if (!key) return of_key(key.error());

  const auto is_of_key = [&](const Certificate& certificate) {
    return X509_check_private_key(certificate.get(), key->get()) == 1;
  };
  if (!is_of_key(chain->front())) {
    ERR_clear_error();
    if (std::ranges::any_of(*chain, is_of_key)) {
      return of_certificate(files.certificate + ": the key's own certificate must stand first");
    }
    return of_key(files.key + " is not the key of the certificate in " + files.certificate);
  }
  // The security level of the system's OpenSSL: short keys and old signatures are refused here.
  const Context context(SSL_CTX_new(TLS_server_method()));
  CHECK(context != nullptr);
  if (SSL_CTX_use_certificate(context.get(), chain->front().get()) != 1) {
    return of_certificate(files.certificate + " is refused by OpenSSL: " + last_openssl_reason());
  }

  CertificateSummary summary{names_of(*chain->front()), CalendarTime::min(), CalendarTime::max()};
  for (const Certificate& certificate : *chain) {
    const auto from = calendar_time(X509_get0_notBefore(certificate.get()));
    const auto to = calendar_time(X509_get0_notAfter(certificate.get()));
    if (!from || !to) return of_certificate(files.certificate + " has no time of expiry");
    summary.not_before = std::max(summary.not_before, *from);
    summary.not_after = std::min(summary.not_after, *to);
  }
  return summary;
}

}  // namespace uturn
