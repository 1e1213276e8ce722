// ProbeVisit: the steps of a probe against one server address, over real sockets.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "auth/random.h"
#include "client/stun_client.h"
#include "client/tools/client_socket.h"
#include "client/tools/probe_report.h"
#include "client/turn_client.h"

namespace uturn {

struct ProbeSettings {
  std::string username;
  std::string password;
  bool relays = false;  ///< turn: Allocate and the relay loop; stun: Binding only
};

/// Two clients, alice and bob, allocate on the same server and talk to each other's relayed
/// address: a relayed transport address of the server itself is a legal peer even where every
/// private or loopback address is not, and nothing besides the server takes part.
class ProbeVisit {
 public:
  ProbeVisit(const ProbeSettings& settings, const TransportAddress& server, Instant deadline);
  ~ProbeVisit();

  /// Binding. False: no answer from here, another address of the server may do.
  bool bind();
  /// The rest, until then; what a failed step makes pointless is skipped.
  void relay(Instant deadline);
  std::vector<ProbeStep> take_steps() { return std::move(steps_); }

 private:
  struct Visitor;
  using Check = std::function<bool()>;

  bool allocate(Visitor& visitor, const std::string& name);
  bool permit();
  bool bind_channels();
  bool exchange(const std::string& name, bool by_channel);
  bool carry(Visitor& from, Visitor& to, bool by_channel, std::string_view text, Instant until);
  void release();

  bool pump_until(const Check& is_done, Instant until);
  void pump_once(Instant until);
  bool finish(ProbeStep step, Instant started, const RequestFailure* failure);
  void skip(const std::string& name);
  const RequestFailure* any_failure() const;

  ProbeSettings settings_;
  TransportAddress server_;
  Instant deadline_;
  CsprngRandom random_;
  std::unique_ptr<Visitor> alice_;
  std::unique_ptr<Visitor> bob_;
  std::vector<ProbeStep> steps_;
};

}  // namespace uturn
