// Key: what a password is turned into before anything is stored (RFC 8489, Section 18.5.1).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "protocol/bytes.h"

namespace uturn {

enum class PasswordAlgorithm : uint16_t { md5 = 0x0001, sha256 = 0x0002 };

/// False where OpenSSL refuses it, as a FIPS provider refuses MD5: an error to be told at start.
/// Nothing may be derived by it then.
bool is_available(PasswordAlgorithm algorithm);

/// A long-term key: 16 bytes by MD5, 32 by SHA-256; or the session key of an access token
/// (RFC 7635), which no password leads to. Wiped when it goes. Never printed.
class Key {
 public:
  static constexpr size_t kMaxSize = 64;  ///< an HMAC's block: a longer mac_key is refused
  /// hash(username ":" realm ":" password); texts are taken as they are (already prepared).
  static Key derive(PasswordAlgorithm algorithm, std::string_view username, std::string_view realm,
                    std::string_view password);
  /// From hex digits, with or without "0x": 32 digits are MD5, 64 are SHA-256.
  static std::optional<Key> from_hex(std::string_view hex);

  /// As it came, 1 to kMaxSize bytes (RFC 7635, Section 6.2 and erratum 5059).
  static std::optional<Key> from_mac_key(Bytes mac_key);

  Key(const Key&) = default;
  Key& operator=(const Key&) = default;
  ~Key();

  PasswordAlgorithm algorithm() const { return algorithm_; }
  Bytes bytes() const { return Bytes{bytes_}.first(size_); }
  friend bool operator==(const Key& a, const Key& b);  ///< in constant time

 private:
  Key() = default;
  PasswordAlgorithm algorithm_ = PasswordAlgorithm::md5;
  uint8_t size_ = 0;
  std::array<uint8_t, kMaxSize> bytes_{};
};

/// SHA-256(username ":" realm), what a client sends instead of its name (RFC 8489, Section 14.4).
std::array<uint8_t, 32> userhash(std::string_view username, std::string_view realm);

}  // namespace uturn
