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

/// What the nonce cookie announces (RFC 8489, Section 18.1), and one thing that only we read: was
/// SHA-256 on the list of PASSWORD-ALGORITHMS that went out with this nonce? Without it nobody who
/// keeps nothing could compare the client's copy of the list (RFC 8489, Section 9.2.4).
struct SecurityFeatures {
  bool password_algorithms = false;
  bool username_anonymity = false;
  bool sha256 = false;
  friend bool operator==(const SecurityFeatures&, const SecurityFeatures&) = default;
};

/// Erratum 6290 counts from the least significant bit; 9.2 and RFC 8656 from the most significant.
enum class FeatureBitOrder : uint8_t { erratum_6290, most_significant_first };

/// One HMAC key of the nonces; a fleet may share them, rotation keeps the older ones for checking.
/// Wiped when it goes.
struct NonceKey {
  static constexpr uint8_t kMaxId = 31;
  uint8_t id = 0;  ///< 0..kMaxId, no two alike among the keys of one server
  std::array<uint8_t, 32> secret{};
  ~NonceKey();
};

enum class NonceVerdict : uint8_t {
  fresh,
  stale,  ///< ours, but older than the lifetime or from more than 60 s ahead
  alien,  ///< malformed, of an unknown key, or for another client IP: answered like a stale one
};

/// A nonce is text: "obMatJos2", four characters of security features, then base64 (no padding) of
///
///   version (2 bits) | SHA-256 announced (1) | key id (5)   1 byte
///   minted at, seconds since 1970                           4 bytes
///   salt                                                    4 bytes
///   MAC: HMAC-SHA256, truncated                            10 bytes
///
/// The salt is the client's port under a keyed mask: two ports never get the same nonce, while a
/// changed port still verifies, since nothing compares it (RFC 8489, Section 9.2.4). The MAC covers
/// the features, the client's IP address (canonical) and the fields before it.
class NonceMint {
 public:
  struct Settings {
    std::vector<NonceKey> keys;  ///< the first mints, all check; at least one
    Duration lifetime = std::chrono::hours(1);
    FeatureBitOrder bit_order = FeatureBitOrder::erratum_6290;
  };
  static constexpr size_t kMaxSize = 48;  ///< 39 are used
  static constexpr Duration kFutureTolerance = std::chrono::seconds(60);

  explicit NonceMint(Settings settings);

  /// Writes a nonce and returns it as a view of `out`.
  std::string_view mint(std::span<char, kMaxSize> out, const ClientAddress& client,
                        SecurityFeatures features, Now now) const;
  NonceVerdict check(std::string_view nonce, const ClientAddress& client, Now now) const;

  /// The features a nonce announced; all off where it has not our form. Trust it only after
  /// check().
  SecurityFeatures features_of(std::string_view nonce) const;

 private:
  Settings settings_;
};

}  // namespace uturn
