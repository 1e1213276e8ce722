// RestSecrets: time-limited credentials of the TURN REST API (draft-uberti-rtcweb-turn-rest-00).
#pragma once

#include <string>
#include <vector>

#include "auth/user_directory.h"

namespace uturn {

/// username is `expiry:id`, `id:expiry` or `expiry`, where expiry counts seconds since 1970 in
/// decimal digits. The id may contain more separators. Where both ends are digits the first is the
/// expiry.
struct RestName {
  CalendarTime expires_at{};
  std::string_view id;  ///< empty for a bare expiry
};
/// nullopt for a name that holds no expiry.
std::optional<RestName> parse_rest_name(std::string_view username, char separator);

/// "1700003600:alice" for now + ttl; without the separator where the id is empty.
std::string make_rest_name(CalendarTime expires_at, std::string_view id, char separator = ':');
/// What a password is computed by: SHA-1 is what applications deploy. `any` takes both, SHA-1
/// first.
enum class RestHash : uint8_t { sha1, sha256, any };

/// base64(HMAC(secret, username)), padded; `any` is SHA-1. A secret itself: whoever keeps it wipes
/// it.
std::string rest_password(std::string_view secret, std::string_view username,
                          RestHash hash = RestHash::sha1);

struct RestOptions {
  char separator = ':';
  RestHash hash = RestHash::sha1;
  /// A credential is good for so long after its expiry: the clocks of applications differ.
  std::chrono::seconds grace{};
};

/// With several secrets a user has as many possible keys. A directory answers one, so the secrets
/// are a chain of directories: `candidate()` gives one User per secret and hash, and the
/// authenticator tries them in order (few secrets, one HMAC each; bounded by kMaxSecrets).
class RestSecrets {
 public:
  static constexpr size_t kMaxSecrets = 16;
  /// More secrets than kMaxSecrets are refused by the configuration, not here.
  /// `classes`: the CredentialClass of each secret's users; shorter: none.
  RestSecrets(std::string realm, std::vector<std::string> secrets, RestOptions options = {},
              std::vector<std::string> classes = {});
  RestSecrets(const RestSecrets&) = delete;
  RestSecrets& operator=(const RestSecrets&) = delete;
  ~RestSecrets();  ///< wipes the secrets

  size_t size() const { return secrets_.size(); }
  size_t candidates() const { return secrets_.size() * (options_.hash == RestHash::any ? 2 : 1); }
  /// The user by the candidate of this index, with its key of this algorithm alone: deriving costs
  /// a digest. nullopt where the name is not of the REST form. Its quota_id is the id: empty for a
  /// bare expiry, which names nobody to count by (Quota).
  std::optional<User> candidate(size_t index, std::string_view username,
                                PasswordAlgorithm algorithm) const;

 private:
  std::string realm_;
  std::vector<std::string> secrets_;
  std::vector<std::string> classes_;
  RestOptions options_;
};

}  // namespace uturn
