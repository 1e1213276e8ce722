// RestSecrets: time-limited credentials of the TURN REST API (draft-uberti-rtcweb-turn-rest-00).
#pragma once

#include <string>
#include <vector>

#include "auth/user_directory.h"

namespace uturn {

/// password = base64(HMAC-SHA1(secret, username)); username is `expiry:id`, `id:expiry` or
/// `expiry`. The id may contain more separators. A name that holds no expiry is unknown here.
struct RestName {
  CalendarTime expires_at{};
  std::string_view id;  ///< empty for a bare expiry
};
std::optional<RestName> parse_rest_name(std::string_view username, char separator);
std::string rest_password(std::string_view secret, std::string_view username);

/// With several secrets a user has as many possible keys. A directory answers one, so the secrets
/// are a chain of directories: `candidates()` gives one User per secret and the authenticator tries
/// them in order (few secrets, one HMAC each; bounded by kMaxSecrets).
class RestSecrets {
 public:
  static constexpr size_t kMaxSecrets = 16;
  RestSecrets(std::string realm, std::vector<std::string> secrets, char separator = ':');
  ~RestSecrets();  ///< wipes the secrets

  size_t size() const { return secrets_.size(); }
  /// The user by the secret of this index; nullopt where the name is not of the REST form.
  std::optional<User> candidate(size_t index, std::string_view username) const;

 private:
  std::string realm_;
  std::vector<std::string> secrets_;
  char separator_;
};

}  // namespace uturn
