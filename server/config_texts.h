// How values are written: durations, sizes, counts, yes and no, one of several words.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "protocol/time.h"
#include "server/relay/port_pool.h"

namespace uturn {

/// "0", "200us", "15ms", "30s", "10m", "1h", "7d"; several may follow one another: "1h30m".
std::optional<Duration> parse_duration(std::string_view text);
std::string print_duration(Duration duration);

/// Bytes: "65536", "64KiB", "4MiB", "1GiB"; kB, MB and GB count in thousands.
std::optional<uint64_t> parse_size(std::string_view text);
std::string print_size(uint64_t bytes);

/// Bits a second: "64kbit/s", "2Mbit/s", "1.5Gbit/s", counted in thousands; "0": no limit. As bytes
/// a second, of which there is at least one.
std::optional<uint64_t> parse_rate(std::string_view text);
std::string print_rate(uint64_t bytes_per_second);

/// Digits only; "_" may group them: "1_000_000".
std::optional<uint32_t> parse_count(std::string_view text);

/// Ports, both ends included: "49152-65535". Port 0 is none, first <= last.
std::optional<PortRange> parse_port_range(std::string_view text);
std::string print_port_range(PortRange range);

std::optional<bool> parse_truth(std::string_view text);  ///< true, false, yes, no, on, off

/// As YAML: plain where that is safe, else in double quotes.
std::string yaml_quoted(std::string_view text);

/// How many insertions, deletions, replacements and swaps of neighbours make one word the other.
size_t edit_distance(std::string_view a, std::string_view b);

/// A word for each value of an enumeration, the spelling of both directions.
template <class E>
using Words = std::span<const std::pair<std::string_view, E>>;

template <class E>
std::optional<E> parse_word(Words<E> words, std::string_view text) {
  for (const auto& [word, value] : words) {
    if (word == text) return value;
  }
  return std::nullopt;
}
template <class E>
std::string print_word(Words<E> words, E value) {
  for (const auto& [word, known] : words) {
    if (known == value) return std::string(word);
  }
  return {};
}
template <class E>
std::string list_words(Words<E> words) {
  std::string text;
  for (size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? " or " : ", ";
    text += words[i].first;
  }
  return text;
}

}  // namespace uturn
