// The table of configuration keys: how each is read into a Config and printed from it.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/config_values.h"

namespace uturn {

/// One key. `read` takes a text, or one item of a list; it leaves the value alone on failure.
struct ConfigKey {
  enum class Shape : uint8_t {
    text,
    list,          ///< of texts
    listeners,     ///< a list of texts, or of maps that say a realm as well
    users,         ///< a map of user names
    secrets,       ///< a list of texts, or of maps that say a class as well
    token_keys,    ///< a list of maps, each a TokenKey
    classes,       ///< a map of names, each a CredentialClass
    certificates,  ///< a list of maps, each a CertificateFiles
    api_keys,      ///< a map of names, each an ApiKey
    realms,        ///< a map of names, each a RealmConfig
  };

  std::string_view path;  ///< "limits.allocations"
  Shape shape = Shape::text;
  Misread (*read)(std::string_view text, Config& config) = nullptr;
  /// One text, or one per item. Secrets come out as kMasked.
  std::vector<std::string> (*print)(const Config& config) = nullptr;
  void (*clear)(Config& config) = nullptr;  ///< a list given anew replaces
  bool is_secret = false;                   ///< an error never shows what was found
};

inline constexpr std::string_view kMasked = "********";

std::span<const ConfigKey> config_keys();
const ConfigKey* find_config_key(std::string_view path);

/// Is it the beginning of a key's path, like "server" or "server.socket_buffer"?
bool is_config_section(std::string_view path);

/// The known path nearest to an unknown one; nullopt where nothing is near.
std::optional<std::string> nearest_config_key(std::string_view unknown);

/// The words of log.level, which --log-level shares.
std::string print_log_level(LogLevel level);

}  // namespace uturn
