// File access: who we are, and which permission stands between us and a file.
#pragma once

#include <string>

#include "server/privileges.h"

namespace uturn {

/// Where this process may not read `path`: "uid 993 (uturn) may not read it: mode 0600, owner
/// root:root"; or the same about the directory on the way that it may not enter. Else empty.
std::string explain_access(const std::string& path);

/// Whether the mode of the file and of each directory above it let this account read it once it
/// runs alone, without supplementary groups. True for a file that is not there.
bool may_read(const Account& account, const std::string& path);

}  // namespace uturn
