// ClientSecurity: the context, and words for what fails.
#include "client/tools/client_security.h"

#include <utility>

namespace uturn {

Result<ClientSecurity, std::string> ClientSecurity::make(const SecurityWish& wish,
                                                         std::string server_name, bool is_turn) {
  ClientTlsSettings settings;
  settings.verify = !wish.insecure;
  settings.authorities_file = wish.authorities_file;
  settings.alpn = {is_turn ? "stun.turn" : "stun.nat-discovery"};
  auto context = ClientTlsContext::make(settings);
  if (!context) return Failure{context.error()};
  ClientSecurity security;
  security.context = *std::move(context);
  security.server_name = std::move(server_name);
  return security;
}

std::string explain_handshake(std::string_view failure) {
  std::string text{"the handshake failed: "};
  text += failure;
  const bool is_disbelief = failure.find("certificate") != std::string_view::npos ||
                            failure.find("mismatch") != std::string_view::npos;
  if (is_disbelief) text += "; --ca FILE names another authority, --insecure believes any";
  return text;
}

}  // namespace uturn
