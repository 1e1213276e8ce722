// TlsConnection: frames over TLS over TCP (RFC 8489, Section 6.2.3).
#pragma once

#include "client/frame_reader.h"
#include "client/tools/outgoing_bytes.h"
#include "client/tools/server_connection.h"
#include "io/tls_session.h"

namespace uturn {

/// What waits together becomes one record.
class TlsConnection final : public ServerConnection {
 public:
  /// `security` outlives the connection.
  explicit TlsConnection(const ClientSecurity& security) : security_(security) {}

  using ServerConnection::send;
  bool send(Bytes header, Bytes payload, size_t padding) override;
  void on_connected(Now now) override;
  void on_arrived(MutableBytes bytes, FrameSink& sink, Now now) override;
  Bytes outgoing() override;
  void sent(size_t size) override { session_->sent(size); }
  void leave() override;
  std::optional<ConnectionSecurity> security() const override;

 private:
  void take_state();

  const ClientSecurity& security_;
  std::unique_ptr<TlsSession> session_;
  FrameReader frames_;
  OutgoingBytes plaintext_{kMaxWaiting};
};

}  // namespace uturn
