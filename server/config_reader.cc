// ConfigReader: walks the tree of settings along the table of keys.
#include "server/config_reader.h"

#include <algorithm>

#include "auth/opaque_string.h"
#include "server/config_texts.h"

namespace uturn {
namespace {

constexpr size_t kMaxUsers = 20'000;
constexpr size_t kMaxCertificates = 64;

std::string found(const Setting& value) {
  switch (value.kind) {
    case Setting::Kind::nothing:
      return "found nothing";
    case Setting::Kind::list:
      return "found a list";
    case Setting::Kind::map:
      return "found a map";
    case Setting::Kind::text:
      break;
  }
  return "found '" + printable(value.text) + "'";
}

}  // namespace

void ConfigReader::read_file(const Setting& root, std::string_view file_name) {
  origin_ = file_name;
  from_flag_ = false;
  if (root.kind != Setting::Kind::map) {
    refuse("", root, "expected a map of sections, " + found(root));
    return;
  }
  read_section("", root);
}

void ConfigReader::read_flag(std::string_view path, const Setting& value, std::string_view flag) {
  origin_ = flag;
  from_flag_ = true;
  read(std::string(path), value);
}

void ConfigReader::add_problem(ConfigProblem problem) {
  if (problems_.size() < kMaxProblems) problems_.push_back(std::move(problem));
}

void ConfigReader::read_section(const std::string& path, const Setting& section) {
  for (const auto& [name, value] : section.entries) {
    read(path.empty() ? name : path + "." + name, value);
  }
}

void ConfigReader::read(const std::string& path, const Setting& value) {
  if (const ConfigKey* key = find_config_key(path)) {
    read_key(*key, value);
  } else if (!is_config_section(path)) {
    refuse_unknown(path, value);
  } else if (value.kind == Setting::Kind::map) {
    read_section(path, value);
  } else if (value.kind != Setting::Kind::nothing) {
    refuse(path, value, "expected a map of its keys, " + found(value));
  }
}

void ConfigReader::read_key(const ConfigKey& key, const Setting& value) {
  const size_t before = problems_.size();
  switch (key.shape) {
    case ConfigKey::Shape::text:
      read_text(key, std::string(key.path), value);
      break;
    case ConfigKey::Shape::list:
      read_list(key, value);
      break;
    case ConfigKey::Shape::listeners:
      read_listeners(key, value);
      break;
    case ConfigKey::Shape::users:
      read_users(std::string(key.path), value, config_.auth.users);
      break;
    case ConfigKey::Shape::secrets:
      read_secrets(std::string(key.path), value, config_.auth.secrets, config_.auth.secret_classes);
      break;
    case ConfigKey::Shape::token_keys:
      read_token_keys(std::string(key.path), value, config_.auth.oauth.keys);
      break;
    case ConfigKey::Shape::classes:
      read_classes(value);
      break;
    case ConfigKey::Shape::certificates:
      read_certificates(value);
      break;
    case ConfigKey::Shape::api_keys:
      read_api_keys(value);
      break;
    case ConfigKey::Shape::realms:
      read_realms(value);
      break;
  }
  if (problems_.size() == before) used_.emplace_back(key.path);
}

void ConfigReader::read_text(const ConfigKey& key, const std::string& path, const Setting& value) {
  const auto text = expand(path, value);
  if (!text) return;
  auto misread = key.read(*text, config_);
  if (!misread) return;
  // What was written is shown, never what a variable or file held.
  if (!key.is_secret && misread->starts_with("expected")) *misread += "; " + found(value);
  refuse(path, value, *misread);
}

void ConfigReader::read_list(const ConfigKey& key, const Setting& value) {
  if (value.kind != Setting::Kind::list) {
    refuse(std::string(key.path), value, "expected a list, like [a, b]");
    return;
  }
  const bool has_auto = std::ranges::count(value.items, "auto", &Setting::text) > 0;
  if (has_auto && value.items.size() > 1) {
    refuse(std::string(key.path), value, "auto stands alone");
    return;
  }
  key.clear(config_);
  for (size_t i = 0; i < value.items.size(); ++i) {
    read_text(key, std::string(key.path) + "[" + std::to_string(i + 1) + "]", value.items[i]);
  }
}

void ConfigReader::read_listeners(const ConfigKey& key, const Setting& value) {
  const std::string path(key.path);
  if (value.kind != Setting::Kind::list) {
    refuse(path, value, "expected a list, like [a, b]");
    return;
  }
  key.clear(config_);
  for (size_t i = 0; i < value.items.size(); ++i) {
    const Setting& item = value.items[i];
    const std::string at = path + "[" + std::to_string(i + 1) + "]";
    if (item.kind != Setting::Kind::map) {
      read_text(key, at, item);
      continue;
    }
    const size_t before = config_.listeners.size();
    std::string realm;
    for (const auto& [part, given] : item.entries) {
      if (part == "uri") {
        read_text(key, at + ".uri", given);
      } else if (part == "realm") {
        const auto text = expand(at + ".realm", given);
        const auto misread = text ? read_realm(*text, realm) : std::nullopt;
        if (misread) refuse(at + ".realm", given, *misread);
      } else {
        refuse(at + "." + part, given, "unknown key; a listener has uri and realm");
      }
    }
    const bool has_uri = std::ranges::count(item.entries, "uri", &Setting::Entry::name) > 0;
    if (!has_uri) refuse(at, item, "expected a URI, or {uri: udp://ADDRESS:PORT, realm: NAME}");
    if (config_.listeners.size() > before) config_.listeners.back().realm = realm;
  }
}

void ConfigReader::read_users(const std::string& path, const Setting& value,
                              std::map<std::string, StaticUser>& to) {
  if (value.kind != Setting::Kind::map) {
    refuse(path, value, "expected a map, like {alice: {password: \"...\"}}");
    return;
  }
  if (value.entries.size() > kMaxUsers) {
    refuse(path, value, "more than 20000 users");
    return;
  }
  to.clear();
  for (const auto& [name, user] : value.entries) read_user(path, name, user, to);
}

void ConfigReader::read_user(const std::string& users, const std::string& name,
                             const Setting& value, std::map<std::string, StaticUser>& to) {
  const std::string path = users + "." + name;
  // RFC 8489, Section 14.3: fewer than 509 bytes.
  if (name.empty() || name.size() > 508 || name != printable(name)) {
    refuse(users, value, "expected names of 1 to 508 bytes without control characters");
    return;
  }
  const auto prepared = opaque_string(name);
  if (!prepared) {
    refuse(users, value, "expected names that OpaqueString allows (RFC 8265)");
    return;
  }
  StaticUser user;
  for (const auto& [part, given] : value.entries) {
    if (part == "password") {
      const auto password = expand(path + ".password", given);
      if (!password) return;
      auto allowed = opaque_string(*password);
      if (!allowed && !password->empty()) {
        refuse(path + ".password", given,
               "expected a password that OpaqueString allows (RFC 8265)");
        return;
      }
      user.password = Secret(std::move(allowed).value_or(std::string{}));
    } else if (part == "key") {
      const bool is_list = given.kind == Setting::Kind::list;
      for (const Setting& item : is_list ? given.items : std::vector<Setting>{given}) {
        const auto hex = expand(path + ".key", item);
        if (!hex) return;
        const auto key = Key::from_hex(*hex);
        if (!key) {
          refuse(path + ".key", item, "expected 32 hex digits (MD5) or 64 (SHA-256)");
          return;
        }
        const bool is_second = std::ranges::count(user.keys, key->algorithm(), &Key::algorithm) > 0;
        if (is_second) {
          refuse(path + ".key", item, "two keys of one password algorithm");
          return;
        }
        user.keys.push_back(*key);
      }
    } else if (part == "class") {
      auto name = expand(path + ".class", given);
      if (!name) return;
      user.credential_class = *std::move(name);
    } else {
      refuse(path + "." + part, given, "unknown key; a user has password or key, and class");
      return;
    }
  }
  if (user.password.empty() == user.keys.empty()) {
    refuse(path, value, "expected {password: \"...\"} or {key: 0x...}");
    return;
  }
  if (!to.insert_or_assign(*prepared, std::move(user)).second) {
    refuse(users, value, printable(name) + " is the same name as another once prepared");
  }
}

void ConfigReader::read_secrets(const std::string& path, const Setting& value,
                                std::vector<Secret>& to, std::vector<std::string>& classes) {
  if (value.kind != Setting::Kind::list) {
    refuse(path, value, "expected a list, like [a, b]");
    return;
  }
  to.clear();
  classes.clear();
  for (size_t i = 0; i < value.items.size(); ++i) {
    const std::string at = path + "[" + std::to_string(i + 1) + "]";
    const Setting& item = value.items[i];
    const size_t before = to.size();
    std::string credential_class;
    if (item.kind != Setting::Kind::map) {
      read_secret(at, item, to);
    } else {
      for (const auto& [part, given] : item.entries) {
        if (part == "secret") {
          read_secret(at + ".secret", given, to);
        } else if (part == "class") {
          credential_class = expand(at + ".class", given).value_or("");
        } else {
          refuse(at + "." + part, given, "unknown key; a secret has secret and class");
        }
      }
      const bool is_one = std::ranges::count(item.entries, "secret", &Setting::Entry::name) > 0;
      if (!is_one) refuse(at, item, "expected a secret, or {secret: \"...\", class: NAME}");
    }
    if (to.size() > before) classes.push_back(std::move(credential_class));
  }
}

void ConfigReader::read_secret(const std::string& path, const Setting& value,
                               std::vector<Secret>& to) {
  const auto text = expand(path, value);
  if (!text) return;
  if (const auto misread = uturn::read_secret(*text, to)) refuse(path, value, *misread);
}

void ConfigReader::read_token_keys(const std::string& path, const Setting& value,
                                   std::vector<TokenKey>& to) {
  constexpr size_t kMaxTokenKeys = 64;
  if (value.kind != Setting::Kind::list || value.items.size() > kMaxTokenKeys) {
    refuse(path, value, "expected a list of at most 64, like [{kid: a, key: \"...\"}]");
    return;
  }
  to.clear();
  for (size_t i = 0; i < value.items.size(); ++i) {
    read_token_key(path + "[" + std::to_string(i + 1) + "]", value.items[i], to);
  }
}

void ConfigReader::read_token_key(const std::string& path, const Setting& value,
                                  std::vector<TokenKey>& to) {
  TokenKey key;
  Secret text;
  const Setting* written = nullptr;
  for (const auto& [part, given] : value.entries) {
    auto content = expand(path + "." + part, given);
    if (!content) return;
    Misread misread;
    if (part == "kid") {
      key.kid = *content;
    } else if (part == "key") {
      text = Secret(*std::move(content));
      written = &given;
    } else if (part == "algorithm") {
      misread = read_word(*content, kTokenAlgorithmWords, key.algorithm);
    } else if (part == "not_before") {
      misread = read_calendar_time(*content, key.not_before);
    } else if (part == "expires") {
      misread = read_calendar_time(*content, key.expires_at);
    } else if (part == "class") {
      key.credential_class = *content;
    } else {
      misread = "unknown key; each has kid, key, algorithm, not_before, expires and class";
    }
    if (misread) {
      refuse(path + "." + part, given, *misread);
      return;
    }
  }
  if (key.kid.empty() || written == nullptr) {
    refuse(path, value, "expected {kid: NAME, key: \"...\"}");
    return;
  }
  if (const auto misread = uturn::read_token_key(text.reveal(), key)) {
    refuse(path + ".key", *written, *misread);
    return;
  }
  if (std::ranges::count(to, key.kid, &TokenKey::kid) > 0) {
    refuse(path, value, "its kid is given twice");
    return;
  }
  to.push_back(std::move(key));
}

void ConfigReader::read_classes(const Setting& value) {
  constexpr size_t kMaxClasses = 64;
  if (value.kind != Setting::Kind::map || value.entries.size() > kMaxClasses) {
    refuse("limits.classes", value, "expected a map of at most 64, like {guest: {time: 10m}}");
    return;
  }
  config_.quota.classes.clear();
  for (const auto& [name, limits] : value.entries) read_class(name, limits);
}

void ConfigReader::read_class(const std::string& name, const Setting& value) {
  const std::string path = "limits.classes." + name;
  CredentialClass limits;
  for (const auto& [part, given] : value.entries) {
    const auto text = expand(path + "." + part, given);
    if (!text) return;
    Misread misread;
    if (part == "allocations") {
      misread = read_count(*text, limits.allocations, 0, UINT32_MAX);
    } else if (part == "bandwidth") {
      misread = read_rate(*text, limits.bandwidth);
    } else if (part == "bandwidth_per_allocation") {
      misread = read_rate(*text, limits.bandwidth_per_allocation);
    } else if (part == "bytes") {
      misread = read_size(*text, limits.bytes, 0, UINT64_C(1) << 50);
    } else if (part == "time") {
      misread = read_seconds(*text, limits.time, 0s, 24h * 365);
    } else if (part == "every") {
      misread = read_seconds(*text, limits.every, 1s, 24h * 365);
    } else {
      misread =
          "unknown key; a class has allocations, bandwidth, bandwidth_per_allocation, bytes, "
          "time and every";
    }
    if (misread) {
      refuse(path + "." + part, given, *misread);
      return;
    }
  }
  config_.quota.classes.insert_or_assign(name, limits);
}

void ConfigReader::read_certificates(const Setting& value) {
  if (value.kind != Setting::Kind::list) {
    refuse("tls.certificates", value, "expected a list, like [{certificate: /a.pem, key: /a.key}]");
    return;
  }
  if (value.items.size() > kMaxCertificates) {
    refuse("tls.certificates", value, "more than 64 certificates");
    return;
  }
  config_.tls.certificates.clear();
  for (size_t i = 0; i < value.items.size(); ++i) {
    read_certificate("tls.certificates[" + std::to_string(i + 1) + "]", value.items[i]);
  }
}

void ConfigReader::read_certificate(const std::string& path, const Setting& value) {
  CertificateFiles files;
  for (const auto& [part, given] : value.entries) {
    if (part != "certificate" && part != "key") {
      refuse(path + "." + part, given, "unknown key; each has certificate and key");
      return;
    }
    const auto file = expand(path + "." + part, given);
    if (!file) return;
    if (const auto misread = read_path(*file, part == "key" ? files.key : files.certificate)) {
      refuse(path + "." + part, given, *misread);
      return;
    }
  }
  if (files.certificate.empty() || files.key.empty()) {
    refuse(path, value, "expected {certificate: FILE, key: FILE}");
    return;
  }
  config_.tls.certificates.push_back(std::move(files));
}

std::optional<std::string> ConfigReader::expand(const std::string& path, const Setting& value) {
  if (value.kind != Setting::Kind::text) {
    refuse(path, value, "expected one value, " + found(value));
    return std::nullopt;
  }
  auto text = expand_value(value.text, sources_);
  if (!text) {
    refuse(path, value, text.error());
    return std::nullopt;
  }
  return *std::move(text);
}

void ConfigReader::refuse(const std::string& path, const Setting& value, std::string sentence) {
  ConfigProblem problem{origin_, path, std::move(sentence)};
  if (from_flag_ && !origin_.starts_with("--set")) problem.key.clear();
  if (!from_flag_ && value.line > 0) problem.where += ":" + std::to_string(value.line);
  add_problem(std::move(problem));
}

void ConfigReader::refuse_unknown(const std::string& path, const Setting& value) {
  const auto nearest = nearest_config_key(path);
  refuse(path, value,
         nearest ? "unknown key; did you mean " + *nearest + "?" : std::string("unknown key"));
}

}  // namespace uturn
