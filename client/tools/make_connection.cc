// Makes connections.
#include "client/tools/make_connection.h"

#include "client/tools/datagram_connection.h"
#include "client/tools/dtls_connection.h"
#include "client/tools/stream_connection.h"
#include "client/tools/tls_connection.h"

namespace uturn {

std::unique_ptr<ServerConnection> make_connection(Transport transport,
                                                  const ClientSecurity* security) {
  switch (transport) {
    case Transport::udp:
      break;
    case Transport::tcp:
      return std::make_unique<StreamConnection>();
    case Transport::tls:
      return std::make_unique<TlsConnection>(*security);
    case Transport::dtls:
      return std::make_unique<DtlsConnection>(*security);
  }
  return std::make_unique<DatagramConnection>();
}

ClientSocket::Kind socket_kind_of(Transport transport) {
  return is_reliable(transport) ? ClientSocket::Kind::stream : ClientSocket::Kind::datagram;
}

bool is_reliable(Transport transport) {
  return transport == Transport::tcp || transport == Transport::tls;
}

bool uses_tls(Transport transport) {
  return transport == Transport::tls || transport == Transport::dtls;
}

std::string_view name_of(Transport transport) {
  switch (transport) {
    case Transport::udp:
      return "udp";
    case Transport::tcp:
      return "tcp";
    case Transport::tls:
      return "tls";
    case Transport::dtls:
      return "dtls";
  }
  return "unknown";
}

}  // namespace uturn
