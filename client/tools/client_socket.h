// ClientSocket: a UDP socket connected to one server, and the clocks beside it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "protocol/bytes.h"
#include "protocol/time.h"
#include "protocol/transport_address.h"

namespace uturn {

/// Owns a descriptor. Connected, so that nobody but the server is heard (RFC 8656, Section 5) and
/// so that the kernel reports an ICMP error here.
class ClientSocket {
 public:
  /// An ephemeral port; nothing where the system has no route or no descriptor (`error` says why).
  static std::optional<ClientSocket> open(const TransportAddress& server, std::string& error);
  ClientSocket(ClientSocket&& other) noexcept;
  ClientSocket& operator=(ClientSocket&& other) noexcept;
  ~ClientSocket();

  int fd() const { return fd_; }
  enum class Outcome : uint8_t { done, nothing, unreachable };
  Outcome send(Bytes datagram);
  /// `received` is a view of `buffer`.
  Outcome receive(MutableBytes buffer, MutableBytes& received);

 private:
  explicit ClientSocket(int fd) : fd_(fd) {}
  int fd_ = -1;
};

/// Reads the clocks.
Now read_clocks();

/// Every address of a name or a literal, in the order of preference of getaddrinfo (RFC 6724).
/// Empty where there is none; `error` says why.
std::vector<TransportAddress> resolve(const std::string& host, uint16_t port, std::string& error);

}  // namespace uturn
