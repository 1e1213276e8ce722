// DtlsConnection: messages over DTLS over UDP, each in a record and a datagram of its own
// (RFC 7350).
#pragma once

#include "client/tools/datagram_queue.h"
#include "client/tools/server_connection.h"
#include "io/dtls_session.h"

namespace uturn {

class DtlsConnection final : public ServerConnection {
 public:
  /// `security` outlives the connection.
  explicit DtlsConnection(const ClientSecurity& security) : security_(security) {}

  using ServerConnection::send;
  bool send(Bytes header, Bytes payload, size_t padding) override;
  void on_connected(Now now) override;
  void on_arrived(MutableBytes bytes, FrameSink& sink, Now now) override;
  Bytes outgoing() override { return ciphertext_.front(); }
  void sent(size_t) override { ciphertext_.remove_front(); }
  void leave() override;
  Instant next_deadline(Now now) const override;
  void on_deadline(Now now) override;
  std::optional<ConnectionSecurity> security() const override;

 private:
  bool encrypt(Bytes header, Bytes payload, size_t padding);
  void take_state();
  void transmit();

  const ClientSecurity& security_;
  std::unique_ptr<DtlsSession> session_;
  DatagramQueue early_{kMaxWaiting};  ///< plaintext, until the session is open
  DatagramQueue ciphertext_{kMaxWaiting};
};

}  // namespace uturn
