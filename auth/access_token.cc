// Access tokens: AES-GCM by OpenSSL around a block of fixed form (RFC 7635, Sections 4.1, 6.2, 7
// and 9).
//
//   nonce length (2) | nonce (12) | encrypted: key length (2) | mac_key | timestamp (8) | lifetime
//   (4)
//                                 | tag (16)
#include "auth/access_token.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>

namespace uturn {
namespace {

constexpr size_t kFrontSize = 2 + kTokenNonceSize;
constexpr size_t kBlockSizeBesideKey = 2 + 8 + 4;
constexpr size_t kMaxBlock = kBlockSizeBesideKey + kMaxMacKey;

struct FreeCipherContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};

// Fetched once in the process's life, as digests are.
const EVP_CIPHER* cipher_of(TokenAlgorithm algorithm) {
  static const EVP_CIPHER* const k256 = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  static const EVP_CIPHER* const k128 = EVP_CIPHER_fetch(nullptr, "AES-128-GCM", nullptr);
  return algorithm == TokenAlgorithm::a256gcm ? k256 : k128;
}

EVP_CIPHER_CTX* context() {
  thread_local const std::unique_ptr<EVP_CIPHER_CTX, FreeCipherContext> kContext{
      EVP_CIPHER_CTX_new()};
  CHECK(kContext != nullptr);
  return kContext.get();
}

/// The plaintext, wiped when it goes.
struct Block {
  std::array<uint8_t, kMaxBlock> bytes{};
  size_t size = 0;
  ~Block() { OPENSSL_cleanse(bytes.data(), bytes.size()); }
};

std::optional<AccessToken> decode(const Block& block) {
  if (block.size < kBlockSizeBesideKey) return std::nullopt;
  const size_t key_size = load_be16(block.bytes.data());
  if (key_size != block.size - kBlockSizeBesideKey) return std::nullopt;
  const auto mac_key = Key::from_mac_key(Bytes{block.bytes}.subspan(2, key_size));
  if (!mac_key) return std::nullopt;
  const uint64_t timestamp = load_be64(&block.bytes[2 + key_size]);
  const uint32_t lifetime = load_be32(&block.bytes[2 + key_size + 8]);
  // 48 bits of seconds, 16 of a second's 64000ths.
  return AccessToken{*mac_key,
                     CalendarTime{std::chrono::seconds{static_cast<int64_t>(timestamp >> 16)}},
                     std::chrono::seconds{lifetime}};
}

}  // namespace

TokenKey::~TokenKey() { OPENSSL_cleanse(key.data(), key.size()); }

const TokenKey* ListedTokenKeys::find(std::string_view kid) const {
  const auto found = std::ranges::find(keys_, kid, &TokenKey::kid);
  return found == keys_.end() ? nullptr : &*found;
}

bool AccessToken::is_valid(CalendarTime now) const {
  const auto distance = now > issued_at ? now - issued_at : issued_at - now;
  return lifetime + kDelta > distance;
}

std::optional<AccessToken> open_token(Bytes token, const TokenKey& key,
                                      std::string_view server_name) {
  if (token.size() < kFrontSize + kBlockSizeBesideKey + kTokenTagSize ||
      token.size() > kFrontSize + kMaxBlock + kTokenTagSize) {
    return std::nullopt;
  }
  if (load_be16(token.data()) != kTokenNonceSize) return std::nullopt;
  const Bytes sealed = token.subspan(kFrontSize, token.size() - kFrontSize - kTokenTagSize);
  std::array<uint8_t, kTokenTagSize> tag{};
  std::ranges::copy(token.last(kTokenTagSize), tag.begin());

  EVP_CIPHER_CTX* const c = context();
  Block block;
  int size = 0;
  CHECK(EVP_DecryptInit_ex2(c, cipher_of(key.algorithm), key.key.data(), &token[2], nullptr) == 1);
  CHECK(EVP_DecryptUpdate(c, nullptr, &size, reinterpret_cast<const uint8_t*>(server_name.data()),
                          static_cast<int>(server_name.size())) == 1);
  CHECK(EVP_DecryptUpdate(c, block.bytes.data(), &size, sealed.data(),
                          static_cast<int>(sealed.size())) == 1);
  block.size = static_cast<size_t>(size);
  CHECK(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, kTokenTagSize, tag.data()) == 1);
  const bool is_authentic = EVP_DecryptFinal_ex(c, block.bytes.data(), &size) == 1;
  if (!is_authentic) return std::nullopt;
  return decode(block);
}

std::vector<uint8_t> seal_token(const AccessToken& token, const TokenKey& key,
                                std::string_view server_name,
                                std::span<const uint8_t, kTokenNonceSize> nonce) {
  const Bytes mac_key = token.mac_key.bytes();
  Block block;
  block.size = kBlockSizeBesideKey + mac_key.size();
  store_be16(block.bytes.data(), static_cast<uint16_t>(mac_key.size()));
  std::ranges::copy(mac_key, block.bytes.begin() + 2);
  const auto seconds = static_cast<uint64_t>(token.issued_at.time_since_epoch().count());
  store_be64(&block.bytes[2 + mac_key.size()], seconds << 16);
  store_be32(&block.bytes[2 + mac_key.size() + 8], static_cast<uint32_t>(token.lifetime.count()));

  std::vector<uint8_t> out(kFrontSize + block.size + kTokenTagSize);
  store_be16(out.data(), kTokenNonceSize);
  std::ranges::copy(nonce, out.begin() + 2);
  EVP_CIPHER_CTX* const c = context();
  int size = 0;
  CHECK(EVP_EncryptInit_ex2(c, cipher_of(key.algorithm), key.key.data(), nonce.data(), nullptr) ==
        1);
  CHECK(EVP_EncryptUpdate(c, nullptr, &size, reinterpret_cast<const uint8_t*>(server_name.data()),
                          static_cast<int>(server_name.size())) == 1);
  CHECK(EVP_EncryptUpdate(c, &out[kFrontSize], &size, block.bytes.data(),
                          static_cast<int>(block.size)) == 1);
  CHECK(EVP_EncryptFinal_ex(c, &out[kFrontSize], &size) == 1);
  CHECK(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, kTokenTagSize,
                            &out[kFrontSize + block.size]) == 1);
  return out;
}

}  // namespace uturn
