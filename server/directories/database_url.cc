// Reading database URLs, and the connection strings of coturn.
#include "server/directories/database_url.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "protocol/transport_address.h"

namespace uturn {
namespace {

using Parsed = Result<DatabaseUrl, std::string>;

struct Scheme {
  std::string_view name;
  DatabaseKind kind;
};
constexpr Scheme kSchemes[] = {
    {"sqlite", DatabaseKind::sqlite},         {"sqlite3", DatabaseKind::sqlite},
    {"postgresql", DatabaseKind::postgresql}, {"postgres", DatabaseKind::postgresql},
    {"mysql", DatabaseKind::mysql},           {"mariadb", DatabaseKind::mysql},
    {"redis", DatabaseKind::redis},
};
constexpr size_t kMaxUrl = 4'096;
constexpr size_t kMaxOptions = 32;

Failure<std::string> refuse(std::string_view sentence) { return Failure{std::string(sentence)}; }

std::optional<int> hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return std::nullopt;
}

/// Without %XX (RFC 3986, Section 2.1); nullopt for a broken one, or for a zero byte.
std::optional<std::string> decoded(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      if (i + 2 >= text.size()) return std::nullopt;
      const auto high = hex_value(text[i + 1]);
      const auto low = hex_value(text[i + 2]);
      if (!high || !low) return std::nullopt;
      c = static_cast<char>(*high * 16 + *low);
      i += 2;
    }
    if (c == '\0') return std::nullopt;
    out += c;
  }
  return out;
}

/// So that decoded() gives it back, and a person can read it.
std::string encoded(std::string_view text, std::string_view also_plain = {}) {
  constexpr std::string_view kPlain = "-._~,+!$'()*;";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool is_alphanumeric =
        (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (is_alphanumeric || kPlain.find(c) != kPlain.npos || also_plain.find(c) != also_plain.npos) {
      out += c;
    } else {
      constexpr std::string_view kDigits = "0123456789ABCDEF";
      out += {'%', kDigits[byte >> 4], kDigits[byte & 0xF]};
    }
  }
  return out;
}

std::optional<uint16_t> parse_port(std::string_view text) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.begin(), text.end(), port);
  if (error != std::errc{} || end != text.end() || port == 0) return std::nullopt;
  return port;
}

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::ranges::find(words, word) != words.end();
}

/// One NAME=VALUE, of a URL's parameters or of coturn's words for the same. False: not known.
bool set_option(DatabaseUrl& url, std::string_view name, const std::string& value) {
  if (is_one_of(name, {"host", "ip", "addr", "ipaddr", "hostaddr"})) {
    (value.starts_with('/') ? url.socket : url.host) = value;
  } else if (name == "socket") {
    url.socket = value;
  } else if (is_one_of(name, {"dbname", "db", "database"})) {
    url.database = value;
  } else if (is_one_of(name, {"user", "uname", "name", "username"})) {
    url.user = value;
  } else if (is_one_of(name, {"password", "pwd", "passwd", "secret"})) {
    url.password = Secret(value);
  } else if (is_one_of(name, {"port", "p"})) {
    const auto port = parse_port(value);
    if (!port) return false;
    url.port = *port;
  } else if (is_one_of(name, {"connect_timeout", "timeout", "read_timeout"})) {
    return true;  // auth.directory.timeout is for all of them
  } else if (name == "tls") {
    if (!is_one_of(value, {"on", "off", "true", "false", "1", "0"})) return false;
    url.tls = is_one_of(value, {"on", "true", "1"});
  } else if (is_one_of(name, {"ca", "sslrootcert"})) {
    url.ca = value;
  } else if (is_one_of(name, {"cert", "sslcert"})) {
    url.certificate = value;
  } else if (is_one_of(name, {"key", "sslkey"})) {
    url.key = value;
  } else if (url.kind == DatabaseKind::postgresql && url.options.size() < kMaxOptions) {
    url.options.emplace_back(name, value);
  } else {
    return false;
  }
  return true;
}

bool read_options(DatabaseUrl& url, std::string_view text, char separator, bool is_encoded) {
  while (!text.empty()) {
    const size_t end = std::min(text.find(separator), text.size());
    const std::string_view option = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (option.empty()) continue;
    const size_t equals = option.find('=');
    if (equals == 0 || equals == option.npos) return false;
    const auto value = is_encoded ? decoded(option.substr(equals + 1))
                                  : std::optional(std::string(option.substr(equals + 1)));
    if (!value || !set_option(url, option.substr(0, equals), *value)) return false;
  }
  return true;
}

/// [USER[:PASSWORD]@][HOST[:PORT]]
bool read_authority(DatabaseUrl& url, std::string_view text) {
  if (const size_t at = text.rfind('@'); at != text.npos) {
    const std::string_view login = text.substr(0, at);
    text.remove_prefix(at + 1);
    const size_t colon = login.find(':');
    const auto user = decoded(login.substr(0, colon));
    const auto password =
        decoded(colon == login.npos ? std::string_view{} : login.substr(colon + 1));
    if (!user || !password) return false;
    url.user = *user;
    url.password = Secret(*password);
  }
  std::string_view host = text;
  std::string_view port;
  if (text.starts_with('[')) {
    const size_t end = text.find(']');
    if (end == text.npos) return false;
    host = text.substr(1, end - 1);
    text.remove_prefix(end + 1);
    if (!text.empty() && !text.starts_with(':')) return false;
    port = text;
  } else if (const size_t colon = text.find(':'); colon != text.npos) {
    host = text.substr(0, colon);
    port = text.substr(colon);
  }
  if (!port.empty()) {
    const auto number = parse_port(port.substr(1));
    if (!number) return false;
    url.port = *number;
  }
  const auto name = decoded(host);
  if (!name) return false;
  (name->starts_with('/') ? url.socket : url.host) = *name;
  return true;
}

/// What is behind "SCHEME://".
bool read_hierarchy(DatabaseUrl& url, std::string_view rest) {
  const size_t question = std::min(rest.find('?'), rest.size());
  const std::string_view options = rest.substr(std::min(question + 1, rest.size()));
  rest = rest.substr(0, question);
  if (url.kind == DatabaseKind::sqlite) {
    const auto path = decoded(rest);
    if (!path || !options.empty()) return false;
    url.path = *path;
    return true;
  }
  const size_t slash = std::min(rest.find('/'), rest.size());
  const auto database = decoded(rest.substr(std::min(slash + 1, rest.size())));
  if (!database) return false;
  url.database = *database;
  return read_authority(url, rest.substr(0, slash)) && read_options(url, options, '&', true);
}

Parsed checked(DatabaseUrl url) {
  // So that what is printed can be read.
  if (url.to_string().size() > kMaxUrl) return refuse("the URL is too long");
  if (url.kind == DatabaseKind::sqlite) {
    if (!url.path.starts_with('/') || url.path.size() < 2) {
      return refuse("expected an absolute path, like sqlite:///var/lib/uturn/uturn.db");
    }
    return url;
  }
  if (url.host.empty() && url.socket.empty()) url.host = "localhost";
  if (url.kind == DatabaseKind::redis) {
    uint32_t number = 0;
    const auto [end, error] =
        std::from_chars(url.database.data(), url.database.data() + url.database.size(), number);
    const bool is_number = error == std::errc{} && end == url.database.data() + url.database.size();
    if (!url.database.empty() && !is_number) return refuse("a database of Redis is a number");
    if (url.tls) {
      return refuse("TLS to Redis is not in this version; use a Unix socket or a tunnel");
    }
  } else if (url.database.empty()) {
    return refuse("the name of the database is missing, like postgresql://HOST/NAME");
  }
  return url;
}

}  // namespace

std::string_view name_of(DatabaseKind kind) {
  switch (kind) {
    case DatabaseKind::sqlite:
      return "SQLite";
    case DatabaseKind::postgresql:
      return "PostgreSQL";
    case DatabaseKind::mysql:
      return "MySQL";
    case DatabaseKind::redis:
      return "Redis";
  }
  return "";
}

Parsed DatabaseUrl::parse(std::string_view text) {
  constexpr std::string_view kExpected =
      "expected a URL like sqlite:///PATH, postgresql://USER:PASSWORD@HOST/NAME, mysql://… or "
      "redis://HOST/NUMBER";
  if (text.size() > kMaxUrl || text.find('\0') != text.npos) return refuse(kExpected);
  const size_t colon = text.find(':');
  if (colon == text.npos) return refuse(kExpected);
  if (text.substr(0, colon) == "rediss") {
    return refuse("TLS to Redis is not in this version; use a Unix socket or a tunnel");
  }
  const auto* scheme = std::ranges::find(kSchemes, text.substr(0, colon), &Scheme::name);
  if (scheme == std::end(kSchemes)) return refuse(kExpected);

  DatabaseUrl url;
  url.kind = scheme->kind;
  std::string_view rest = text.substr(colon + 1);
  if (rest.starts_with("//")) {
    rest.remove_prefix(2);
    if (!read_hierarchy(url, rest)) return refuse(kExpected);
  } else if (url.kind == DatabaseKind::sqlite || !read_options(url, rest, ' ', false)) {
    return refuse(kExpected);
  }
  return checked(std::move(url));
}

std::string DatabaseUrl::to_string() const {
  if (kind == DatabaseKind::sqlite) return "sqlite://" + encoded(path, "/");
  std::string text = kind == DatabaseKind::postgresql ? "postgresql://"
                     : kind == DatabaseKind::mysql    ? "mysql://"
                                                      : "redis://";
  if (!user.empty() || !password.empty()) {
    text += encoded(user) + (password.empty() ? "" : ":********") + "@";
  }
  const bool is_ipv6 = host.find(':') != host.npos;
  if (socket.empty()) text += is_ipv6 ? "[" + encoded(host, ":") + "]" : encoded(host);
  if (port != 0) text += ":" + std::to_string(port);
  if (!database.empty()) text += "/" + encoded(database);
  if (!socket.empty()) text += "?socket=" + encoded(socket, "/");
  return text;
}

bool DatabaseUrl::is_open_to_listeners() const {
  if (kind == DatabaseKind::sqlite || tls || !socket.empty() || host == "localhost") return false;
  const bool is_encrypted = std::ranges::any_of(options, [](const auto& option) {
    return option.first == "sslmode" &&
           is_one_of(option.second, {"require", "verify-ca", "verify-full"});
  });
  const auto address = IpAddress::parse(host);
  return !is_encrypted && !(address && address->is_loopback());
}

}  // namespace uturn
