// Parsing: one walk over the headers of all attributes, which decides what exists.
//
// Also: RFC 5389, Sections 15 and 15.4.
#include "protocol/message_view.h"

#include "protocol/attribute_header.h"

namespace uturn {
namespace {

AttributeType type_at(Bytes message, size_t at) {
  return static_cast<AttributeType>(load_be16(message.data() + at));
}

size_t value_size_at(Bytes message, size_t at) { return load_be16(message.data() + at + 2); }

size_t padded_size_at(Bytes message, size_t at) {
  const size_t value_size = value_size_at(message, at);
  return kAttributeHeaderSize + value_size + padding_of(value_size);
}

}  // namespace

Result<MessageView, ParseError> MessageView::parse(Bytes bytes) {
  if (bytes.size() < kStunHeaderSize) return Failure{ParseError::too_short};
  if ((bytes[0] & 0xC0) != 0) return Failure{ParseError::not_stun};
  if (load_be32(bytes.data() + 4) != kMagicCookie) return Failure{ParseError::wrong_cookie};
  const size_t length = load_be16(bytes.data() + 2);
  if (length % 4 != 0 || kStunHeaderSize + length != bytes.size())
    return Failure{ParseError::wrong_length};

  MessageView message;
  message.bytes_ = bytes;
  message.ordinary_end_ = static_cast<uint32_t>(bytes.size());

  size_t count = 0;
  for (size_t at = kStunHeaderSize; at < bytes.size();) {
    if (++count > kMaxAttributes) return Failure{ParseError::too_many_attributes};
    // A header always fits: `at` and the size are multiples of 4.
    const size_t padded_size = padded_size_at(bytes, at);
    if (padded_size > bytes.size() - at) return Failure{ParseError::truncated_attribute};
    message.note(type_at(bytes, at), static_cast<uint32_t>(at));
    at += padded_size;
  }
  return message;
}

void MessageView::note(AttributeType type, uint32_t at) {
  if (fingerprint_ != 0) return;
  if (type == AttributeType::message_integrity) {
    if (integrity_ != 0 || integrity_sha256_ != 0) return;
    integrity_ = at;
  } else if (type == AttributeType::message_integrity_sha256) {
    if (integrity_sha256_ != 0) return;
    integrity_sha256_ = at;
  } else if (type == AttributeType::fingerprint) {
    fingerprint_ = at;
  } else {
    return;
  }
  ordinary_end_ = std::min(ordinary_end_, at);
}

TransactionId MessageView::transaction_id() const {
  TransactionId id;
  std::ranges::copy(bytes_.subspan(8, id.bytes.size()), id.bytes.begin());
  return id;
}

std::optional<AttributeView> MessageView::find(AttributeType type) const {
  for (const AttributeView attribute : *this) {
    if (attribute.type == type) return attribute;
  }
  return std::nullopt;
}

std::optional<Bytes> MessageView::value(AttributeType type) const {
  const auto attribute = find(type);
  if (!attribute) return std::nullopt;
  return attribute->value;
}

std::optional<std::string_view> MessageView::text(AttributeType type) const {
  const auto attribute = find(type);
  if (!attribute || attribute->value.size() > kMaxTextOnReceipt) return std::nullopt;
  return text_of(attribute->value);
}

AttributeView MessageView::Iterator::operator*() const {
  const Bytes bytes = message_->bytes_;
  return {type_at(bytes, at_),
          bytes.subspan(at_ + kAttributeHeaderSize, value_size_at(bytes, at_))};
}

MessageView::Iterator& MessageView::Iterator::operator++() {
  at_ = message_->existing_from(at_ + padded_size_at(message_->bytes_, at_));
  return *this;
}

MessageView::Iterator MessageView::begin() const { return {this, existing_from(kStunHeaderSize)}; }

MessageView::Iterator MessageView::end() const { return {this, bytes_.size()}; }

size_t MessageView::existing_from(size_t at) const {
  if (at < ordinary_end_) return at;
  // These three stand in this order, where they exist.
  for (const size_t offset : {integrity_, integrity_sha256_, fingerprint_}) {
    if (offset >= at) return offset;
  }
  return bytes_.size();
}

}  // namespace uturn
