// The ready file: says that every listener is up, and on which port.
#pragma once

#include <string>
#include <vector>

#include "protocol/result.h"
#include "server/config.h"

namespace uturn {

/// One URI per line in the form of --listen, with its real port; written by rename, so that whoever
/// waits for the file never sees half of it.
Result<Done, std::string> write_ready_file(const std::string& path,
                                           const std::vector<ListenerUri>& listeners);

}  // namespace uturn
