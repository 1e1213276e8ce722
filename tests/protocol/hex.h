// Hexadecimal text and files of it, for tests.
#pragma once

#include <cctype>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/bytes.h"
#include "tests/source_dir.h"

namespace uturn {

inline std::vector<uint8_t> from_hex(std::string_view text) {
  std::string digits;
  for (const char c : text) {
    if (std::isxdigit(static_cast<unsigned char>(c))) digits += c;
  }
  std::vector<uint8_t> bytes;
  bytes.reserve(digits.size() / 2);  // exactly: the address sanitizer sees the first byte behind
  for (size_t at = 0; at + 1 < digits.size(); at += 2)
    bytes.push_back(static_cast<uint8_t>(std::stoi(digits.substr(at, 2), nullptr, 16)));
  return bytes;
}

inline std::string to_hex(Bytes bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const uint8_t byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

/// tests/vectors/NAME.hex
inline std::vector<uint8_t> vector_file(const std::string& name) {
  std::ifstream file(source_dir() + "/tests/vectors/" + name + ".hex");
  if (!file) throw std::runtime_error("no test vector " + name);
  return from_hex(std::string(std::istreambuf_iterator<char>(file), {}));
}

}  // namespace uturn
