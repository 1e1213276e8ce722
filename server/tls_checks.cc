// What listeners, certificates and their keys must satisfy together.
#include "server/tls_checks.h"

#include <algorithm>
#include <ctime>

#include "server/file_access.h"
#include "server/tls_files.h"

namespace uturn {
namespace {

/// The keys that name these files.
struct CertificateKeys {
  CertificateFiles files;
  std::string certificate;
  std::string key;
};

std::vector<CertificateKeys> named_files(const TlsConfig& tls) {
  std::vector<CertificateKeys> named;
  if (!tls.main.certificate.empty() && !tls.main.key.empty()) {
    named.push_back({tls.main, "tls.certificate", "tls.key"});
  }
  for (size_t i = 0; i < tls.certificates.size(); ++i) {
    const std::string path = "tls.certificates[" + std::to_string(i + 1) + "]";
    named.push_back({tls.certificates[i], path + ".certificate", path + ".key"});
  }
  return named;
}

bool is_secure(Transport transport) {
  return transport == Transport::tls || transport == Transport::dtls;
}

void check_pair(const CertificateFiles& main, ConfigProblems& problems) {
  if (main.certificate.empty() == main.key.empty()) return;
  if (main.key.empty()) {
    problems.push_back({"", "tls.key", "tls.certificate needs its private key (--key FILE)"});
  } else {
    problems.push_back({"", "tls.certificate", "tls.key needs its certificate (--cert FILE)"});
  }
}

void warn_of_validity(const CertificateKeys& named, CalendarTime now,
                      std::vector<std::string>& warnings) {
  const auto summary = check_certificate_files(named.files);
  if (!summary) return;  // a problem, not a warning
  const std::string said = explain_validity(summary->not_before, summary->not_after, now);
  if (said.empty()) return;
  warnings.push_back(named.certificate + ": " + named.files.certificate + " " + said);
}

// Read once as root, and never again once root was given up.
void warn_of_access(const CertificateKeys& named, const Account& account,
                    std::vector<std::string>& warnings) {
  for (const auto& [key, file] : {std::pair{named.certificate, named.files.certificate},
                                  std::pair{named.key, named.files.key}}) {
    if (may_read(account, file)) continue;
    warnings.push_back(key + ": " + account.said + " (server.run_as) may not read " + file +
                       ", so that a renewed one takes a restart");
  }
}

}  // namespace

std::string date_text(CalendarTime time) {
  const std::time_t seconds = time.time_since_epoch().count();
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%d", &parts)};
}

std::string explain_validity(CalendarTime valid_from, CalendarTime valid_until, CalendarTime now) {
  if (valid_until <= now) {
    return "expired on " + date_text(valid_until) + "; clients will refuse it";
  }
  if (valid_from > now) {
    return "is valid only from " + date_text(valid_from) + "; clients will refuse it until then";
  }
  if (valid_until - now <= kExpiryNotice) return "expires on " + date_text(valid_until);
  return {};
}

bool needs_certificate(const Config& config) {
  return std::ranges::any_of(config.listeners, is_secure, &ListenerUri::transport);
}

ConfigProblems find_tls_problems(const Config& config) {
  ConfigProblems problems;
  check_pair(config.tls.main, problems);
  const bool has_one = !config.tls.all().empty() || config.start.certificate_generated;
  for (const ListenerUri& listener : config.listeners) {
    if (has_one || !is_secure(listener.transport)) continue;
    problems.push_back(
        {"", "listeners",
         listener.to_string() + " needs tls.certificate and tls.key (--cert FILE --key FILE)"});
  }
  for (const CertificateKeys& named : named_files(config.tls)) {
    const auto summary = check_certificate_files(named.files);
    if (summary) continue;
    const TlsFileProblem& problem = summary.error();
    problems.push_back(
        {"", problem.is_about_key ? named.key : named.certificate, problem.sentence});
  }
  return problems;
}

std::vector<std::string> find_tls_warnings(const Config& config, std::optional<CalendarTime> now) {
  std::vector<std::string> warnings;
  const auto account = find_account_or_nobody(config.server.run_as);
  for (const CertificateKeys& named : named_files(config.tls)) {
    if (now) warn_of_validity(named, *now, warnings);
    if (is_root() && account) warn_of_access(named, *account, warnings);
  }
  const bool has_dtls =
      std::ranges::count(config.listeners, Transport::dtls, &ListenerUri::transport) > 0;
  if (has_dtls && config.tls.minimum_version == TlsVersion::tls1_3) {
    warnings.emplace_back("tls.minimum_version is 1.3: DTLS listeners speak 1.2 all the same");
  }
  return warnings;
}

std::string certified_name(const TlsConfig& tls) {
  const auto files = tls.all();
  if (files.empty()) return {};
  const auto summary = check_certificate_files(files.front());
  if (!summary) return {};
  for (const std::string& name : summary->names) {
    if (!name.starts_with('*') && !IpAddress::parse(name)) return name;
  }
  return {};
}

std::vector<std::string> explain_certificates(const TlsConfig& tls) {
  std::vector<std::string> lines;
  for (const CertificateKeys& named : named_files(tls)) {
    const auto summary = check_certificate_files(named.files);
    if (!summary) continue;
    std::string names;
    for (const std::string& name : summary->names) names += (names.empty() ? "" : ", ") + name;
    if (names.empty()) names = "nobody (no subjectAltName)";
    lines.push_back(named.files.certificate + ": for " + names + ", until " +
                    date_text(summary->not_after));
  }
  return lines;
}

}  // namespace uturn
