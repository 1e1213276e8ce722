// TlsHelloLimit: record headers and message headers, wherever the pieces begin and end.
//
// Also: RFC 8446, Sections 4 and 5.1.
#include "io/tls_hello_limit.h"

namespace uturn {
namespace {

constexpr uint8_t kTlsHandshake = 22;
constexpr uint8_t kTlsClientHello = 1;

}  // namespace

bool TlsHelloLimit::admits(Bytes piece) {
  if (piece.size() > kMaxHandshake - total_) return false;
  total_ += static_cast<uint32_t>(piece.size());
  while (!piece.empty() && !is_done_) {
    size_t used = 1;
    if (record_left_ == 0) {
      record_header_[record_header_size_++] = piece[0];
      if (record_header_size_ == record_header_.size()) {
        record_left_ = load_be16(&record_header_[3]);
        record_header_size_ = 0;
      }
    } else if (record_header_[0] != kTlsHandshake) {
      used = std::min<size_t>(piece.size(), record_left_);
      record_left_ = static_cast<uint16_t>(record_left_ - used);
    } else if (message_left_ != 0) {
      used = std::min<size_t>({piece.size(), record_left_, message_left_});
      record_left_ = static_cast<uint16_t>(record_left_ - used);
      message_left_ -= static_cast<uint32_t>(used);
    } else {
      --record_left_;
      if (!admits_message_byte(piece[0])) return false;
    }
    piece = piece.subspan(used);
  }
  return true;
}

bool TlsHelloLimit::admits_message_byte(uint8_t byte) {
  message_header_[message_header_size_++] = byte;
  if (message_header_size_ != message_header_.size()) return true;
  message_header_size_ = 0;
  is_done_ = message_header_[0] != kTlsClientHello;
  message_left_ = load_be32(message_header_.data()) & 0xFFFFFF;
  return is_done_ || message_left_ <= kMaxClientHello;
}

}  // namespace uturn
