// Key: derived by OpenSSL's MD5 and SHA-256, compared in constant time, wiped at the end.
//
// Also: RFC 5389, Section 15.4; RFC 8489, Section 9.2.2.
#include "auth/key.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <memory>

#include "protocol/message_integrity.h"

namespace uturn {
namespace {

// Fetched once in the process's life: a fetch per key takes a lock that all shards share.
const EVP_MD* digest_of(PasswordAlgorithm algorithm) {
  static const EVP_MD* const kMd5 = EVP_MD_fetch(nullptr, "MD5", nullptr);
  static const EVP_MD* const kSha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return algorithm == PasswordAlgorithm::md5 ? kMd5 : kSha256;
}

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

/// The texts with a colon between each two, hashed without joining them: a password is copied
/// nowhere.
std::array<uint8_t, 32> hash_joined_by_colons(PasswordAlgorithm algorithm,
                                              std::initializer_list<std::string_view> texts) {
  // A context per algorithm and thread: changing its algorithm would allocate.
  thread_local const std::unique_ptr<EVP_MD_CTX, FreeContext> md5_context{EVP_MD_CTX_new()};
  thread_local const std::unique_ptr<EVP_MD_CTX, FreeContext> sha256_context{EVP_MD_CTX_new()};
  const auto& context = algorithm == PasswordAlgorithm::md5 ? md5_context : sha256_context;
  const EVP_MD* digest = digest_of(algorithm);
  CHECK(context != nullptr && digest != nullptr);
  CHECK(EVP_DigestInit_ex2(context.get(), digest, nullptr) == 1);
  for (bool first = true; const std::string_view text : texts) {
    if (!first) CHECK(EVP_DigestUpdate(context.get(), ":", 1) == 1);
    first = false;
    CHECK(EVP_DigestUpdate(context.get(), text.data(), text.size()) == 1);
  }
  std::array<uint8_t, 32> hash{};
  CHECK(EVP_DigestFinal_ex(context.get(), hash.data(), nullptr) == 1);
  return hash;
}

std::optional<uint8_t> value_of_hex_digit(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return std::nullopt;
}

}  // namespace

bool is_available(PasswordAlgorithm algorithm) { return digest_of(algorithm) != nullptr; }

Key Key::derive(PasswordAlgorithm algorithm, std::string_view username, std::string_view realm,
                std::string_view password) {
  Key key;
  key.algorithm_ = algorithm;
  auto hash = hash_joined_by_colons(algorithm, {username, realm, password});
  key.size_ = algorithm == PasswordAlgorithm::md5 ? 16 : 32;
  std::copy_n(hash.begin(), key.size_, key.bytes_.begin());
  OPENSSL_cleanse(hash.data(), hash.size());
  return key;
}

std::optional<Key> Key::from_hex(std::string_view hex) {
  if (hex.starts_with("0x") || hex.starts_with("0X")) hex.remove_prefix(2);
  if (hex.size() != 32 && hex.size() != 64) return std::nullopt;
  Key key;
  key.algorithm_ = hex.size() == 32 ? PasswordAlgorithm::md5 : PasswordAlgorithm::sha256;
  key.size_ = static_cast<uint8_t>(hex.size() / 2);
  for (size_t i = 0; i < hex.size() / 2; ++i) {
    const auto high = value_of_hex_digit(hex[2 * i]);
    const auto low = value_of_hex_digit(hex[2 * i + 1]);
    if (!high || !low) return std::nullopt;
    key.bytes_[i] = static_cast<uint8_t>(*high << 4 | *low);
  }
  return key;
}

std::optional<Key> Key::from_mac_key(Bytes mac_key) {
  if (mac_key.empty() || mac_key.size() > kMaxSize) return std::nullopt;
  Key key;
  key.size_ = static_cast<uint8_t>(mac_key.size());
  std::ranges::copy(mac_key, key.bytes_.begin());
  return key;
}

Key::~Key() { OPENSSL_cleanse(bytes_.data(), bytes_.size()); }

bool operator==(const Key& a, const Key& b) {
  return a.algorithm_ == b.algorithm_ && a.size_ == b.size_ &&
         equal_in_constant_time(a.bytes_, b.bytes_);
}

std::array<uint8_t, 32> userhash(std::string_view username, std::string_view realm) {
  return hash_joined_by_colons(PasswordAlgorithm::sha256, {username, realm});
}

}  // namespace uturn
