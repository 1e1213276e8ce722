// ForwardClients: clients of the bare forwarder, which relays without TURN (bench/forwarder.h).
#pragma once

#include "client/tools/bench/relay_clients.h"

namespace uturn {

/// A flow is set up by one datagram, sent again while there is no answer, and lasts as long as the
/// forwarder: nothing is refreshed, nothing ended, and payloads pass without a header.
///
///   client -> forwarder    "FWD1", the peer's address            as the value of MAPPED-ADDRESS
///   forwarder -> client    "FWD1", the relay socket's address    (RFC 8489, Section 14.1);
///                          "FWD1" alone: refused
class ForwardClients final : public RelayClients {
 public:
  using RelayClients::RelayClients;

  void add(SocketId socket, std::vector<PeerAddress> peers) override;
  void on_answer(size_t client, MutableBytes datagram, Now now) override;
  void on_unreachable(size_t client, Now now) override;
  FlowHeader header_to(size_t, size_t) override { return {}; }

 private:
  /// Of the Client of the same number.
  struct SetUp {
    uint32_t sent = 0;
    Instant deadline = kNever;
  };

  void begin_set_up(size_t client, Now now) override { ask(client, now); }
  void begin_release(size_t, Now) override {}
  Instant deadline_of(size_t client) const override { return set_ups_[client].deadline; }
  void on_deadline(size_t client, Now now) override;

  void ask(size_t client, Now now);
  bool awaits_answer(size_t client) const { return client < set_ups_.size() && is_busy(client); }
  void end_set_up(size_t client) { set_ups_[client].deadline = kNever; }

  std::vector<SetUp> set_ups_;
};

}  // namespace uturn
