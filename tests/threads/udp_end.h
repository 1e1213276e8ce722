// UdpEnd: a plain UDP socket on loopback: a peer, a stranger, or what a client speaks through.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/bytes.h"
#include "protocol/time.h"
#include "protocol/transport_address.h"

namespace uturn {

/// How long a test waits for what must come: generous, for a busy machine under a sanitizer.
inline constexpr Duration kPatience = 10s;

class UdpEnd {
 public:
  struct Arrived {
    TransportAddress from;
    std::vector<uint8_t> bytes;
    std::string text() const { return {bytes.begin(), bytes.end()}; }
  };

  explicit UdpEnd(std::string_view ip = "127.0.0.1");  ///< on an ephemeral port
  UdpEnd(const UdpEnd&) = delete;
  ~UdpEnd();

  const TransportAddress& address() const { return address_; }
  void send(const TransportAddress& to, Bytes datagram);
  void send(const TransportAddress& to, std::string_view text) { send(to, bytes_of(text)); }
  /// Waits at most so long; zero takes what is there.
  std::optional<Arrived> receive(Duration patience = kPatience);

 private:
  int fd_;
  TransportAddress address_;
};

}  // namespace uturn
