// Nonce cookie: "obMatJos2" and four characters of base64.
#include "client/nonce_cookie.h"

#include <cstdint>
#include <optional>

namespace uturn {
namespace {

constexpr std::string_view kPrefix = "obMatJos2";
constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Four characters are the 24 bits exactly: no padding.
std::optional<uint32_t> decode_24_bits(std::string_view text) {
  uint32_t bits = 0;
  for (const char c : text) {
    const size_t digit = kBase64.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    bits = bits << 6 | static_cast<uint32_t>(digit);
  }
  return bits;
}

}  // namespace

SecurityFeatures security_features_of(std::string_view nonce) {
  if (!nonce.starts_with(kPrefix) || nonce.size() < kPrefix.size() + 4) return {};
  const auto bits = decode_24_bits(nonce.substr(kPrefix.size(), 4));
  if (!bits) return {};
  return {.password_algorithms = (*bits & 0x800001) != 0,
          .username_anonymity = (*bits & 0x400002) != 0};
}

}  // namespace uturn
