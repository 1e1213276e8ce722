// StunClient: the Binding method, sans-I/O (RFC 8489, Sections 2 and 6).
#pragma once

#include <optional>
#include <variant>

#include "auth/random.h"
#include "client/failure.h"
#include "client/round_trip_time.h"
#include "client/transaction.h"
#include "client/turn_request.h"

namespace uturn {

struct Mapped {
  ClientAddress address;  ///< us as the server sees us
  std::optional<Duration> round_trip;
};
using StunEvent = std::variant<Mapped, RequestFailure>;

/// One Binding at a time, without credentials. Driven like TurnClient.
class StunClient {
 public:
  struct Settings {
    RetransmissionSettings retransmission;
    RequestDecoration decoration;
    bool reliable = false;
  };
  /// `random` must outlive the client and be a CSPRNG (RFC 8489, Section 5).
  StunClient(Settings settings, Random& random);

  bool bind(Now now);  ///< false where one is on its way
  void handle(Bytes datagram, Now now);
  void handle_unreachable();
  void handle_connection_ended();

  Instant next_deadline() const;
  void on_deadline(Now now);
  std::optional<Bytes> poll_transmit(Now now);  ///< valid until the next call
  std::optional<StunEvent> poll_event();

 private:
  void fail(FailureCause cause);

  Settings settings_;
  Random* random_;
  RoundTripTime round_trip_time_;
  std::optional<Transaction> transaction_;
  std::optional<StunEvent> event_;
};

}  // namespace uturn
