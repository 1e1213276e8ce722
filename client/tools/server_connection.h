// ServerConnection: what a client and its server exchange over UDP, TCP, TLS or DTLS, sans-I/O.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "client/tools/client_security.h"
#include "protocol/bytes.h"
#include "protocol/time.h"

namespace uturn {

/// Why a connection is no more.
struct ConnectionEnd {
  std::string id;   ///< for programs: "refused", "tls_failed"
  std::string why;  ///< one plain sentence
};

/// Hears what came: a message or ChannelData without padding, valid during the call.
class FrameSink {
 public:
  virtual ~FrameSink() = default;
  virtual void on_frame(MutableBytes frame) = 0;
};

/// Frames go in and bytes for a socket come out, and the other way round. The owner of the socket:
///
///   connected → on_connected()      bytes arrived → on_arrived()      gone → on_error()
///   after each of these and after send(): outgoing() until it is empty or the socket is full
///
/// Frames sent before the connection is open wait for it, bounded as those do that a slow server
/// does not take.
class ServerConnection {
 public:
  enum class State : uint8_t { connecting, open, ended };
  static constexpr size_t kMaxWaiting = 256 * 1024;  ///< bytes

  virtual ~ServerConnection() = default;

  State state() const { return state_; }
  bool has_ended() const { return state_ == State::ended; }
  const ConnectionEnd& end() const { return end_; }  ///< where it has ended

  /// False: dropped, because it has ended or too much is waiting.
  virtual bool send(Bytes header, Bytes payload, size_t padding) = 0;
  bool send(Bytes frame) { return send(frame, {}, 0); }

  virtual void on_connected(Now now) = 0;
  /// `bytes` are overwritten.
  virtual void on_arrived(MutableBytes bytes, FrameSink& sink, Now now) = 0;
  /// A number of <cerrno>, of the connection or its socket; 0: the server sends no more (FIN).
  void on_error(int error_number);

  /// Of a stream as much as there is, else the next datagram. Empty: nothing.
  virtual Bytes outgoing() = 0;
  virtual void sent(size_t size) = 0;
  /// Says that nothing will follow, where the transport has words for it.
  virtual void leave() {}

  /// Of a handshake whose datagrams may be lost.
  virtual Instant next_deadline(Now) const { return kNever; }
  virtual void on_deadline(Now) {}

  /// What was agreed on; nothing without TLS, or before it is open.
  virtual std::optional<ConnectionSecurity> security() const { return std::nullopt; }

 protected:
  void become_open() { state_ = State::open; }
  void finish(std::string id, std::string why);

 private:
  State state_ = State::connecting;
  ConnectionEnd end_;
};

}  // namespace uturn
