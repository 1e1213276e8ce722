// RelayClients: one thread's clients of a relay, from their set-up to their end.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "client/tools/bench/relay_flow.h"
#include "client/tools/bench/server_route.h"

namespace uturn {

/// What is the same whatever the relay speaks: who is set up, how many at once, who failed and why.
/// Requests go through the loop; answers are handed in by whoever handles the loop's datagrams.
class RelayClients {
 public:
  struct Client {
    SocketId socket;
    std::vector<PeerAddress> peers{};  ///< of this client alone, one at least
    RelayedAddress relayed{};
    enum class State : uint8_t { waiting, busy, ready, failed, released } state = State::waiting;
  };

  /// At most `window` clients are busy at once, however many there are.
  RelayClients(const ServerRoute& route, uint32_t window) : route_(route), window_(window) {}
  RelayClients(const RelayClients&) = delete;
  virtual ~RelayClients() = default;

  virtual void add(SocketId socket, std::vector<PeerAddress> peers);
  virtual void on_answer(size_t client, MutableBytes datagram, Now now) = 0;
  /// An ICMP error told that nobody is there.
  virtual void on_unreachable(size_t client, Now now) = 0;
  /// Its connection has ended, or was never there.
  virtual void on_gone(size_t client, const ConnectionEnd&, Now now) {
    on_unreachable(client, now);
  }
  /// What stands before the payloads from a client that is ready to one of its peers.
  virtual FlowHeader header_to(size_t client, size_t peer) = 0;

  /// Begins what has room and repeats what is due; false once nobody is busy and nothing is left to
  /// begin.
  bool set_up_more(Now now);
  /// Refreshes in time. Visits a part of the clients at each call, all of them in `kRound`.
  void keep_up(Now now);
  /// Like set_up_more(), ending what was set up.
  bool release_more(Now now);

  Instant next_deadline() const;  ///< of those that are busy
  const std::vector<Client>& clients() const { return clients_; }
  size_t ready() const { return ready_; }
  size_t lost() const { return lost_; }
  /// How often set-up failed, by error code or cause.
  const std::map<std::string, uint64_t>& failures() const { return failures_; }
  /// Of the first failure, a sentence for people.
  const std::string& first_failure() const { return first_failure_; }

 protected:
  static constexpr const char* kTimeout = "timeout";  ///< a failure's name

  Client& client(size_t index) { return clients_[index]; }
  bool is_busy(size_t index) const { return clients_[index].state == Client::State::busy; }
  bool is_releasing() const { return releasing_; }
  const ServerRoute& route() const { return route_; }
  void send(size_t index, Bytes message) { route_.send(clients_[index].socket, index, message); }

  void become_busy(size_t index);
  void become_ready(size_t index);
  void fail(size_t index, const std::string& what, const std::string& why);
  void note_loss() { ++lost_; }

 private:
  static constexpr Duration kRound = 2s;

  virtual void begin_set_up(size_t client, Now now) = 0;   ///< of one that is busy
  virtual void begin_release(size_t client, Now now) = 0;  ///< it becomes busy, or has no need to
  virtual Instant deadline_of(size_t client) const = 0;    ///< kNever: it has nothing to do
  virtual void on_deadline(size_t client, Now now) = 0;

  bool has_reason_to_stop() const;
  void visit_busy(Now now);

  ServerRoute route_;
  uint32_t window_;
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
