// Reading a webhook's answer.
#include "server/directories/webhook_answer.h"

#include <nlohmann/json.hpp>

#include "auth/opaque_string.h"

namespace uturn {
namespace {

using Json = nlohmann::json;

constexpr int64_t kLongestTtl = 24 * 3'600;
constexpr size_t kMaxClass = 64;

bool add_key(const Json& hex, User& user) {
  if (!hex.is_string()) return false;
  const auto key = Key::from_hex(hex.get_ref<const std::string&>());
  if (!key) return false;
  (key->algorithm() == PasswordAlgorithm::md5 ? user.md5 : user.sha256) = *key;
  return true;
}

bool add_keys(const Json& said, std::string_view realm, User& user) {
  const auto password = said.find("password");
  if (password != said.end()) {
    if (!password->is_string()) return false;
    const std::string text = opaque_string_or_same(password->get_ref<const std::string&>());
    if (text.empty()) return false;
    user.md5 = Key::derive(PasswordAlgorithm::md5, user.username, realm, text);
    user.sha256 = Key::derive(PasswordAlgorithm::sha256, user.username, realm, text);
    return true;
  }
  const auto key = said.find("key");
  if (key == said.end()) return false;
  if (!key->is_array()) return add_key(*key, user);
  return !key->empty() && key->size() <= 2 &&
         std::ranges::all_of(*key, [&](const Json& one) { return add_key(one, user); });
}

}  // namespace

std::string webhook_question(const DirectoryQuestion& question) {
  const Json asked = {{"user", question.username},
                      {"realm", question.realm},
                      {"client", question.client.to_string()}};
  return asked.dump(-1, ' ', false, Json::error_handler_t::replace);
}

SourceAnswer read_webhook_answer(long status, std::string_view body, std::string_view realm,
                                 const std::string& username) {
  constexpr long kForbidden = 403;
  constexpr long kNotFound = 404;
  constexpr long kOk = 200;
  if (status == kForbidden || status == kNotFound) return UserUnknown{};
  if (status != kOk || body.size() > kMaxWebhookAnswer) return SourceFailed{};
  const Json said = Json::parse(body, nullptr, false);
  if (!said.is_object()) return SourceFailed{};

  SourceFound found{User{.username = username, .quota_id = username}};
  if (!add_keys(said, realm, found.user)) return SourceFailed{};
  if (const auto ttl = said.find("ttl"); ttl != said.end()) {
    if (!ttl->is_number_integer()) return SourceFailed{};
    const auto seconds = ttl->get<int64_t>();
    if (seconds < 0) return SourceFailed{};
    found.ttl = std::chrono::seconds(std::min(seconds, kLongestTtl));
  }
  if (const auto name = said.find("class"); name != said.end()) {
    if (!name->is_string() || name->get_ref<const std::string&>().size() > kMaxClass) {
      return SourceFailed{};
    }
    found.user.credential_class = name->get<std::string>();
  }
  return found;
}

}  // namespace uturn
