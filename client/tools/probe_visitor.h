// ProbeVisitor: one client of a probe, from its socket to what it has been told.
#pragma once

#include <optional>
#include <string>

#include "client/stun_client.h"
#include "client/tools/driven_connection.h"
#include "client/turn_client.h"

namespace uturn {

struct ProbeSettings {
  std::string username{};
  std::string password{};
  Transport transport = Transport::udp;
  bool relays = false;  ///< turn: Allocate and the relay loop; stun: Binding only
  const ClientSecurity* security = nullptr;  ///< of TLS and DTLS; outlives the visit
  /// The server takes us for a proxy: each datagram, or the stream, begins with its header.
  bool is_proxy = false;
};

class ProbeVisitor final : public FrameSink {
 public:
  /// Its requests are repeated as often as fits into `timeout`.
  ProbeVisitor(const ProbeSettings& settings, const TransportAddress& server, Duration timeout,
               Random& random, Now now);

  /// What is due is sent, and what came of it is known.
  void run_due(Now now);
  void on_ready(Now now);
  Instant next_deadline(Now now) const;
  pollfd wait_for() const { return link.wait_for(); }
  /// Data for a peer, as a TurnClient wrote it.
  void send(Bytes frame, Now now);

  DrivenConnection link;
  StunClient stun;
  TurnClient turn;

  // What it has been told.
  std::optional<Mapped> mapped;
  std::optional<Allocated> allocated;
  std::optional<RequestFailure> failure;
  bool has_permission = false;
  bool has_channel = false;
  bool is_released = false;
  std::string received_text;
  PeerAddress received_from;
  bool received_by_channel = false;

 private:
  void on_frame(MutableBytes frame) override;
  void take_end(Now now);
  void take_events();
  void take(const TurnEvent& event);

  Now now_{};  ///< of on_ready()
};

}  // namespace uturn
