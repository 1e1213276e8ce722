// AddressRange: read from text and written as the shortest text that means it.
#include "auth/address_range.h"

#include <charconv>

namespace uturn {
namespace {

IpAddress with_bytes(AddressFamily family, const std::array<uint8_t, 16>& bytes) {
  if (family == AddressFamily::ipv4) return IpAddress::v4(std::span{bytes}.first<4>());
  return IpAddress::v6(bytes);
}

int width_of(const IpAddress& address) { return address.is_v4() ? 32 : 128; }

/// The address with all bits behind the prefix zero, or one.
IpAddress with_host_bits(const IpAddress& address, int prefix, bool ones) {
  std::array<uint8_t, 16> bytes{};
  std::ranges::copy(address.bytes(), bytes.begin());
  for (int bit = prefix; bit < width_of(address); ++bit) {
    const auto mask = static_cast<uint8_t>(0x80 >> bit % 8);
    uint8_t& byte = bytes[static_cast<size_t>(bit / 8)];
    byte = static_cast<uint8_t>(ones ? byte | mask : byte & ~mask);
  }
  return with_bytes(address.family(), bytes);
}

std::optional<int> parse_prefix_length(std::string_view text, int most) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.begin(), text.end(), value);
  const bool is_plain = !text.empty() && text[0] != '-' && (text.size() == 1 || text[0] != '0');
  if (error != std::errc{} || end != text.end() || !is_plain || value > most) return std::nullopt;
  return value;
}

/// The prefix length of the CIDR block that the range is, if it is one.
std::optional<int> prefix_length_of(const AddressRange& range) {
  for (int prefix = 0; prefix <= width_of(range.first); ++prefix) {
    if (with_host_bits(range.first, prefix, false) == range.first &&
        with_host_bits(range.first, prefix, true) == range.last) {
      return prefix;
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<AddressRange> AddressRange::parse(std::string_view text) {
  if (const size_t slash = text.find('/'); slash != text.npos) {
    const auto address = IpAddress::parse(text.substr(0, slash));
    if (!address) return std::nullopt;
    const auto prefix = parse_prefix_length(text.substr(slash + 1), width_of(*address));
    if (!prefix || with_host_bits(*address, *prefix, false) != *address) return std::nullopt;
    return AddressRange{*address, with_host_bits(*address, *prefix, true)};
  }
  if (const size_t dash = text.find('-'); dash != text.npos) {
    const auto first = IpAddress::parse(text.substr(0, dash));
    const auto last = IpAddress::parse(text.substr(dash + 1));
    if (!first || !last || first->family() != last->family() || *last < *first) return std::nullopt;
    return AddressRange{*first, *last};
  }
  const auto address = IpAddress::parse(text);
  if (!address) return std::nullopt;
  return AddressRange{*address, *address};
}

std::string AddressRange::to_string() const {
  if (first == last) return first.to_string();
  if (const auto prefix = prefix_length_of(*this)) {
    return first.to_string() + "/" + std::to_string(*prefix);
  }
  return first.to_string() + "-" + last.to_string();
}

}  // namespace uturn
