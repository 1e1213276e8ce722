// Reads a configuration file: strict YAML, or a refusal that says why.
#pragma once

#include <string>
#include <string_view>

#include "server/config_reader.h"

namespace uturn {

/// Puts the YAML text over the reader's Config. `file_name` stands in the problems.
void read_config_yaml(std::string_view text, std::string_view file_name, ConfigReader& reader);

/// The same from a file. What cannot be read at all is a problem like any other.
void read_config_file(const std::string& path, ConfigReader& reader);

/// Is it a turnserver.conf of coturn? By content: its first setting is an option of coturn, written
/// `name=value`, `name value` or `name` alone, never `name:`.
bool looks_like_coturn(std::string_view text);

}  // namespace uturn
