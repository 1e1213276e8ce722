// HMAC by RFC 2104 over two digest contexts that each thread makes once and uses again.
//
// OpenSSL's own HMAC copies a digest context per message, which counts references on an object that
// all threads share. Beginning a digest anew in a context of the same algorithm shares nothing, so
// the two lines of RFC 2104 are written out here. What remains is one small allocation per digest
// inside OpenSSL 3.0, which makes its state anew each time.
#include "protocol/message_integrity.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

namespace uturn {
namespace {

constexpr size_t kBlockSize = 64;  // of SHA-1 and of SHA-256

/// A digest, fetched once per process and never freed.
EVP_MD* fetch(const char* name) {
  EVP_MD* const digest = EVP_MD_fetch(nullptr, name, nullptr);
  CHECK(digest != nullptr);
  return digest;
}
const EVP_MD* sha1() {
  static const EVP_MD* const digest = fetch("SHA1");
  return digest;
}
const EVP_MD* sha256() {
  static const EVP_MD* const digest = fetch("SHA256");
  return digest;
}

class DigestContext {
 public:
  explicit DigestContext(const EVP_MD* digest) : digest_(digest), context_(EVP_MD_CTX_new()) {
    CHECK(context_ != nullptr);
  }
  ~DigestContext() { EVP_MD_CTX_free(context_); }
  DigestContext(const DigestContext&) = delete;
  DigestContext& operator=(const DigestContext&) = delete;

  void start() { CHECK(EVP_DigestInit_ex2(context_, digest_, nullptr) == 1); }
  void update(Bytes bytes) { CHECK(EVP_DigestUpdate(context_, bytes.data(), bytes.size()) == 1); }
  void finish(uint8_t* out) { CHECK(EVP_DigestFinal_ex(context_, out, nullptr) == 1); }

 private:
  const EVP_MD* digest_;
  EVP_MD_CTX* context_;
};

/// H(K xor opad, H(K xor ipad, text)) (RFC 2104, Section 2).
template <size_t kDigestSize>
std::array<uint8_t, kDigestSize> hmac(DigestContext& digest, Bytes key, Bytes a, Bytes b) {
  std::array<uint8_t, kBlockSize> pad{};
  if (key.size() > pad.size()) {
    digest.start();
    digest.update(key);
    digest.finish(pad.data());
  } else {
    std::ranges::copy(key, pad.begin());
  }
  std::array<uint8_t, kDigestSize> mac;

  for (uint8_t& byte : pad) byte ^= 0x36;
  digest.start();
  digest.update(pad);
  digest.update(a);
  digest.update(b);
  digest.finish(mac.data());

  for (uint8_t& byte : pad) byte ^= 0x36 ^ 0x5C;
  digest.start();
  digest.update(pad);
  digest.update(mac);
  digest.finish(mac.data());

  OPENSSL_cleanse(pad.data(), pad.size());
  return mac;
}

/// The message header as if the message ended behind the attribute at `offset`.
std::array<uint8_t, kStunHeaderSize> adjusted_header(Bytes message, size_t offset,
                                                     size_t value_size) {
  std::array<uint8_t, kStunHeaderSize> header;
  std::ranges::copy(message.first<kStunHeaderSize>(), header.begin());
  store_be16(header.data() + 2, static_cast<uint16_t>(offset + 4 + value_size - kStunHeaderSize));
  return header;
}

/// What stands between the header and the attribute at `offset`.
Bytes covered_attributes(Bytes message, size_t offset) {
  return message.subspan(kStunHeaderSize, offset - kStunHeaderSize);
}

Bytes value_at(Bytes message, size_t offset) {
  return message.subspan(offset + 4, load_be16(message.data() + offset + 2));
}

}  // namespace

bool verify_integrity(const MessageView& message, Bytes key) {
  const size_t offset = message.integrity_offset();
  if (offset == 0) return false;
  const Bytes value = value_at(message.bytes(), offset);
  if (value.size() != 20) return false;
  const auto header = adjusted_header(message.bytes(), offset, value.size());
  return equal_in_constant_time(
      value, hmac_sha1(key, header, covered_attributes(message.bytes(), offset)));
}

bool verify_integrity_sha256(const MessageView& message, Bytes key, bool allow_truncation) {
  const size_t offset = message.integrity_sha256_offset();
  if (offset == 0) return false;
  const Bytes value = value_at(message.bytes(), offset);
  const size_t shortest = allow_truncation ? 16 : 32;
  if (value.size() < shortest || value.size() > 32 || value.size() % 4 != 0) return false;
  const auto header = adjusted_header(message.bytes(), offset, value.size());
  const auto mac = hmac_sha256(key, header, covered_attributes(message.bytes(), offset));
  return equal_in_constant_time(value, Bytes{mac}.first(value.size()));
}

std::array<uint8_t, 20> hmac_sha1(Bytes key, Bytes a, Bytes b) {
  thread_local DigestContext digest{sha1()};
  return hmac<20>(digest, key, a, b);
}

std::array<uint8_t, 32> hmac_sha256(Bytes key, Bytes a, Bytes b) {
  thread_local DigestContext digest{sha256()};
  return hmac<32>(digest, key, a, b);
}

bool equal_in_constant_time(Bytes a, Bytes b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace uturn
