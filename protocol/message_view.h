// MessageView: a STUN message read in place (RFC 8489, Sections 5 and 14).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "protocol/attribute_type.h"
#include "protocol/bytes.h"
#include "protocol/method.h"
#include "protocol/result.h"

namespace uturn {

inline constexpr size_t kStunHeaderSize = 20;
inline constexpr uint32_t kMagicCookie = 0x2112A442;

/// 96 bits that name a transaction (RFC 8489, Section 5).
struct TransactionId {
  std::array<uint8_t, 12> bytes{};
  friend bool operator==(const TransactionId&, const TransactionId&) = default;
};

/// Why bytes are no STUN message. Each is a drop reason with a counter.
enum class ParseError : uint8_t {
  too_short,            ///< fewer than 20 bytes
  not_stun,             ///< the two first bits are not zero
  wrong_cookie,         ///< classic STUN (RFC 3489) or chance
  wrong_length,         ///< length field no multiple of 4, or it disagrees with the datagram
  truncated_attribute,  ///< an attribute reaches beyond the message
  too_many_attributes,  ///< more than kMaxAttributes
};

inline constexpr size_t kMaxAttributes = 64;  ///< bounds the work for one message

/// Bytes that follow a value of this size so that the next attribute starts on a 32-bit boundary
/// (RFC 8489, Section 14).
constexpr size_t padding_of(size_t value_size) { return (4 - value_size % 4) % 4; }

/// The longest text that is read, the longest that is written (RFC 8489, Sections 14.3, 14.8 to
/// 14.10 and 14.14). USERNAME has fewer than 509 bytes when written.
inline constexpr size_t kMaxTextOnReceipt = 763;
inline constexpr size_t kMaxTextOnSending = 509;

/// One attribute: its type and its value without padding.
struct AttributeView {
  AttributeType type{};
  Bytes value;
};

/// A message that parsed. Views the caller's bytes; copy what must outlive them.
///
///    0                   1                   2                   3
///    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
///   |0 0|     message type          |         message length        |
///   |                         magic cookie                          |
///   |                     transaction id (96 bits)                  |
///   |      attributes: type (16) length (16) value, padded to 4     |
///
/// What stands behind MESSAGE-INTEGRITY does not exist, except MESSAGE-INTEGRITY-SHA256 and
/// FINGERPRINT; behind MESSAGE-INTEGRITY-SHA256 only FINGERPRINT exists (RFC 8489, Section 9);
/// behind FINGERPRINT nothing does (Section 14.7: it is the last). The rule is applied here, once,
/// for everybody. It follows that
///   - of each of the three the first counts, and a later one of the same type does not exist;
///   - MESSAGE-INTEGRITY behind MESSAGE-INTEGRITY-SHA256 does not exist: the order that Section 9
///     names is the other one, and what was signed first is checked;
///   - one of a wrong length ends the ordinary attributes like any other and then does not verify;
///   - what does not exist must still be well-formed: its lengths are part of the message.
class MessageView {
 public:
  /// `bytes` is one whole datagram or frame. Padding is never looked at.
  static Result<MessageView, ParseError> parse(Bytes bytes);

  Method method() const { return method_of(load_be16(bytes_.data())); }
  MessageClass message_class() const { return class_of(load_be16(bytes_.data())); }
  TransactionId transaction_id() const;
  Bytes bytes() const { return bytes_; }  ///< the whole message, header included

  /// The first attribute of this type; later ones of the same type are ignored (RFC 8489, Section
  /// 14).
  std::optional<AttributeView> find(AttributeType type) const;
  bool has(AttributeType type) const { return find(type).has_value(); }

  /// The value of that attribute. `text`: of USERNAME, REALM, NONCE, SOFTWARE …; a text longer than
  /// kMaxTextOnReceipt is treated like one that is not there.
  std::optional<Bytes> value(AttributeType type) const;
  std::optional<std::string_view> text(AttributeType type) const;

  /// The attributes that exist by the rule above, in order, duplicates included.
  class Iterator {
   public:
    using value_type = AttributeView;
    using difference_type = std::ptrdiff_t;
    AttributeView operator*() const;
    Iterator& operator++();
    Iterator operator++(int) {
      Iterator old = *this;
      ++*this;
      return old;
    }
    bool operator==(const Iterator& other) const { return at_ == other.at_; }

   private:
    friend class MessageView;
    Iterator(const MessageView* message, size_t at) : message_(message), at_(at) {}
    const MessageView* message_ = nullptr;
    size_t at_ = 0;  ///< offset of the attribute's header in the message
  };
  Iterator begin() const;
  Iterator end() const;

  /// Offset of an attribute's header in bytes(), 0 where it does not exist: what integrity covers.
  size_t integrity_offset() const { return integrity_; }
  size_t integrity_sha256_offset() const { return integrity_sha256_; }
  size_t fingerprint_offset() const { return fingerprint_; }

 private:
  MessageView() = default;
  Bytes bytes_;
  void note(AttributeType type, uint32_t at);  ///< applies the rule to the next attribute
  size_t existing_from(size_t at) const;       ///< the first that exists, from this boundary on

  // 32 bits: an attribute of the longest message starts beyond 65,535.
  uint32_t integrity_ = 0;
  uint32_t integrity_sha256_ = 0;
  uint32_t fingerprint_ = 0;
  uint32_t ordinary_end_ = 0;  ///< where the attributes end that are none of these three
};

/// Is this what a STUN message starts with (RFC 7983: first byte 0 to 3)?
constexpr bool looks_like_stun(uint8_t first_byte) { return first_byte <= 3; }

}  // namespace uturn
