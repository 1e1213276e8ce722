// ClientSocket: a descriptor connected to one server, and the clocks beside it.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "protocol/bytes.h"
#include "protocol/result.h"
#include "protocol/time.h"
#include "protocol/transport_address.h"

namespace uturn {

/// Owns a descriptor. Connected, so that nobody but the server is heard (RFC 8656, Section 5) and
/// so that the kernel reports an ICMP error here. Nothing blocks.
class ClientSocket {
 public:
  enum class Kind : uint8_t { datagram, stream };

  /// An ephemeral port of `from`, or of the address that the route says. A stream's connection is
  /// only begun: it is there once the socket can be written to and error() is 0. The error is a
  /// number of <cerrno>.
  static Result<ClientSocket, int> open(Kind kind, const TransportAddress& server,
                                        const std::optional<IpAddress>& from = std::nullopt);
  ClientSocket() = default;
  ClientSocket(ClientSocket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  ClientSocket& operator=(ClientSocket&& other) noexcept;
  ~ClientSocket();

  int fd() const { return fd_; }
  int error() const;  ///< of the connection, once told; 0: none
  bool is_connected() const;

  /// How many bytes went. The error is a number of <cerrno>.
  Result<size_t, int> send(Bytes bytes);
  Result<size_t, int> receive(MutableBytes buffer);

 private:
  explicit ClientSocket(int fd) : fd_(fd) {}
  int fd_ = -1;
};

/// Nothing failed: it would have had to wait.
bool would_block(int error_number);
std::string text_of_errno(int error_number);

/// Reads the clocks.
Now read_clocks();

/// Every address of a name or a literal, in the order of preference of getaddrinfo (RFC 6724).
/// Empty where there is none; `error` says why.
std::vector<TransportAddress> resolve(const std::string& host, uint16_t port, std::string& error);

}  // namespace uturn
