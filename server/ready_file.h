// The ready file: says that every listener is up, and on which port.
#pragma once

#include <string>
#include <vector>

#include "protocol/result.h"
#include "server/config.h"

namespace uturn {

/// A file of an earlier start says what is no longer true; none at all is fine. The error is one
/// sentence. An empty path: there is none.
Result<Done, std::string> remove_ready_file(const std::string& path);

/// One URI per line in the form of --listen, with its real port; written by rename, so that whoever
/// waits for the file never sees half of it.
Result<Done, std::string> write_ready_file(const std::string& path,
                                           const std::vector<ListenerUri>& listeners);

}  // namespace uturn
