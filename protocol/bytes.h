// Bytes: spans, loads and stores in network byte order, and a received packet with room in front.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string_view>

namespace uturn {

using Bytes = std::span<const uint8_t>;
using MutableBytes = std::span<uint8_t>;

/// Stops the process when one of our own invariants is broken. Never for what the network sends.
#define CHECK(condition)                                                                 \
  do {                                                                                   \
    if (!(condition)) [[unlikely]] {                                                     \
      std::fprintf(stderr, "%s:%d: CHECK failed: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                      \
    }                                                                                    \
  } while (false)

namespace detail {
template <class T>
constexpr T network_order(T value) {
  if constexpr (std::endian::native == std::endian::big) return value;
  if constexpr (sizeof(T) == 2) return static_cast<T>(__builtin_bswap16(value));
  if constexpr (sizeof(T) == 4) return static_cast<T>(__builtin_bswap32(value));
  if constexpr (sizeof(T) == 8) return static_cast<T>(__builtin_bswap64(value));
}
template <class T>
T load_be(const uint8_t* from) {
  T value;
  std::memcpy(&value, from, sizeof value);  // attributes are at any address: never a cast
  return network_order(value);
}
template <class T>
void store_be(uint8_t* to, T value) {
  value = network_order(value);
  std::memcpy(to, &value, sizeof value);
}
}  // namespace detail

inline uint16_t load_be16(const uint8_t* from) { return detail::load_be<uint16_t>(from); }
inline uint32_t load_be32(const uint8_t* from) { return detail::load_be<uint32_t>(from); }
inline uint64_t load_be64(const uint8_t* from) { return detail::load_be<uint64_t>(from); }
inline void store_be16(uint8_t* to, uint16_t value) { detail::store_be(to, value); }
inline void store_be32(uint8_t* to, uint32_t value) { detail::store_be(to, value); }
inline void store_be64(uint8_t* to, uint64_t value) { detail::store_be(to, value); }

inline Bytes bytes_of(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}
inline std::string_view text_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline bool equal(Bytes a, Bytes b) { return std::ranges::equal(a, b); }

/// The room every received packet offers in front of its bytes: enough for the header of a Data
/// indication to an IPv6 peer (48) and then some. Asserted by the loops at start.
inline constexpr size_t kHeadroom = 64;

/// A received datagram or frame in a lent buffer, valid until the pass ends.
///
///   room (>= kHeadroom)            bytes
///   ┌───────────────────┬────────┐┌──────────────────────┐
///   │                   │ header ││ payload              │
///   └───────────────────┴────────┘└──────────────────────┘
///
/// Usually the room lies directly before the bytes, and a header taken from its end makes one
/// contiguous packet. The second and later datagrams of a GRO train share a buffer with their
/// predecessors; their room lies elsewhere, and the loop sends header and payload by iovec.
class Packet {
 public:
  Packet(MutableBytes room, MutableBytes bytes) : room_(room), bytes_(bytes) {}

  MutableBytes bytes() const { return bytes_; }
  size_t size() const { return bytes_.size(); }

  /// The last `size` bytes of the room: a header to be written in front of the payload.
  MutableBytes header(size_t size) const {
    CHECK(size <= room_.size());
    return room_.last(size);
  }

  /// A part of it as a packet of its own, which may overwrite whatever lies in front of the part.
  ///
  ///   room                     bytes
  ///   ┌───────────────────────┐┌────────┬────────────────────┐
  ///   │                       ││ header │ part               │
  ///   └───────────────────────┘└────────┴────────────────────┘
  ///    ^------------- its room --------^ ^---- its bytes ---^
  ///
  /// Where the room lies elsewhere, it is the room of the part too, unless the header is as large.
  Packet inner(Bytes part) const {
    const auto before = static_cast<size_t>(part.data() - bytes_.data());
    CHECK(before <= bytes_.size() && part.size() <= bytes_.size() - before);
    const MutableBytes bytes = bytes_.subspan(before, part.size());
    const bool adjoins = room_.data() + room_.size() == bytes_.data();
    if (adjoins) return {MutableBytes{room_.data(), room_.size() + before}, bytes};
    return {before >= room_.size() ? bytes_.first(before) : room_, bytes};
  }

 private:
  MutableBytes room_;
  MutableBytes bytes_;
};

}  // namespace uturn
