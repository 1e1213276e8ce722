// How the admin API's answers look to people: tables, sizes, times.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace uturn {

std::string byte_text(double bytes);      ///< "1.5 GB", powers of 1000
std::string bit_rate_text(double bytes);  ///< of bytes a second: "12.0 Mbit/s"
std::string time_text(double seconds);    ///< "3d 4h", "5m 12s", "8s"

/// Columns as wide as they need be, two spaces between them; the first line is the heading.
std::string table_text(const std::vector<std::vector<std::string>>& rows);

std::string status_text(const nlohmann::ordered_json& status);
std::vector<std::string> session_heading();
std::vector<std::string> session_row(const nlohmann::ordered_json& session);
/// The common level, and a line for each component that has another; or the level of one.
std::string levels_text(const nlohmann::ordered_json& answer, const std::string& component);
std::string reload_text(const nlohmann::ordered_json& answer);

}  // namespace uturn
