// ClientHello and HelloVerifyRequest of DTLS, byte by byte.
//
//   record:   type (1) version (2) epoch (2) sequence number (6) length (2)
//   message:  type (1) length (3) message sequence (2) fragment offset (3) fragment length (3)
//   hello:    version (2) random (32) session id <0..32> cookie <0..255> ...
//
// RFC 6347, Sections 4.1, 4.2.1 and 4.2.2.
#include "io/dtls_hello.h"

namespace uturn {
namespace {

constexpr size_t kMessageHeader = 12;
constexpr size_t kVersionAndRandom = 34;
constexpr size_t kMaxSessionId = 32;
constexpr uint8_t kHandshakeRecord = 22;
constexpr uint8_t kClientHello = 1;
constexpr uint8_t kHelloVerifyRequest = 3;
constexpr uint8_t kMajorVersion = 0xFE;
constexpr uint16_t kVersion1_0 = 0xFEFF;

uint32_t load_be24(const uint8_t* from) {
  return static_cast<uint32_t>(from[0]) << 16 | load_be16(from + 1);
}

/// The part that a length of one byte announces, cut from the front of `rest`.
std::optional<Bytes> cut_vector(Bytes& rest) {
  if (rest.empty() || rest.size() - 1 < rest[0]) return std::nullopt;
  const Bytes vector = rest.subspan(1, rest[0]);
  rest = rest.subspan(1 + vector.size());
  return vector;
}

}  // namespace

std::optional<DtlsClientHello> read_client_hello(Bytes datagram) {
  if (datagram.size() < kDtlsRecordHeader + kMessageHeader + kVersionAndRandom) return std::nullopt;
  const bool is_plain_handshake = datagram[0] == kHandshakeRecord && datagram[1] == kMajorVersion &&
                                  load_be16(&datagram[3]) == 0;
  if (!is_plain_handshake) return std::nullopt;
  Bytes rest = datagram.subspan(kDtlsRecordHeader);
  const size_t record_size = load_be16(&datagram[11]);
  if (record_size > rest.size() || record_size < kMessageHeader + kVersionAndRandom)
    return std::nullopt;
  rest = rest.first(record_size);

  const bool is_start = rest[0] == kClientHello && load_be24(&rest[6]) == 0;
  const size_t fragment_size = load_be24(&rest[9]);
  rest = rest.subspan(kMessageHeader);
  if (!is_start || fragment_size > rest.size()) return std::nullopt;
  rest = rest.first(fragment_size);
  if (rest.size() < kVersionAndRandom || rest[0] != kMajorVersion) return std::nullopt;

  DtlsClientHello hello{datagram.subspan(5, 6), rest.subspan(2, 32), {}};
  rest = rest.subspan(kVersionAndRandom);
  const auto session_id = cut_vector(rest);
  if (!session_id || session_id->size() > kMaxSessionId) return std::nullopt;
  const auto cookie = cut_vector(rest);
  if (!cookie) return std::nullopt;
  hello.cookie = *cookie;
  return hello;
}

size_t write_hello_verify_request(const DtlsClientHello& hello, Bytes cookie, MutableBytes out) {
  const size_t body_size = 3 + cookie.size();
  const size_t size = kDtlsRecordHeader + kMessageHeader + body_size;
  CHECK(cookie.size() <= 255 && size <= out.size());
  std::ranges::fill(out.first(size), uint8_t{0});  // epoch, message sequence, fragment offset
  out[0] = kHandshakeRecord;
  store_be16(&out[1], kVersion1_0);  // whatever is negotiated later (Section 4.2.1)
  std::ranges::copy(hello.record_sequence, &out[5]);
  store_be16(&out[11], static_cast<uint16_t>(kMessageHeader + body_size));

  uint8_t* message = &out[kDtlsRecordHeader];
  message[0] = kHelloVerifyRequest;
  store_be16(message + 2, static_cast<uint16_t>(body_size));
  store_be16(message + 10, static_cast<uint16_t>(body_size));

  uint8_t* body = message + kMessageHeader;
  store_be16(body, kVersion1_0);
  body[2] = static_cast<uint8_t>(cookie.size());
  std::ranges::copy(cookie, body + 3);
  return size;
}

}  // namespace uturn
