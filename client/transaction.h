// Transaction: one request on its way to the server, and when to send it again (RFC 8489,
// Section 6.2).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "protocol/message_view.h"
#include "protocol/time.h"

namespace uturn {

/// How long a client keeps trying (RFC 8489, Sections 6.2.1 and 6.2.2).
struct RetransmissionSettings {
  Duration initial_rto = 500ms;         ///< RTO of the first transaction to a server
  uint32_t request_count = 7;           ///< Rc: how often a request is sent at the most
  uint32_t last_wait = 16;              ///< Rm: times the RTO, after the last request
  Duration reliable_timeout = 39500ms;  ///< Ti: over TCP and TLS, where nothing is sent twice
};

/// Over UDP the waits are RTO, 2 RTO, 4 RTO … and Rm times the RTO after the Rc-th request.
///
///   RTO 500 ms, Rc 7, Rm 16:
///   0  500  1500  3500    7500          15500                31500      failed at 39500 ms
class Transaction {
 public:
  /// Due at once: the first poll() gives the request.
  Transaction(const TransactionId& id, Method method, std::vector<uint8_t> request,
              const RetransmissionSettings& settings, Duration rto, bool reliable, Now now);

  const TransactionId& id() const { return id_; }
  Method method() const { return method_; }
  Instant started_at() const { return started_at_; }
  uint32_t sent() const { return sent_; }

  /// The request, when it is time to send it. Valid until this transaction goes.
  std::optional<Bytes> poll(Now now);
  /// When poll() or has_failed() will have news.
  Instant next_deadline() const { return deadline_; }
  bool has_failed(Now now) const;

  /// The time the answer took. None after a retransmission: nobody knows which of the requests was
  /// answered (Karn's algorithm; RFC 8489, Section 6.2.1).
  std::optional<Duration> round_trip(Now now) const;

  /// An answer was thrown away because its integrity was missing or wrong. Where that is all that
  /// came, the failure is a violation and no timeout (RFC 8489, Section 9.2.5).
  void note_integrity_violation() { integrity_violated_ = true; }
  bool integrity_violated() const { return integrity_violated_; }

 private:
  TransactionId id_;
  Method method_;
  std::vector<uint8_t> request_;
  Duration interval_;    ///< what follows the next request, doubled each time
  Duration final_wait_;  ///< what follows the last one
  uint32_t request_count_;
  uint32_t sent_ = 0;
  Instant started_at_;
  Instant deadline_;
  bool integrity_violated_ = false;
};

}  // namespace uturn
