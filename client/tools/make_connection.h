// Makes the connection that a transport needs.
#pragma once

#include <memory>

#include "client/tools/client_socket.h"
#include "client/tools/server_connection.h"
#include "protocol/transport_address.h"

namespace uturn {

/// `security` is read for TLS and DTLS only, and outlives the connection.
std::unique_ptr<ServerConnection> make_connection(Transport transport,
                                                  const ClientSecurity* security);
ClientSocket::Kind socket_kind_of(Transport transport);
/// Nothing is lost on the way: nothing is sent twice, and ChannelData is padded.
bool is_reliable(Transport transport);
bool uses_tls(Transport transport);             ///< or DTLS
std::string_view name_of(Transport transport);  ///< "tls"

}  // namespace uturn
