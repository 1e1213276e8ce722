// RelayClients: one thread's allocations, from their Allocate to their end.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "auth/random.h"
#include "client/tools/bench/options.h"
#include "client/turn_client.h"
#include "io/loop.h"

namespace uturn {

/// The clients of one thread of the generator. Their requests go through the loop; answers are
/// handed in by whoever handles the loop's datagrams. At most `request_window` clients are busy at
/// once, however many there are.
class RelayClients {
 public:
  struct Client {
    SocketId socket;
    TurnClient turn;
    std::vector<PeerAddress> peers{};       ///< of this allocation
    std::vector<ChannelNumber> channels{};  ///< one per peer; none where indications are used
    RelayedAddress relayed{};
    uint32_t unconfirmed = 0;  ///< wishes without an answer
    enum class State : uint8_t { waiting, busy, ready, failed, released } state = State::waiting;
  };

  RelayClients(Loop& loop, Random& random, const BenchOptions& options,
               const TransportAddress& server);

  void add(SocketId socket, std::vector<PeerAddress> peers);

  void on_answer(size_t client, MutableBytes datagram, Now now);
  /// An ICMP error told that nobody is there.
  void on_unreachable(size_t client, Now now);

  /// Begins what has room and repeats what is due; false once nobody is busy and nothing is left to
  /// begin.
  bool set_up_more(Now now);
  /// Refreshes in time. Visits a part of the clients at each call, all of them in `kRound`.
  void keep_up(Now now);
  /// Like set_up_more(), deleting allocations.
  bool release_more(Now now);

  Instant next_deadline() const;  ///< of those that are busy
  std::vector<Client>& clients() { return clients_; }
  size_t ready() const { return ready_; }
  size_t lost() const { return lost_; }
  /// How often set-up failed, by error code or cause.
  const std::map<std::string, uint64_t>& failures() const { return failures_; }
  /// Of the first failure, a sentence for people.
  const std::string& first_failure() const { return first_failure_; }

 private:
  static constexpr Duration kRound = 2s;

  bool has_reason_to_stop() const;
  void begin_set_up(size_t client, Now now);
  void on_allocated(Client& client, const Allocated& allocated, Now now);
  void confirm(Client& client);
  void take_event(Client& client, const TurnEvent& event, Now now);
  void fail(Client& client, const std::string& what, const std::string& why);
  void carry_out(size_t client, Now now);  ///< what it wants to send, and what it has to tell
  void visit_busy(Now now);
  bool is_busy(const Client& client) const { return client.state == Client::State::busy; }

  Loop& loop_;
  Random& random_;
  const BenchOptions& options_;
  TransportAddress server_;
  std::vector<Client> clients_;
  std::vector<size_t> busy_;
  size_t next_ = 0;  ///< the first that has not been begun
  bool releasing_ = false;
  size_t ready_ = 0;
  size_t lost_ = 0;
  std::map<std::string, uint64_t> failures_;
  std::string first_failure_;
  uint64_t failed_ = 0;
  size_t cursor_ = 0;  ///< of keep_up()
  Instant kept_up_until_{};
};

}  // namespace uturn
