// ClientSecurity: what a client believes over TLS and DTLS.
#include "client/tools/client_security.h"

namespace uturn {

Result<ClientSecurity, std::string> ClientSecurity::make(const SecurityWish&, std::string, bool) {
  return Failure{std::string{"TLS and DTLS are not supported yet, only udp and tcp are"}};
}

}  // namespace uturn
