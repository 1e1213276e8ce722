// `uturn check FILE`.
#include "server/check.h"

#include <algorithm>
#include <chrono>
#include <ostream>

#include "server/authentication.h"
#include "server/config_checks.h"
#include "server/config_print.h"
#include "server/config_yaml.h"
#include "server/directories/credential_store.h"
#include "server/tls_checks.h"

namespace uturn {
namespace {

/// What the real authenticator would announce: the rule lives there, once.
SecurityFeatures announced_by(const Config& config) {
  return make_authenticator(config, {NonceKey{}})->features();
}

std::string first_user_with_md5_only(const Config& config) {
  for (const auto& [name, user] : config.auth.users) {
    const bool has_sha256 =
        !user.password.empty() ||
        std::ranges::count(user.keys, PasswordAlgorithm::sha256, &Key::algorithm) > 0;
    if (!has_sha256) return name;
  }
  return {};
}

/// Asks the database, as the server will. Nothing where it can do SHA-256, or there is none.
std::optional<std::string> why_database_has_md5_only(const Config& config) {
  const auto url = DatabaseUrl::parse(config.auth.database.reveal());
  if (!url) return std::nullopt;
  const auto store = connect_store(*url, {.timeout = config.auth.directory.timeout});
  if (!store) {
    return url->to_string() + " cannot be asked (" + printable(store.error().said) + ")";
  }
  const auto has_all = (*store)->has_sha256_of_all(config.server.realm);
  if (!has_all) {
    return url->to_string() + " cannot be read (" + printable(has_all.error().said) + ")";
  }
  if (*has_all) return std::nullopt;
  return "users in " + url->to_string() + " have no SHA-256 key" +
         (url->kind == DatabaseKind::redis ? "" : " (uturn user add gives one)");
}

void print_section(std::ostream& out, std::string_view title) { out << "\n" << title << ":\n"; }

void print_indented(std::ostream& out, std::string_view lines) {
  while (!lines.empty()) {
    const size_t end = std::min(lines.find('\n'), lines.size());
    out << "  " << lines.substr(0, end) << "\n";
    lines.remove_prefix(std::min(end + 1, lines.size()));
  }
}

}  // namespace

std::string explain_algorithms(const Config& config) {
  if (!config.auth.required) return "password algorithms: none, everybody is accepted";
  if (!config.auth.webhook.url.empty()) {
    return "password algorithms: MD5 only, since nobody knows which keys auth.webhook will give";
  }
  const bool can_by_itself = announced_by(config).sha256;
  if (const auto why_not = can_by_itself ? why_database_has_md5_only(config) : std::nullopt) {
    return "password algorithms: MD5 only, since " + *why_not;
  }
  if (can_by_itself) {
    return "password algorithms: SHA-256 and MD5, every source can produce both";
  }
  return "password algorithms: MD5 only, since auth.users." + first_user_with_md5_only(config) +
         " has no SHA-256 key";
}

std::string explain_anonymity(const Config& config) {
  if (!config.auth.username_anonymity) {
    return "username anonymity: not announced, auth.username_anonymity is false";
  }
  if (!config.auth.database.empty() || !config.auth.webhook.url.empty()) {
    return "username anonymity: not announced, a database would have to be read as a whole for it";
  }
  if (announced_by(config).username_anonymity) return "username anonymity: announced";
  return "username anonymity: not announced, the names of TURN REST users cannot be enumerated";
}

std::string explain_sources(const Config& config) {
  if (!config.auth.required) return "users: everybody, nobody is asked who they are";
  std::string text = "users:";
  if (!config.auth.users.empty()) {
    text += " " + std::to_string(config.auth.users.size()) + " in auth.users";
  }
  if (!config.auth.secrets.empty()) {
    if (!config.auth.users.empty()) text += ", then";
    const size_t count = config.auth.secrets.size();
    text += " TURN REST names by " + std::to_string(count) + (count == 1 ? " secret" : " secrets");
  }
  if (const auto url = DatabaseUrl::parse(config.auth.database.reveal())) {
    if (!text.ends_with(':')) text += ", then";
    text += " those of " + url->to_string() + ", and TURN REST names by its secrets";
  }
  if (!config.auth.oauth.keys.empty()) {
    if (!text.ends_with(':')) text += ", then";
    const size_t count = config.auth.oauth.keys.size();
    text += " access tokens by " + std::to_string(count) + (count == 1 ? " key" : " keys");
  }
  return text + ", in realm " + config.server.realm;
}

int check_config_file(const std::string& path, const ValueSources& sources, std::ostream& out) {
  Config config;
  config.start.config_file = path;
  ConfigReader reader(config, sources);
  read_config_file(path, reader);

  ConfigProblems problems = reader.problems();
  if (problems.empty()) {
    for (ConfigProblem& problem : find_contradictions(config))
      problems.push_back(std::move(problem));
  }
  out << path << ": " << (problems.empty() ? "would be served" : "would not be served") << "\n";
  if (!problems.empty()) {
    print_section(out, "wrong");
    for (const ConfigProblem& problem : problems) print_indented(out, problem.to_string());
  }
  print_section(out, "keys used");
  for (const std::string& key : reader.used()) print_indented(out, key);
  if (!problems.empty()) return 2;

  print_section(out, "clients");
  print_indented(out, explain_sources(config));
  print_indented(out, explain_algorithms(config));
  print_indented(out, explain_anonymity(config));
  const auto certificates = explain_certificates(config.tls);
  if (!certificates.empty()) print_section(out, "certificates");
  for (const std::string& certificate : certificates) print_indented(out, certificate);
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  const auto warnings = find_warnings(config, now);
  if (!warnings.empty()) print_section(out, "warnings");
  for (const std::string& warning : warnings) print_indented(out, warning);
  print_section(out, "effective settings");
  print_indented(out, print_config(config));
  return 0;
}

}  // namespace uturn
