// ProbeVisit: the steps of a probe against one server address, over real sockets.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "auth/random.h"
#include "client/tools/probe_report.h"
#include "client/tools/probe_visitor.h"

namespace uturn {

/// Two clients, alice and bob, allocate on the same server and talk to each other's relayed
/// address: a relayed transport address of the server itself is a legal peer even where every
/// private or loopback address is not, and nothing besides the server takes part.
class ProbeVisit {
 public:
  ProbeVisit(const ProbeSettings& settings, const TransportAddress& server, Instant deadline);

  /// The connection, where the transport has one, and Binding. False: no answer from here, another
  /// address of the server may do.
  bool connect_and_bind();
  /// The rest, until then; what a failed step makes pointless is skipped.
  void relay(Instant deadline);
  std::vector<ProbeStep> take_steps() { return std::move(steps_); }

 private:
  using Check = std::function<bool()>;

  bool connect();
  bool bind();
  bool allocate(ProbeVisitor& visitor, const std::string& name);
  bool permit();
  bool bind_channels();
  bool exchange(const std::string& name, bool by_channel);
  bool carry(ProbeVisitor& from, ProbeVisitor& to, bool by_channel, std::string_view text,
             Instant until);
  void release();

  bool pump_until(const Check& is_done, Instant until);
  void pump_once(Instant until);
  bool finish(ProbeStep step, Instant started, const RequestFailure* failure);
  bool finish(ProbeStep step, Instant started);
  void skip(const std::string& name);
  const ConnectionEnd* any_end() const;
  const RequestFailure* any_failure() const;

  ProbeSettings settings_;
  TransportAddress server_;
  Instant deadline_;
  CsprngRandom random_;
  std::unique_ptr<ProbeVisitor> alice_;
  std::unique_ptr<ProbeVisitor> bob_;
  std::vector<ProbeStep> steps_;
};

}  // namespace uturn
