// `uturn check FILE`.
#include "server/check.h"

#include <algorithm>
#include <chrono>
#include <ostream>

#include "server/authentication.h"
#include "server/config_checks.h"
#include "server/config_print.h"
#include "server/config_yaml.h"
#include "server/tls_checks.h"

namespace uturn {
namespace {

/// What the real authenticator would announce: the rule lives there, once.
SecurityFeatures announced_by(const Config& config, const std::string& realm) {
  return make_authenticator(config, realm, {NonceKey{}})->features();
}

/// Users of a realm, and the key that names them.
struct NamedUsers {
  std::string key;
  const std::map<std::string, StaticUser>& users;
};
std::vector<NamedUsers> users_of(const Config& config, const std::string& realm) {
  std::vector<NamedUsers> all;
  if (realm == config.server.realm) all.push_back({"auth.users", config.auth.users});
  const auto more = config.realms.find(realm);
  if (more != config.realms.end()) {
    all.push_back({"realms." + printable(realm) + ".users", more->second.users});
  }
  return all;
}

std::string first_user_with_md5_only(const Config& config, const std::string& realm) {
  for (const auto& [key, users] : users_of(config, realm)) {
    for (const auto& [name, user] : users) {
      const bool has_sha256 =
          !user.password.empty() ||
          std::ranges::count(user.keys, PasswordAlgorithm::sha256, &Key::algorithm) > 0;
      if (!has_sha256) return key + "." + name;
    }
  }
  return {};
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

AskedDatabase::AskedDatabase(const Config& config) {
  const auto url = DatabaseUrl::parse(config.auth.database.reveal());
  if (!url) return;
  url_ = *url;
  auto store = connect_store(*url, {.timeout = config.auth.directory.timeout});
  if (store) {
    store_ = *std::move(store);
  } else {
    why_not_ = " cannot be asked (" + printable(store.error().said) + ")";
  }
}

std::optional<std::string> AskedDatabase::why_md5_only(const std::string& realm) {
  if (!url_) return std::nullopt;
  if (!store_) return url_->to_string() + why_not_;
  const auto has_all = store_->has_sha256_of_all(realm);
  if (!has_all) {
    return url_->to_string() + " cannot be read (" + printable(has_all.error().said) + ")";
  }
  if (*has_all) return std::nullopt;
  return "users in " + url_->to_string() + " have no SHA-256 key" +
         (url_->kind == DatabaseKind::redis ? "" : " (uturn user add gives one)");
}

std::vector<std::string> AskedDatabase::further_realms(const Config& config) {
  std::vector<std::string> names;
  if (!store_) return names;
  const auto settings = store_->read_settings();
  if (!settings) return names;
  for (const std::string& name : realms_named_by(*settings)) {
    const bool is_known =
        name.empty() || name == config.server.realm || config.realms.contains(name);
    if (!is_known) names.push_back(name);
  }
  return names;
}

std::string explain_algorithms(const Config& config, const std::string& realm,
                               AskedDatabase& database) {
  if (!config.auth.required) return "password algorithms: none, everybody is accepted";
  if (!config.auth.webhook.url.empty()) {
    return "password algorithms: MD5 only, since nobody knows which keys auth.webhook will give";
  }
  const bool can_by_itself = announced_by(config, realm).sha256;
  if (const auto why_not = can_by_itself ? database.why_md5_only(realm) : std::nullopt) {
    return "password algorithms: MD5 only, since " + *why_not;
  }
  if (can_by_itself) {
    return "password algorithms: SHA-256 and MD5, every source can produce both";
  }
  return "password algorithms: MD5 only, since " + first_user_with_md5_only(config, realm) +
         " has no SHA-256 key";
}

std::string explain_anonymity(const Config& config, const std::string& realm) {
  if (!config.auth.username_anonymity) {
    return "username anonymity: not announced, auth.username_anonymity is false";
  }
  if (!config.auth.database.empty() || !config.auth.webhook.url.empty()) {
    return "username anonymity: not announced, a database would have to be read as a whole for it";
  }
  if (announced_by(config, realm).username_anonymity) return "username anonymity: announced";
  return "username anonymity: not announced, the names of TURN REST users cannot be enumerated";
}

std::string explain_sources(const Config& config, const std::string& realm) {
  if (!config.auth.required) return "users: everybody, nobody is asked who they are";
  std::string text = "users:";
  const auto then = [&text](const std::string& source) {
    text += (text.ends_with(':') ? " " : ", then ") + source;
  };
  for (const auto& [key, users] : users_of(config, realm)) {
    if (!users.empty()) then(std::to_string(users.size()) + " in " + key);
  }
  if (const size_t count = secrets_of(config, realm).secrets.size(); count > 0) {
    then("TURN REST names by " + std::to_string(count) + (count == 1 ? " secret" : " secrets"));
  }
  if (const auto url = DatabaseUrl::parse(config.auth.database.reveal())) {
    then("those of " + url->to_string() + ", and TURN REST names by its secrets");
  }
  if (!config.auth.webhook.url.empty()) then("those of auth.webhook");
  if (const size_t count = token_keys_of(config, realm).size(); count > 0) {
    then("access tokens by " + std::to_string(count) + (count == 1 ? " key" : " keys"));
  }
  if (text.ends_with(':')) text += " none";
  return text + ", in realm " + realm;
}

std::string explain_peers(const Config& config, const std::string& realm) {
  const auto found = config.realms.find(realm);
  if (found == config.realms.end()) return {};
  const PeerConfig& peers = found->second.peers;
  std::string text;
  const auto add = [&text](std::string_view word, const std::vector<AddressRange>& ranges) {
    if (ranges.empty()) return;
    text += (text.empty() ? "" : "; ") + std::string(word);
    for (size_t i = 0; i < ranges.size(); ++i)
      text += (i == 0 ? " " : ", ") + ranges[i].to_string();
  };
  add("allows", peers.allow);
  add("denies", peers.deny);
  return text.empty() ? text : "peers: " + text + "; then as for everybody";
}

std::string explain_ways(const Config& config, const std::string& realm) {
  std::string text;
  for (const ListenerUri& listener : config.listeners) {
    if (listener.realm == realm) text += (text.empty() ? "" : ", ") + listener.to_string();
  }
  const auto found = config.realms.find(realm);
  if (found != config.realms.end()) {
    for (const std::string& origin : found->second.origins) {
      text += (text.empty() ? "" : ", ") + origin;
    }
  }
  return "ways there: " + (text.empty() ? "" : text + ", ") + "REALM where a request names it";
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

  AskedDatabase database(config);
  for (const std::string& realm : realm_names(config)) {
    const bool is_default = realm == config.server.realm;
    print_section(out, is_default ? "clients" : "realm " + printable(realm));
    print_indented(out, explain_sources(config, realm));
    print_indented(out, explain_algorithms(config, realm, database));
    print_indented(out, explain_anonymity(config, realm));
    if (!is_default) print_indented(out, explain_ways(config, realm));
    print_indented(out, explain_peers(config, realm));
  }
  const auto further = database.further_realms(config);
  if (!further.empty()) print_section(out, "realms that only the database names");
  for (const std::string& realm : further) print_indented(out, printable(realm));
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
