// MESSAGE-INTEGRITY and MESSAGE-INTEGRITY-SHA256 (RFC 8489, Sections 14.5 and 14.6).
#pragma once

#include <array>
#include <cstdint>

#include "protocol/bytes.h"
#include "protocol/message_view.h"

namespace uturn {

enum class Integrity : uint8_t { sha1, sha256 };

/// Is the attribute there, of a legal length, and right? Compares in constant time. The MAC covers
/// the message up to the attribute with the length field as if the message ended behind it. A
/// MESSAGE-INTEGRITY-SHA256 shorter than 32 bytes is refused unless `allow_truncation` (no use of
/// it is defined for the long-term mechanism: RFC 8489, Section 14.6).
bool verify_integrity(const MessageView& message, Bytes key);
bool verify_integrity_sha256(const MessageView& message, Bytes key, bool allow_truncation = false);

// The primitives, for the builder and for auth/. Fetched once per process, a context per thread: a
// fetch or a one-shot HMAC per message takes a lock shared by every shard (OpenSSL 3).
std::array<uint8_t, 20> hmac_sha1(Bytes key, Bytes a, Bytes b = {});
std::array<uint8_t, 32> hmac_sha256(Bytes key, Bytes a, Bytes b = {});  ///< over a, then b
bool equal_in_constant_time(Bytes a, Bytes b);

}  // namespace uturn
