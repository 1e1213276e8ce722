// Writing an origin in the one way in which it is compared.
#include "auth/origin.h"

#include <utility>

namespace uturn {
namespace {

constexpr std::pair<std::string_view, std::string_view> kPorts[] = {
    {"http", "80"}, {"https", "443"}, {"ftp", "21"}};

// Not the locale's: an origin is ASCII.
std::string in_lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

/// The colon within an address in brackets divides nothing.
bool has_port(std::string_view authority) {
  const size_t colon = authority.rfind(':');
  return colon != authority.npos && authority.find(']', colon) == authority.npos;
}

}  // namespace

std::string canonical_origin(std::string_view origin) {
  std::string canonical = in_lower_case(origin);
  const size_t scheme_ends = canonical.find("://");
  if (scheme_ends == canonical.npos) return canonical;
  const size_t authority_begins = scheme_ends + 3;
  const size_t authority_ends = canonical.find_first_of("/?#", authority_begins);
  if (authority_ends != canonical.npos) canonical.resize(authority_ends);
  if (has_port(std::string_view{canonical}.substr(authority_begins))) return canonical;
  for (const auto& [scheme, port] : kPorts) {
    if (std::string_view{canonical}.substr(0, scheme_ends) != scheme) continue;
    canonical += ':';
    canonical += port;
    break;
  }
  return canonical;
}

}  // namespace uturn
