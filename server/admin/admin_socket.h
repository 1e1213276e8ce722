// Where the admin socket is, and opening it.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "protocol/result.h"
#include "server/config.h"
#include "server/http/http_server.h"
#include "server/privileges.h"

namespace uturn {

struct AdminSocket {
  std::unique_ptr<HttpServer> server;  ///< null: there is none
  std::string said;                    ///< why there is none, or why it is elsewhere; else empty
};

/// Its group may ask as well as root: the one of server.run_as. A path that an operator chose must
/// be had; where the built-in one cannot be, a server that is not root's looks for a place in
/// $XDG_RUNTIME_DIR, and else goes without.
Result<AdminSocket, std::string> open_admin_socket(const AdminConfig& config,
                                                   const std::optional<Account>& run_as,
                                                   const char* runtime_directory);

/// Where commands look when they are not told: the built-in path, or the one in
/// $XDG_RUNTIME_DIR where only that is there.
std::string find_admin_socket(const char* runtime_directory);

}  // namespace uturn
