// Access tokens: third-party authorization by OAuth (RFC 7635).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/key.h"
#include "protocol/bytes.h"
#include "protocol/time.h"

namespace uturn {

/// How tokens are encrypted: AEAD_AES_256_GCM and AEAD_AES_128_GCM of RFC 5116.
enum class TokenAlgorithm : uint8_t { a256gcm, a128gcm };
constexpr size_t key_size_of(TokenAlgorithm algorithm) {
  return algorithm == TokenAlgorithm::a256gcm ? 32 : 16;
}

/// A long-term key that the authorization server shares with us (Section 4.1), by its kid. With
/// several that overlap in time a key is rolled. Wiped when it goes.
struct TokenKey {
  std::string kid;
  TokenAlgorithm algorithm = TokenAlgorithm::a256gcm;
  std::array<uint8_t, 32> key{};  ///< the first 16 bytes for A128GCM
  CalendarTime not_before{};
  CalendarTime expires_at = CalendarTime::max();
  std::string credential_class{};  ///< of those who come by its tokens

  TokenKey() = default;
  TokenKey(const TokenKey&) = default;
  TokenKey& operator=(const TokenKey&) = default;
  ~TokenKey();
  bool is_valid(CalendarTime now) const { return not_before <= now && now < expires_at; }
  friend bool operator==(const TokenKey&, const TokenKey&) = default;
};

/// Where token keys come from: the configuration, a database's table that is polled. Asked on a
/// shard's thread, so it answers at once.
class TokenKeys {
 public:
  virtual ~TokenKeys() = default;
  virtual const TokenKey* find(std::string_view kid) const = 0;
};

/// Those of the configuration.
class ListedTokenKeys final : public TokenKeys {
 public:
  explicit ListedTokenKeys(std::vector<TokenKey> keys) : keys_(std::move(keys)) {}
  const TokenKey* find(std::string_view kid) const override;

 private:
  std::vector<TokenKey> keys_;
};

/// What a token holds (Section 6.2, Figure 4).
struct AccessToken {
  Key mac_key;
  CalendarTime issued_at{};  ///< whole seconds; the fraction counts for nothing here
  std::chrono::seconds lifetime{};

  /// "lifetime + Delta > abs(RDnew - TS)" (Section 7), Delta being kDelta.
  bool is_valid(CalendarTime now) const;
  CalendarTime expires_at() const { return issued_at + lifetime + kDelta; }
  static constexpr std::chrono::seconds kDelta{5};
};

inline constexpr size_t kTokenNonceSize = 12;  // what GCM has in RFC 5116
inline constexpr size_t kTokenTagSize = 16;
inline constexpr size_t kMaxMacKey = Key::kMaxSize;

/// Decrypts and checks. nullopt for whatever is not exactly what the key's owner sealed for this
/// server name, which is the associated data.
std::optional<AccessToken> open_token(Bytes token, const TokenKey& key,
                                      std::string_view server_name);

/// The other half, for whoever issues tokens: `nonce` never twice with one key.
std::vector<uint8_t> seal_token(const AccessToken& token, const TokenKey& key,
                                std::string_view server_name,
                                std::span<const uint8_t, kTokenNonceSize> nonce);

}  // namespace uturn
