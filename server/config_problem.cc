// ConfigProblem: printing.
#include "server/config_problem.h"

namespace uturn {

std::string ConfigProblem::to_string() const {
  std::string line;
  for (const std::string* part : {&where, &key}) {
    if (!part->empty()) line += printable(*part) + ": ";
  }
  return line + sentence;
}

std::string printable(std::string_view text) {
  constexpr size_t kMaxLength = 256;
  std::string out;
  for (const char c : text.substr(0, kMaxLength)) {
    const bool is_control = static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
    out += is_control ? '?' : c;
  }
  return text.size() > kMaxLength ? out + "..." : out;
}

}  // namespace uturn
