// BindingClients: STUN clients, each asking for its mapped address again and again.
#pragma once

#include <string>
#include <vector>

#include "auth/random.h"
#include "client/stun_client.h"
#include "client/tools/bench/request_clients.h"
#include "client/tools/bench/request_tally.h"

namespace uturn {

/// A request that is not answered is counted and not sent again: what a server leaves unanswered,
/// because it limits what one source gets, is a result here.
class BindingClients final : public RequestClients {
 public:
  static constexpr Duration kPatience = 500ms;

  /// All must outlive the clients.
  BindingClients(const ServerRoute& route, Random& random);

  /// A socket opened with the number of clients that there are by now as its tag.
  void add(SocketId socket);

  /// Every client asks, and again as soon as it is answered.
  void begin(Now now);
  void on_deadlines(Now now);

  const RequestTally& bindings() const { return bindings_; }
  /// Forgets what was counted, but for what is under way: the warm-up is over.
  void start_counting();

  void on_client_frame(size_t client, MutableBytes frame, Now now) override;
  void on_client_gone(size_t client, const ConnectionEnd& end, Now now) override;
  void on_unreachable(size_t client, Now now) override;

 private:
  struct Client {
    SocketId socket;
    StunClient stun;
    Instant began{};
  };
  static constexpr Duration kDeadlineRound = 10ms;

  size_t index_of(const Client& client) const {
    return static_cast<size_t>(&client - clients_.data());
  }
  void ask(Client& client, Now now);
  void take_event(Client& client, Now now);

  Random& random_;
  std::vector<Client> clients_;
  Instant next_round_{};
  RequestTally bindings_;
};

}  // namespace uturn
