// OpaqueString: how user names, realms and passwords are prepared (RFC 8265, Section 4.2), so that
// the same text typed on two keyboards is the same bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace uturn {

/// Other spaces are U+0020, the rest is in Normalization Form C. nullopt for what the profile does
/// not allow: nothing at all, no UTF-8, control characters, what cannot be seen, what Unicode has
/// not assigned. Texts of printable ASCII are themselves.
std::optional<std::string> opaque_string(std::string_view text);

/// For texts that somebody else has given out already and that must work as they are: prepared
/// where that is possible, else unchanged.
std::string opaque_string_or_same(std::string_view text);

/// Can it be a name that anybody was given? UTF-8 without control characters (RFC 8489,
/// Section 14.3: the client has prepared it). Whatever else a client sends reaches no directory.
bool is_plausible_name(std::string_view text);

}  // namespace uturn
