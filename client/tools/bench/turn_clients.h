// TurnClients: clients with an allocation, and a channel or a permission for each peer.
#pragma once

#include "auth/random.h"
#include "client/tools/bench/options.h"
#include "client/tools/bench/relay_clients.h"
#include "client/turn_client.h"

namespace uturn {

class TurnClients final : public RelayClients {
 public:
  TurnClients(const ServerRoute& route, Random& random, const BenchOptions& options);

  void add(SocketId socket, std::vector<PeerAddress> peers) override;
  void on_answer(size_t client, MutableBytes datagram, Now now) override;
  void on_unreachable(size_t client, Now now) override;
  void on_gone(size_t client, const ConnectionEnd& end, Now now) override;
  FlowHeader header_to(size_t client, size_t peer) override;

 private:
  /// Beside the Client of the same number.
  struct Session {
    TurnClient turn;
    std::vector<ChannelNumber> channels{};  ///< one per peer; none where indications are used
    uint32_t unconfirmed = 0;               ///< wishes without an answer
  };

  void begin_set_up(size_t client, Now now) override;
  void begin_release(size_t client, Now now) override;
  Instant deadline_of(size_t client) const override;
  void on_deadline(size_t client, Now now) override;

  void on_allocated(size_t client, const Allocated& allocated, Now now);
  void confirm(size_t client);
  void take_event(size_t client, const TurnEvent& event, Now now);
  void carry_out(size_t client, Now now);  ///< what it wants to send, and what it has to tell

  Random& random_;
  const BenchOptions& options_;
  std::vector<Session> sessions_;
  std::string why_gone_;  ///< the connection whose end is being told
};

}  // namespace uturn
