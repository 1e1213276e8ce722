// TlsHelloLimit: refuses a ClientHello by the length it announces, before room is made for it.
#pragma once

#include <array>

#include "protocol/bytes.h"

namespace uturn {

/// OpenSSL takes ClientHellos of up to 128 KiB, and makes room for all of one when its first nine
/// bytes have come: too much for somebody who sent nine. Follows the records of a handshake until
/// they are about something else, and all that comes in before it is done.
class TlsHelloLimit {
 public:
  /// Post-quantum key shares and tickets included, real ones have less than 4 KiB.
  static constexpr uint32_t kMaxClientHello = 16 * 1024;
  static constexpr uint32_t kMaxHandshake = 64 * 1024;

  /// The next bytes of the stream, in any pieces. False: no further.
  bool admits(Bytes piece);

 private:
  bool admits_message_byte(uint8_t byte);

  std::array<uint8_t, 5> record_header_{};
  std::array<uint8_t, 4> message_header_{};
  uint8_t record_header_size_ = 0;
  uint8_t message_header_size_ = 0;
  bool is_done_ = false;  ///< the ClientHellos are over
  uint16_t record_left_ = 0;
  uint32_t message_left_ = 0;
  uint32_t total_ = 0;
};

}  // namespace uturn
