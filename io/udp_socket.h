// UdpSocket: opening UDP sockets with every option uturn relies on, and what the kernel granted.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/loop.h"

namespace uturn {

/// Owns a descriptor.
class UdpSocket {
 public:
  UdpSocket() = default;
  explicit UdpSocket(int fd) : fd_(fd) {}
  UdpSocket(UdpSocket&& other) noexcept : fd_(other.release()) {}
  UdpSocket& operator=(UdpSocket&& other) noexcept;
  ~UdpSocket();

  /// Non-blocking, CLOEXEC, V6ONLY, never SO_REUSEADDR. IP_PMTUDISC_DONT and its IPv6 sibling; TOS
  /// and TTL received; pktinfo where it is not bound to one address; SO_RXQ_OVFL; GRO for
  /// listeners; IP_RECVERR for relay sockets. One that receives later has but what bind() asks for
  /// and the smallest receive buffer there is.
  static Result<UdpSocket, OpenError> open(const UdpSocketSpec& spec, bool gro);

  /// A second socket on the port of a relay socket, for what its busiest peer sends and is sent.
  /// Not connected yet.
  static Result<UdpSocket, OpenError> open_twin(int relay_socket);

  int fd() const { return fd_; }
  int release();
  TransportAddress local_address() const;
  int granted_receive_buffer() const;  ///< bytes, as the kernel counts for data (half of SO_RCVBUF)
  int granted_send_buffer() const;

 private:
  int fd_ = -1;
};

/// DF of everything an IPv4 socket sends from here on: there is no control message for it. For one
/// datagram on a socket that is one allocation's own, with nothing else under way.
void set_dont_fragment(int fd, bool on);

/// Connects a twin, anew if it was, and gives it the TTL, DSCP and ECN of everything it sends.
/// Nothing that it has queued is lost.
bool connect_twin(int fd, const TransportAddress& to, const IpFields& ip);

/// Trains arrive whole from here on; the buffers must be large.
void receive_trains(int fd);

/// Throws away what was received by now, within a bound.
void discard_received(int fd);

/// For a socket that `spec` opened to receive later: gives it what it lacks and throws away what it
/// holds. Nothing if the kernel refused; else how many datagrams it has dropped by now.
std::optional<uint32_t> make_receiving(int fd, const UdpSocketSpec& spec);

OpenError open_error_of(int error_number);
std::string_view text_of(OpenError error);  ///< "address in use"

/// The sockets of one listener, one per shard, all bound before any is read. The port is bound once
/// without SO_REUSEPORT first, so that a second instance is "address in use". Port 0: the kernel
/// picks one for all.
struct ListenerGroup {
  TransportAddress address;          ///< with the real port
  std::vector<LooseSocket> sockets;  ///< one per shard, in order
};
Result<ListenerGroup, OpenError> open_listener_group(UdpSocketSpec spec, size_t shards, bool gro);

/// Sends a train through a loopback socket pair and compares what arrives: a kernel that corrupts
/// or refuses GSO is found here. `reason` says what failed.
struct SegmentationSupport {
  bool gso = false;
  bool gro = false;
  std::string reason;
};
SegmentationSupport test_segmentation();

}  // namespace uturn
