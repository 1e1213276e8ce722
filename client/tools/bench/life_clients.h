// LifeClients: many TURN clients, each living its life of requests on a socket of its own.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "auth/random.h"
#include "client/tools/bench/life_users.h"
#include "client/tools/bench/request_clients.h"
#include "client/tools/bench/request_tally.h"
#include "client/turn_client.h"

namespace uturn {

/// What every client goes through: 401 and Allocate; CreatePermission and ChannelBind for the peer,
/// if there is one; `refreshes` Refreshes; Refresh with lifetime 0, at once or when release_one()
/// says so. One request after the other, so that each retransmission is known by its transaction
/// id. No other Refresh is needed: no life lasts as long as an allocation does.
struct LifePlan {
  LifeUsers users{};
  std::optional<PeerAddress> peer{};
  uint32_t refreshes = 0;
  bool ends = true;
};

/// The owner runs the loop with this as its handler and calls on_deadlines() between passes.
class LifeClients final : public RequestClients {
 public:
  /// All must outlive the clients. The retransmission is RFC 8489's (Section 6.2.1).
  LifeClients(const ServerRoute& route, Random& random, LifePlan plan);

  /// A socket opened with the number of clients that there are by now as its tag.
  void add(SocketId socket);

  /// A life on the socket that has been free for the longest time, timed from when it was to begin.
  /// False where none is free.
  bool begin_one(Instant intended, Now now);
  /// Ends the oldest of the allocations. False where there is none.
  bool release_one(Now now);
  void on_deadlines(Now now);

  size_t busy() const { return busy_.size(); }  ///< with a request under way
  size_t free() const { return free_.size(); }
  size_t allocated() const { return allocated_.size(); }

  const RequestTally& lives() const { return lives_; }  ///< until allocated, permitted, bound
  const RequestTally& releases() const { return releases_; }
  /// Forgets what was counted, but for what is under way: the warm-up is over.
  void start_counting();
  /// Of the first failure, a sentence for people.
  const std::string& first_failure() const { return first_failure_; }

  void on_client_frame(size_t client, MutableBytes frame, Now now) override;
  void on_client_gone(size_t client, const ConnectionEnd& end, Now now) override;
  void on_unreachable(size_t client, Now now) override;

 private:
  enum class State : uint8_t {
    free,
    allocating,
    permitting,
    binding,
    refreshing,
    allocated,
    releasing
  };
  struct Client {
    SocketId socket;
    std::optional<TurnClient> turn{};
    State state = State::free;
    uint32_t refreshes = 0;  ///< still to be made
    Instant began{};         ///< this life, or its Refresh with lifetime 0
    TransactionId last_sent{};
    size_t place = 0;  ///< in busy_, while busy
  };
  static constexpr Duration kDeadlineRound = 10ms;  ///< fine enough for an RTO of 500 ms

  void set_busy(uint32_t index);
  void set_idle(uint32_t index);
  void release(uint32_t index, Now now);
  void take_event(uint32_t index, const TurnEvent& event, Now now);
  void take_failure(uint32_t index, const RequestFailure& failure, Now now);
  void go_on(uint32_t index, Now now);
  void on_set_up(uint32_t index, Now now);
  void end(uint32_t index);
  void carry_out(uint32_t index, Now now);
  void transmit(uint32_t index, Bytes message);

  Random& random_;
  LifePlan plan_;
  std::vector<Client> clients_;
  std::deque<uint32_t> free_;
  std::deque<uint32_t> allocated_;
  std::vector<uint32_t> busy_;
  uint64_t users_taken_ = 0;
  Instant next_round_{};
  RequestTally lives_;
  RequestTally releases_;
  std::string first_failure_;
  std::string why_gone_;  ///< the connection whose end is being told
};

}  // namespace uturn
