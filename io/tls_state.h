// TlsState: where a session of TLS or DTLS stands.
#pragma once

#include <cstdint>

namespace uturn {

enum class TlsState : uint8_t {
  handshaking,
  open,
  ended,   ///< the other side said close_notify: nothing more will be read
  failed,  ///< failure() says why; an alert for the other side may wait to be sent
};

}  // namespace uturn
