// RestSecrets: names taken apart, passwords computed from the shared secrets.
#include "auth/rest_secrets.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <charconv>

#include "protocol/message_integrity.h"

namespace uturn {
namespace {

std::optional<CalendarTime> parse_expiry(std::string_view digits) {
  const bool all_digits = std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; });
  if (digits.empty() || !all_digits) return std::nullopt;
  int64_t seconds = 0;
  const auto [end, error] = std::from_chars(digits.begin(), digits.end(), seconds);
  if (error != std::errc{} || end != digits.end()) return std::nullopt;
  return CalendarTime{std::chrono::seconds{seconds}};
}

}  // namespace

std::optional<RestName> parse_rest_name(std::string_view username, char separator) {
  const size_t first = username.find(separator);
  if (first == username.npos) {
    const auto expiry = parse_expiry(username);
    if (!expiry) return std::nullopt;
    return RestName{*expiry, {}};
  }
  if (const auto expiry = parse_expiry(username.substr(0, first))) {
    return RestName{*expiry, username.substr(first + 1)};
  }
  const size_t last = username.rfind(separator);
  if (const auto expiry = parse_expiry(username.substr(last + 1))) {
    return RestName{*expiry, username.substr(0, last)};
  }
  return std::nullopt;
}

std::string make_rest_name(CalendarTime expires_at, std::string_view id, char separator) {
  std::string name = std::to_string(expires_at.time_since_epoch().count());
  if (!id.empty()) name.append(1, separator).append(id);
  return name;
}

std::string rest_password(std::string_view secret, std::string_view username, RestHash hash) {
  std::array<uint8_t, 32> mac{};
  size_t mac_size = 20;
  if (hash == RestHash::sha256) {
    mac = hmac_sha256(bytes_of(secret), bytes_of(username));
    mac_size = mac.size();
  } else {
    std::ranges::copy(hmac_sha1(bytes_of(secret), bytes_of(username)), mac.begin());
  }
  std::array<uint8_t, 45> text{};  // 44 characters and OpenSSL's final zero
  const int size = EVP_EncodeBlock(text.data(), mac.data(), static_cast<int>(mac_size));
  std::string password{text_of(Bytes{text}.first(static_cast<size_t>(size)))};
  OPENSSL_cleanse(mac.data(), mac.size());
  OPENSSL_cleanse(text.data(), text.size());
  return password;
}

RestSecrets::RestSecrets(std::string realm, std::vector<std::string> secrets, RestOptions options,
                         std::vector<std::string> classes)
    : realm_(std::move(realm)),
      secrets_(std::move(secrets)),
      classes_(std::move(classes)),
      options_(options) {
  classes_.resize(secrets_.size());
  CHECK(secrets_.size() <= kMaxSecrets);
}

RestSecrets::~RestSecrets() {
  for (std::string& secret : secrets_) OPENSSL_cleanse(secret.data(), secret.size());
}

std::optional<User> RestSecrets::candidate(size_t index, std::string_view username,
                                           PasswordAlgorithm algorithm) const {
  CHECK(index < candidates());
  const auto name = parse_rest_name(username, options_.separator);
  if (!name) return std::nullopt;
  // Every secret by the first hash, then every secret by the second.
  const bool is_second_round = index >= secrets_.size();
  const RestHash hash = is_second_round ? RestHash::sha256 : options_.hash;
  const size_t secret = index % secrets_.size();
  std::string password = rest_password(secrets_[secret], username, hash);
  const bool never = name->expires_at > CalendarTime::max() - options_.grace;
  User user{.username = std::string{username},
            .quota_id = std::string{name->id},
            .expires_at = never ? CalendarTime::max() : name->expires_at + options_.grace,
            .credential_class = classes_[secret]};
  (algorithm == PasswordAlgorithm::md5 ? user.md5 : user.sha256) =
      Key::derive(algorithm, username, realm_, password);
  OPENSSL_cleanse(password.data(), password.size());
  return user;
}

}  // namespace uturn
