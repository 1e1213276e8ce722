// StaticUsers: users named in the configuration, by password or key.
#pragma once

#include <array>
#include <string>
#include <unordered_map>

#include "auth/user_directory.h"

namespace uturn {

class StaticUsers final : public UserDirectory {
 public:
  explicit StaticUsers(std::string realm) : realm_(std::move(realm)) {}

  /// Keeps keys only.
  void add_password(std::string_view username, std::string_view password,
                    std::string_view credential_class = {});
  /// One of each algorithm at the most.
  void add_key(std::string_view username, const Key& key, std::string_view credential_class = {});
  size_t size() const { return users_.size(); }

  UserLookup look_up(const UserQuestion& question, DirectoryTicket ticket, Now now) override;
  bool knows_sha256() const override;  ///< false as soon as one user has only an MD5 key
  bool knows_userhash() const override { return true; }

 private:
  void add(User user);
  std::string realm_;
  std::unordered_map<std::string, User> users_;
  std::unordered_map<std::string, std::string> names_by_hash_;
};

}  // namespace uturn
