// StaticUsers: a table by name, and one by USERHASH.
//
// Also: RFC 8656, Section 6.
#include "auth/static_users.h"

namespace uturn {
namespace {

std::string hash_text(std::string_view username, std::string_view realm) {
  return std::string{text_of(userhash(username, realm))};
}

}  // namespace

void StaticUsers::add_password(std::string_view username, std::string_view password,
                               std::string_view credential_class) {
  add(User{.username = std::string{username},
           .quota_id = std::string{username},
           .md5 = Key::derive(PasswordAlgorithm::md5, username, realm_, password),
           .sha256 = Key::derive(PasswordAlgorithm::sha256, username, realm_, password),
           .credential_class = std::string{credential_class}});
}

void StaticUsers::add_key(std::string_view username, const Key& key,
                          std::string_view credential_class) {
  // A second key of the other kind completes the first: such a user has both algorithms.
  User user{.username = std::string{username},
            .quota_id = std::string{username},
            .credential_class = std::string{credential_class}};
  if (const auto it = users_.find(user.username); it != users_.end()) user = it->second;
  (key.algorithm() == PasswordAlgorithm::md5 ? user.md5 : user.sha256) = key;
  add(std::move(user));
}

void StaticUsers::add(User user) {
  std::string name = user.username;
  names_by_hash_.insert_or_assign(hash_text(name, realm_), name);
  users_.insert_or_assign(std::move(name), std::move(user));
}

UserLookup StaticUsers::look_up(const UserQuestion& question, DirectoryTicket, Now) {
  std::string name{question.username};
  if (!question.userhash.empty()) {
    const auto by_hash = names_by_hash_.find(std::string{text_of(question.userhash)});
    if (by_hash == names_by_hash_.end()) return UserUnknown{};
    name = by_hash->second;
  }
  const auto user = users_.find(name);
  if (user == users_.end()) return UserUnknown{};
  return user->second;
}

bool StaticUsers::knows_sha256() const {
  return std::ranges::all_of(users_,
                             [](const auto& user) { return user.second.sha256.has_value(); });
}

}  // namespace uturn
