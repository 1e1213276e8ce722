// How values are written, both ways; everything printed here can be parsed again.
#include "server/config_texts.h"

#include <algorithm>
#include <charconv>
#include <vector>

namespace uturn {
namespace {

struct Unit {
  std::string_view name;
  uint64_t factor;
};

constexpr Unit kDurationUnits[] = {
    {"d", 86'400'000'000'000}, {"h", 3'600'000'000'000}, {"m", 60'000'000'000},
    {"s", 1'000'000'000},      {"ms", 1'000'000},        {"us", 1'000},
};
constexpr Unit kSizeUnits[] = {{"GiB", 1u << 30},     {"MiB", 1u << 20}, {"KiB", 1u << 10},
                               {"GB", 1'000'000'000}, {"MB", 1'000'000}, {"kB", 1'000}};
const Unit* find_unit(std::span<const Unit> units, std::string_view name) {
  const auto found = std::ranges::find(units, name, &Unit::name);
  return found == units.end() ? nullptr : &*found;
}

/// Takes digits off the front; nullopt without any, or where they overflow.
std::optional<uint64_t> take_number(std::string_view& text) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return number;
}

std::optional<uint64_t> times(uint64_t number, uint64_t factor) {
  uint64_t product = 0;
  if (__builtin_mul_overflow(number, factor, &product)) return std::nullopt;
  return product;
}

std::optional<uint64_t> parse_with_unit(std::span<const Unit> units, std::string_view text) {
  const auto number = take_number(text);
  if (!number) return std::nullopt;
  const Unit* unit = find_unit(units, text);
  return unit == nullptr ? std::nullopt : times(*number, unit->factor);
}

// A socket bound to port 0 gets any port, outside the range.
std::optional<uint16_t> parse_port(std::string_view text) {
  const auto number = take_number(text);
  if (!number || !text.empty() || *number == 0 || *number > UINT16_MAX) return std::nullopt;
  return static_cast<uint16_t>(*number);
}

/// By the largest unit that divides it; `units` are sorted so.
std::string print_with_unit(std::span<const Unit> units, uint64_t value) {
  for (const Unit& unit : units) {
    if (value % unit.factor == 0)
      return std::to_string(value / unit.factor) + std::string(unit.name);
  }
  return std::to_string(value);
}

}  // namespace

std::optional<Duration> parse_duration(std::string_view text) {
  if (text == "0") return Duration{0};
  if (text.empty()) return std::nullopt;
  uint64_t sum = 0;
  while (!text.empty()) {
    const auto number = take_number(text);
    if (!number) return std::nullopt;
    const size_t length = std::min(text.find_first_of("0123456789"), text.size());
    const Unit* unit = find_unit(kDurationUnits, text.substr(0, length));
    if (unit == nullptr) return std::nullopt;
    text.remove_prefix(length);

    const auto part = times(*number, unit->factor);
    if (!part || __builtin_add_overflow(sum, *part, &sum)) return std::nullopt;
  }
  if (sum > static_cast<uint64_t>(Duration::max().count())) return std::nullopt;
  return Duration{static_cast<Duration::rep>(sum)};
}

std::string print_duration(Duration duration) {
  if (duration.count() == 0) return "0";
  return print_with_unit(kDurationUnits, static_cast<uint64_t>(duration.count()));
}

std::optional<uint64_t> parse_size(std::string_view text) {
  if (const auto bytes = parse_count(text)) return *bytes;
  return parse_with_unit(kSizeUnits, text);
}

std::string print_size(uint64_t bytes) {
  if (bytes == 0) return "0";
  return print_with_unit(std::span(kSizeUnits).first(3), bytes);
}

std::optional<uint32_t> parse_count(std::string_view text) {
  std::string digits;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool is_between_digits = i > 0 && i + 1 < text.size();
    if (text[i] == '_' && is_between_digits) continue;
    digits += text[i];
  }
  uint32_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return number;
}

std::optional<uint64_t> parse_rate(std::string_view text) {
  if (text == "0") return 0;
  constexpr std::pair<std::string_view, uint64_t> kUnits[] = {
      {"Gbit/s", 1'000'000'000}, {"Mbit/s", 1'000'000}, {"kbit/s", 1'000}, {"bit/s", 1}};
  for (const auto& [unit, bits] : kUnits) {
    if (!text.ends_with(unit)) continue;
    text.remove_suffix(unit.size());
    if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
    double number = 0;
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
    const double bytes = number * static_cast<double>(bits) / 8;
    constexpr double kMost = 1e12;
    if (error != std::errc{} || end != text.data() + text.size() || bytes < 1 || bytes > kMost) {
      return std::nullopt;
    }
    return static_cast<uint64_t>(bytes);
  }
  return std::nullopt;
}

std::string print_rate(uint64_t bytes_per_second) {
  if (bytes_per_second == 0) return "0";
  const uint64_t bits = bytes_per_second * 8;
  if (bits % 1'000'000'000 == 0) return std::to_string(bits / 1'000'000'000) + "Gbit/s";
  if (bits % 1'000'000 == 0) return std::to_string(bits / 1'000'000) + "Mbit/s";
  if (bits % 1'000 == 0) return std::to_string(bits / 1'000) + "kbit/s";
  return std::to_string(bits) + "bit/s";
}

std::optional<PortRange> parse_port_range(std::string_view text) {
  const size_t dash = text.find('-');
  if (dash == text.npos) return std::nullopt;
  const auto first = parse_port(text.substr(0, dash));
  const auto last = parse_port(text.substr(dash + 1));
  if (!first || !last || *first > *last) return std::nullopt;
  return PortRange{*first, *last};
}

std::string print_port_range(PortRange range) {
  return std::to_string(range.first) + "-" + std::to_string(range.last);
}

std::optional<bool> parse_truth(std::string_view text) {
  if (text == "true" || text == "yes" || text == "on") return true;
  if (text == "false" || text == "no" || text == "off") return false;
  return std::nullopt;
}

std::string yaml_quoted(std::string_view text) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/-+";
  const bool is_plain = !text.empty() && text.find_first_not_of(kPlain) == text.npos &&
                        text.front() != '-' && text != "null" && text != "Null" && text != "NULL";
  if (is_plain) return std::string(text);

  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      constexpr char kHex[] = "0123456789abcdef";
      out += {'\\', 'x', kHex[(c >> 4) & 0xF], kHex[c & 0xF]};
    } else {
      out += c;
    }
  }
  return out + '"';
}

size_t edit_distance(std::string_view a, std::string_view b) {
  // Optimal string alignment: three rows of the classic table are enough for swaps.
  std::vector<size_t> before(b.size() + 1);
  std::vector<size_t> above(b.size() + 1);
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) above[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({replaced, above[j] + 1, row[j - 1] + 1});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, above);
    std::swap(above, row);
  }
  return above[b.size()];
}

}  // namespace uturn
