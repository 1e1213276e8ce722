// What a ClientTlsContext holds, and how a session of it is told whom it wants.
#pragma once

#include <string>

#include "io/tls_context.h"
#include "io/tls_handles.h"

namespace uturn {

struct ClientTlsContext::Contexts {
  SslContextHandle stream;
  SslContextHandle datagram;
  bool verify = true;

  SslHandle make_stream(const std::string& server_name) const;
  SslHandle make_datagram(const std::string& server_name) const;
};

}  // namespace uturn
