// Nonces: minted without keeping anything, and checked (RFC 8489, Section 9.2; BRIEF: stateless).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "protocol/bytes.h"
#include "protocol/time.h"
#include "protocol/transport_address.h"

namespace uturn {

/// What the nonce cookie announces (RFC 8489, Section 18.1).
struct SecurityFeatures {
  bool password_algorithms = false;
  bool username_anonymity = false;
  friend bool operator==(const SecurityFeatures&, const SecurityFeatures&) = default;
};

/// Erratum 6290 counts from the least significant bit; 9.2 and RFC 8656 from the most significant.
enum class FeatureBitOrder : uint8_t { erratum_6290, most_significant_first };

/// One HMAC key of the nonces; a fleet may share them, rotation keeps the older ones for checking.
struct NonceKey {
  uint8_t id = 0;
  std::array<uint8_t, 32> secret{};
};

enum class NonceVerdict : uint8_t {
  fresh,
  stale,  ///< ours, but older than the lifetime or from more than 60 s ahead
  alien,  ///< malformed, of an unknown key, or for another client IP: answered like a stale one
};

/// A nonce is text: "obMatJos2", four characters of security features, then base64 (no padding) of
///
///   version|key id (1)  minted at (4, seconds)  salt (4)  MAC (10)
///
/// The salt is a keyed hash of the client's port, so that two ports never get the same nonce
/// while a changed port still verifies (RFC 8489, Section 9.2.4). The MAC, HMAC-SHA256 truncated,
/// covers the features, the client IP address (canonical) and the fields before it.
class NonceMint {
 public:
  struct Settings {
    std::vector<NonceKey> keys;  ///< the first mints, all check; at least one
    Duration lifetime = std::chrono::hours(1);
    FeatureBitOrder bit_order = FeatureBitOrder::erratum_6290;
  };
  static constexpr size_t kMaxSize = 48;
  static constexpr Duration kFutureTolerance = std::chrono::seconds(60);

  explicit NonceMint(Settings settings);

  /// Writes a nonce and returns it as a view of `out`.
  std::string_view mint(std::span<char, kMaxSize> out, const ClientAddress& client,
                        SecurityFeatures features, Now now) const;
  NonceVerdict check(std::string_view nonce, const ClientAddress& client, Now now) const;

  /// The features a nonce announced; all off where it has no cookie of ours. Trust it only after
  /// check().
  SecurityFeatures features_of(std::string_view nonce) const;

 private:
  Settings settings_;
};

}  // namespace uturn
