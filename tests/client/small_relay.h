// SmallRelay: a server on loopback that does just enough for a probe, over UDP, TCP, TLS or DTLS.
#pragma once

#include <netinet/in.h>

#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "client/frame_reader.h"
#include "io/dtls_listener.h"
#include "io/tls_session.h"
#include "protocol/error_code.h"
#include "protocol/message_view.h"
#include "protocol/transport_address.h"

namespace uturn {

/// What the small relay does wrong.
struct RelayFault {
  std::optional<ErrorCode> allocate{};
  std::optional<ErrorCode> create_permission{};
  bool relays = true;
  std::optional<Method> hangs_up_at{};  ///< over TCP: instead of an answer to this
  bool speaks_smtp = false;             ///< over TCP: whatever it is asked
};

/// Answers without authentication; the n-th client that allocates is relayed at 192.0.2.n:5000n and
/// the second one's data goes to the first and back.
class SmallRelay {
 public:
  explicit SmallRelay(Transport transport = Transport::udp, RelayFault fault = {});
  ~SmallRelay();
  SmallRelay(const SmallRelay&) = delete;
  SmallRelay& operator=(const SmallRelay&) = delete;

  std::string at() const { return "127.0.0.1:" + std::to_string(port_); }
  /// A PEM file with the certificate, which is its own authority.
  std::string authority() const { return authority_; }

 private:
  /// A client is a source address over UDP and DTLS, a connection over TCP and TLS.
  struct Client {
    sockaddr_in from{};
    int connection = -1;
    FrameReader frames{};
    std::unique_ptr<TlsSession> tls{};
    std::unique_ptr<DtlsSession> dtls{};
  };

  void serve();
  void accept_client();
  void read_datagram();
  void make_certificate();
  void read_stream(size_t client);
  void read_tls(Bytes ciphertext, size_t client);
  void read_dtls(Bytes datagram, const sockaddr_in& from);
  bool begin_dtls(Bytes datagram, const sockaddr_in& from, size_t client);
  void transmit(size_t client);
  void send_datagram(Bytes datagram, const sockaddr_in& to);
  void on_frame(MutableBytes frame, size_t client);
  void on_message(const MessageView& request, size_t client);
  void on_send(const MessageView& indication, size_t client);
  size_t client_at(const sockaddr_in& from);
  size_t other_than(size_t client) const;
  void send(Bytes frame, size_t client);
  void hang_up(size_t client);

  Transport transport_;
  bool is_stream_;  ///< TCP or TLS
  std::string authority_;
  std::shared_ptr<const TlsContext> context_;
  TlsBuffers buffers_;
  std::unique_ptr<DtlsListener> dtls_;
  RelayFault fault_;
  int socket_;
  int stop_;
  uint16_t port_ = 0;
  std::vector<Client> clients_;
  std::vector<size_t> allocated_;
  std::thread thread_;
};

}  // namespace uturn
