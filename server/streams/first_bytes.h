// First bytes: what speaks on a new stream connection, and what a datagram is.
#pragma once

#include <cstdint>

#include "protocol/bytes.h"
#include "protocol/channel_data.h"

namespace uturn {

enum class StreamKind : uint8_t {
  undecided,  ///< come back with more bytes; never more than kFirstBytes are needed
  turn,       ///< STUN, or what would be ChannelData
  tls,
  proxy,  ///< a PROXY header of either version: for a connection of a configured proxy only
  http,
  other,
};

/// As many bytes always decide.
inline constexpr size_t kFirstBytes = 16;

/// Plain TURN, TLS and HTTP are told apart on every stream port. The first message of a connection
/// is a request: no channel can exist yet, so that "GET " is HTTP and not ChannelData of channel
/// 0x4745. Any chunking of a stream gives the same.
StreamKind kind_of_stream(Bytes first_bytes);

/// RFC 7983, Section 7, and what RFC 9443, Section 3 made of the gaps.
enum class DatagramKind : uint8_t { stun, dtls, channel_data, zrtp, rtp, quic, unknown };

/// `channels`: RFC 5766 had channels where QUIC is today. (A PROXY header begins with 13: unknown.)
constexpr DatagramKind kind_of_datagram(uint8_t first_byte, ChannelRange channels) {
  if (first_byte <= 3) return DatagramKind::stun;
  if (first_byte <= 15) return DatagramKind::unknown;
  if (first_byte <= 19) return DatagramKind::zrtp;
  if (first_byte <= 63) return DatagramKind::dtls;
  if (looks_like_channel_data(first_byte, channels)) return DatagramKind::channel_data;
  if (first_byte <= 127) return DatagramKind::quic;
  return first_byte <= 191 ? DatagramKind::rtp : DatagramKind::quic;
}

}  // namespace uturn
