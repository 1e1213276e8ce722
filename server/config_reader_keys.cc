// Reads the API keys of the credential service.
#include "server/config_reader.h"
#include "server/config_texts.h"

namespace uturn {
namespace {

constexpr size_t kMaxApiKeys = 1'000;

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool read_hash(std::string_view hex, std::array<uint8_t, 32>& to) {
  if (hex.size() != 2 * to.size()) return false;
  for (size_t i = 0; i < to.size(); ++i) {
    const int high = hex_value(hex[2 * i]);
    const int low = hex_value(hex[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    to[i] = static_cast<uint8_t>(high * 16 + low);
  }
  return true;
}

}  // namespace

void ConfigReader::read_api_keys(const Setting& value) {
  if (value.kind != Setting::Kind::map) {
    refuse("credentials.keys", value, "expected a map, like {web: {sha256: ...}}");
    return;
  }
  if (value.entries.size() > kMaxApiKeys) {
    refuse("credentials.keys", value, "more than 1000 keys");
    return;
  }
  config_.credentials.keys.clear();
  for (const auto& [name, key] : value.entries) read_api_key(name, key);
}

void ConfigReader::read_api_key(const std::string& name, const Setting& value) {
  const std::string path = "credentials.keys." + name;
  ApiKey key;
  bool has_hash = false;
  for (const auto& [part, given] : value.entries) {
    const auto text = expand(path + "." + part, given);
    if (!text) return;
    if (part == "sha256") {
      has_hash = read_hash(*text, key.sha256);
      if (!has_hash) {
        refuse(path + ".sha256", given, "expected 64 hex digits: the SHA-256 of the key");
        return;
      }
    } else if (part == "realm") {
      if (const auto misread = read_realm(*text, key.realm)) {
        return refuse(path + ".realm", given, *misread);
      }
    } else if (part == "max_ttl") {
      if (const auto misread = read_duration(*text, key.max_ttl, 1s, 24h * 365)) {
        return refuse(path + ".max_ttl", given, *misread);
      }
    } else if (part == "class") {
      key.credential_class = *text;
    } else {
      return refuse(path + "." + part, given,
                    "unknown key; each has sha256, and may have realm, max_ttl and class");
    }
  }
  if (!has_hash) return refuse(path, value, "expected {sha256: 64 hex digits}");
  config_.credentials.keys.insert_or_assign(name, std::move(key));
}

}  // namespace uturn
