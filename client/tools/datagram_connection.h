// DatagramConnection: messages over UDP, each in a datagram of its own.
#pragma once

#include "client/tools/datagram_queue.h"
#include "client/tools/server_connection.h"

namespace uturn {

class DatagramConnection final : public ServerConnection {
 public:
  using ServerConnection::send;
  bool send(Bytes header, Bytes payload, size_t padding) override {
    return !has_ended() && waiting_.add(header, payload, padding);
  }
  void on_connected(Now) override { become_open(); }
  void on_arrived(MutableBytes bytes, FrameSink& sink, Now) override {
    if (!has_ended()) sink.on_frame(bytes);
  }
  Bytes outgoing() override { return has_ended() ? Bytes{} : waiting_.front(); }
  void sent(size_t) override { waiting_.remove_front(); }

 private:
  DatagramQueue waiting_{kMaxWaiting};
};

}  // namespace uturn
