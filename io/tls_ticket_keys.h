// TlsTicketKeys: what session tickets are encrypted with, so that any shard resumes what another
// began (RFC 5077; RFC 8446, Section 2.2).
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "protocol/bytes.h"
#include "protocol/time.h"

namespace uturn {

/// Wiped when it goes.
struct TlsTicketKey {
  std::array<uint8_t, 16> name{};  ///< stands in clear in the ticket
  std::array<uint8_t, 32> cipher_key{};
  std::array<uint8_t, 32> mac_key{};
  Instant made_at{};
  ~TlsTicketKey();
};

/// An immutable set: the first key makes tickets, all read them. Rotation makes another set; who
/// still holds the former one goes on with it.
class TlsTicketKeys {
 public:
  /// A key makes tickets for this long.
  static constexpr Duration kRotation = std::chrono::hours(1);
  /// A ticket is good for this long; so a key is kept for the rotation and this.
  static constexpr std::chrono::seconds kTicketLifetime = std::chrono::hours(1);
  static constexpr size_t kMaxKeys = 8;

  /// One new key, from OpenSSL's CSPRNG.
  static std::shared_ptr<const TlsTicketKeys> make(Now now);
  /// Given keys, the first makes tickets: for servers that share them. 1 to kMaxKeys.
  explicit TlsTicketKeys(std::vector<TlsTicketKey> keys);

  Instant rotates_at() const { return keys_.front().made_at + kRotation; }
  /// A new first key before those that a living ticket may be made with.
  std::shared_ptr<const TlsTicketKeys> rotated(Now now) const;

  const TlsTicketKey& newest() const { return keys_.front(); }
  const TlsTicketKey* find(Bytes name) const;  ///< null: no ticket of ours, or too old
  size_t size() const { return keys_.size(); }

 private:
  std::vector<TlsTicketKey> keys_;
};

}  // namespace uturn
