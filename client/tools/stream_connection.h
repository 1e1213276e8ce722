// StreamConnection: frames over TCP (RFC 8489, Section 6.2.2).
#pragma once

#include "client/frame_reader.h"
#include "client/tools/outgoing_bytes.h"
#include "client/tools/server_connection.h"

namespace uturn {

class StreamConnection final : public ServerConnection {
 public:
  using ServerConnection::send;
  /// ChannelData is padded already, or `padding` says by how much (RFC 8656, Section 12.5).
  bool send(Bytes header, Bytes payload, size_t padding) override;
  void on_connected(Now) override { become_open(); }
  void on_arrived(MutableBytes bytes, FrameSink& sink, Now now) override;
  Bytes outgoing() override;
  void sent(size_t size) override { outgoing_.take(size); }

 private:
  FrameReader frames_;
  OutgoingBytes outgoing_{kMaxWaiting};
};

}  // namespace uturn
