// ServerConnection: how connections end.
#include "client/tools/server_connection.h"

#include <cerrno>
#include <system_error>
#include <utility>

namespace uturn {

void ServerConnection::on_error(int error_number) {
  switch (error_number) {
    case 0:
      return finish("connection_ended", state_ == State::open
                                            ? "the server ended the connection"
                                            : "the server ended the connection at once");
    case ECONNREFUSED:
      return finish("unreachable", "nothing listens on this port (connection refused)");
    case ECONNRESET:
    case EPIPE:
      return finish("connection_ended", "the server ended the connection (reset)");
    default:
      return finish("unreachable", "there is no way to the server: " +
                                       std::generic_category().message(error_number));
  }
}

void ServerConnection::finish(std::string id, std::string why) {
  if (has_ended()) return;  // what came first is the reason
  state_ = State::ended;
  end_ = {std::move(id), std::move(why)};
}

}  // namespace uturn
