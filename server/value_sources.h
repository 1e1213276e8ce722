// Values from elsewhere: ${NAME} of the environment and file:PATH, so that secrets need not show.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/result.h"

namespace uturn {

inline constexpr size_t kMaxValueFileBytes = 64 * 1024;

/// Where values may come from; the process's own, or a test's.
struct ValueSources {
  std::function<std::optional<std::string>(const std::string& name)> environment;
  std::function<Result<std::string, std::string>(const std::string& path)> file;
};
ValueSources process_value_sources();

/// A regular file of at most `max_bytes`; the error says what is wrong with it.
Result<std::string, std::string> read_small_file(const std::string& path, size_t max_bytes);

/// Every ${NAME} replaced; or, where the text is file:PATH, the file's content without its last
/// line break. "$${" is a literal "${".
Result<std::string, std::string> expand_value(std::string_view text, const ValueSources& sources);

}  // namespace uturn
