// NonceMint: nonces written and checked by nothing but keys, time and the client's address.
//
// Also: RFC 8656, Section 5.
#include "auth/nonce.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <optional>

#include "protocol/message_integrity.h"

namespace uturn {
namespace {

constexpr std::string_view kCookieStart = "obMatJos2";
constexpr size_t kFeaturesSize = 4;
constexpr size_t kCookieSize = kCookieStart.size() + kFeaturesSize;
constexpr size_t kMacSize = 10;
constexpr size_t kBodySize = 9 + kMacSize;
constexpr size_t kBodyTextSize = 26;  // 19 bytes as base64 without the padding "=="
constexpr size_t kNonceSize = kCookieSize + kBodyTextSize;
static_assert(kNonceSize <= NonceMint::kMaxSize);

constexpr uint8_t kVersion = 0x40;  // 01 in the two highest bits
constexpr uint8_t kVersionMask = 0xC0;
constexpr uint8_t kSha256Bit = 0x20;
constexpr uint8_t kKeyIdMask = NonceKey::kMaxId;

/// The 19 bytes behind the cookie.
struct Body {
  std::array<uint8_t, kBodySize> bytes{};
  uint8_t head() const { return bytes[0]; }
  uint32_t minted_at() const { return load_be32(&bytes[1]); }
  Bytes before_mac() const { return Bytes{bytes}.first(kBodySize - kMacSize); }
  Bytes mac() const { return Bytes{bytes}.last(kMacSize); }
};

/// base64 without padding. OpenSSL wants the padding back and writes a zero at the end.
template <size_t size, size_t text_size>
void encode_base64(const std::array<uint8_t, size>& bytes, std::span<char, text_size> out) {
  std::array<uint8_t, (size + 2) / 3 * 4 + 1> padded{};
  EVP_EncodeBlock(padded.data(), bytes.data(), size);
  std::copy_n(padded.begin(), text_size, out.begin());
}

/// Only the one text that encode_base64() writes for these bytes: bits that decoding would drop
/// must not make a second nonce out of one.
template <size_t size>
std::optional<std::array<uint8_t, size>> decode_base64(std::string_view text) {
  std::array<uint8_t, (size + 2) / 3 * 4> padded{};
  std::array<uint8_t, (size + 2) / 3 * 3> decoded{};
  padded.fill('=');
  std::ranges::copy(text, padded.begin());
  if (EVP_DecodeBlock(decoded.data(), padded.data(), padded.size()) < 0) return std::nullopt;
  std::array<uint8_t, size> bytes{};
  std::copy_n(decoded.begin(), size, bytes.begin());

  std::array<char, padded.size()> again{};
  encode_base64(bytes, std::span{again});
  if (std::string_view{again.data(), text.size()} != text) return std::nullopt;
  return bytes;
}

/// Feature bits 0 and 1 of 24, at the end that the order counts from.
uint32_t mask_of(int feature, FeatureBitOrder order) {
  return order == FeatureBitOrder::erratum_6290 ? 1U << feature : 0x800000U >> feature;
}

std::array<uint8_t, 3> encode_features(SecurityFeatures features, FeatureBitOrder order) {
  uint32_t bits = 0;
  if (features.password_algorithms) bits |= mask_of(0, order);
  if (features.username_anonymity) bits |= mask_of(1, order);
  return {static_cast<uint8_t>(bits >> 16), static_cast<uint8_t>(bits >> 8),
          static_cast<uint8_t>(bits)};
}

std::optional<Body> decode_body(std::string_view nonce) {
  if (nonce.size() != kNonceSize || !nonce.starts_with(kCookieStart)) return std::nullopt;
  const auto bytes = decode_base64<kBodySize>(nonce.substr(kCookieSize));
  if (!bytes || ((*bytes)[0] & kVersionMask) != kVersion) return std::nullopt;
  return Body{*bytes};
}

/// What the two keyed hashes of a nonce differ in.
enum class Purpose : uint8_t { salt = 1, mac = 2 };

std::array<uint8_t, 32> keyed_hash(const NonceKey& key, Purpose purpose,
                                   const ClientAddress& client, Bytes more) {
  const IpAddress ip = client.ip.canonical();
  std::array<uint8_t, 18> who{};
  who[0] = static_cast<uint8_t>(purpose);
  who[1] = static_cast<uint8_t>(ip.family());
  std::ranges::copy(ip.bytes(), who.begin() + 2);
  return hmac_sha256(key.secret, who, more);
}

std::array<uint8_t, kMacSize> mac_of(const NonceKey& key, const ClientAddress& client,
                                     std::string_view features, const Body& body) {
  std::array<uint8_t, kFeaturesSize + kBodySize - kMacSize> covered{};
  const auto rest = std::ranges::copy(features, covered.begin()).out;
  std::ranges::copy(body.before_mac(), rest);
  const auto hash = keyed_hash(key, Purpose::mac, client, covered);
  std::array<uint8_t, kMacSize> mac{};
  std::copy_n(hash.begin(), kMacSize, mac.begin());
  return mac;
}

}  // namespace

NonceKey::~NonceKey() { OPENSSL_cleanse(secret.data(), secret.size()); }

NonceMint::NonceMint(Settings settings) : settings_(std::move(settings)) {
  CHECK(!settings_.keys.empty());
  for (const NonceKey& key : settings_.keys) CHECK(key.id <= NonceKey::kMaxId);
}

std::string_view NonceMint::mint(std::span<char, kMaxSize> out, const ClientAddress& client,
                                 SecurityFeatures features, Now now) const {
  const NonceKey& key = settings_.keys.front();
  std::ranges::copy(kCookieStart, out.begin());
  const std::span<char, kFeaturesSize> features_text{&out[kCookieStart.size()], kFeaturesSize};
  encode_base64(encode_features(features, settings_.bit_order), features_text);

  Body body;
  body.bytes[0] = static_cast<uint8_t>(kVersion | (features.sha256 ? kSha256Bit : 0) | key.id);
  store_be32(&body.bytes[1], static_cast<uint32_t>(now.calendar.time_since_epoch().count()));
  // The mask depends on address and second, so within both only the port makes salts differ, and
  // an exclusive-or never maps two ports to one.
  const auto mask = keyed_hash(key, Purpose::salt, client, Bytes{body.bytes}.first(5));
  store_be32(&body.bytes[5], load_be32(mask.data()) ^ client.port);
  const auto mac = mac_of(key, client, {features_text.data(), kFeaturesSize}, body);
  std::ranges::copy(mac, body.bytes.end() - kMacSize);

  encode_base64(body.bytes, std::span<char, kBodyTextSize>{&out[kCookieSize], kBodyTextSize});
  return {out.data(), kNonceSize};
}

NonceVerdict NonceMint::check(std::string_view nonce, const ClientAddress& client, Now now) const {
  const auto body = decode_body(nonce);
  if (!body) return NonceVerdict::alien;
  const auto key = std::ranges::find(settings_.keys, body->head() & kKeyIdMask, &NonceKey::id);
  if (key == settings_.keys.end()) return NonceVerdict::alien;
  const auto mac = mac_of(*key, client, nonce.substr(kCookieStart.size(), kFeaturesSize), *body);
  if (!equal_in_constant_time(mac, body->mac())) return NonceVerdict::alien;

  const CalendarTime minted_at{std::chrono::seconds{body->minted_at()}};
  const bool is_old = now.calendar - minted_at > settings_.lifetime;
  const bool is_ahead = minted_at - now.calendar > kFutureTolerance;
  return is_old || is_ahead ? NonceVerdict::stale : NonceVerdict::fresh;
}

SecurityFeatures NonceMint::features_of(std::string_view nonce) const {
  const auto body = decode_body(nonce);
  const auto bytes =
      body ? decode_base64<3>(nonce.substr(kCookieStart.size(), kFeaturesSize)) : std::nullopt;
  if (!bytes) return {};
  const uint32_t bits = uint32_t{(*bytes)[0]} << 16 | uint32_t{(*bytes)[1]} << 8 | (*bytes)[2];
  return {.password_algorithms = (bits & mask_of(0, settings_.bit_order)) != 0,
          .username_anonymity = (bits & mask_of(1, settings_.bit_order)) != 0,
          .sha256 = (body->head() & kSha256Bit) != 0};
}

}  // namespace uturn
