// File access: why a file could not be read, so that an operator knows what to change.
#pragma once

#include <string>

namespace uturn {

/// "/etc/x/key.pem: cannot be read: Permission denied: we are uturn (uid 998), the file is
/// root:root 0600". Where a directory on the way refuses, it is the one that is named.
std::string explain_file_error(const std::string& path, int error);

}  // namespace uturn
