// TurnClient: one allocation as its client lives it, sans-I/O (RFC 8656).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "auth/random.h"
#include "client/channels.h"
#include "client/long_term_credentials.h"
#include "client/permissions.h"
#include "client/round_trip_time.h"
#include "client/transaction.h"
#include "client/turn_event.h"
#include "client/turn_request.h"

namespace uturn {

/// The owner brings sockets and clocks:
///
///   datagram from the server → handle()         next_deadline() reached → on_deadline()
///   after each of these and after each wish below:
///     poll_transmit() until empty, each datagram to the server
///     poll_event() until empty
///
/// Wishes (allocate, create_permission, bind_channel) are kept up until they are taken back or
/// fail: refreshed in time, retransmitted, and sent anew after a challenge. One five-tuple: after a
/// 437 the owner picks another client transport address and a new TurnClient (RFC 8656,
/// Section 7.4).
///
/// Sending and receiving data allocates nothing; an idle client has one deadline in minutes.
class TurnClient {
 public:
  struct Settings {
    LongTermCredentials credentials;
    RetransmissionSettings retransmission;
    RequestDecoration decoration;
    bool reliable = false;  ///< over TCP or TLS: nothing is sent twice, ChannelData is padded
  };
  enum class State : uint8_t { idle, allocating, allocated, releasing };

  static constexpr size_t kMaxOutstanding = 10;  ///< RFC 8489, Section 6.2
  static constexpr size_t kMaxChallenges = 3;    ///< 401 and 438 answered per request
  static constexpr size_t kMaxEvents = 256;      ///< an owner that does not poll loses the rest

  /// `random` must outlive the client and be a CSPRNG (RFC 8489, Section 5).
  TurnClient(Settings settings, Random& random);

  State state() const { return state_; }
  const std::vector<RelayedAddress>& relayed() const { return relayed_; }
  Instant expires_at() const { return expires_at_; }

  // Wishes. False or nothing: not in this state, of a family that is not allocated, or too many.
  bool allocate(const AllocationRequest& request, Now now);
  bool refresh(std::chrono::seconds lifetime, Now now);  ///< now, and by this lifetime from now on
  bool release(Now now);                                 ///< delete the allocation
  bool release(AddressFamily family, Now now);           ///< delete one half of a dual allocation
  bool create_permission(const IpAddress& peer, Now now);
  void drop_permission(const IpAddress& peer) { permissions_.drop(peer); }
  std::optional<ChannelNumber> bind_channel(const PeerAddress& peer, Now now);
  void drop_channel(ChannelNumber channel) { channels_.drop(channel); }

  // Data to a peer, written into the lent buffer; the result is a datagram for the server. Nothing
  // where no channel or permission is confirmed, or where it does not fit. The first takes the
  // channel where there is one.
  std::optional<Bytes> send(const PeerAddress& peer, Bytes data, MutableBytes out, Now now) const;
  std::optional<Bytes> send_on_channel(const PeerAddress& peer, Bytes data, MutableBytes out,
                                       Now now) const;
  std::optional<Bytes> send_indication(const PeerAddress& peer, Bytes data, MutableBytes out,
                                       Now now, bool dont_fragment = false) const;

  /// A datagram (or frame) from the server. Whatever is not for us is ignored.
  void handle(MutableBytes datagram, Now now);
  /// A hard ICMP error came back for something we sent: what is outstanding has failed.
  void handle_unreachable(Now now);
  /// The connection that the allocation was made over is gone, and the allocation with it: its
  /// five-tuple will not come back (RFC 8656, Section 5).
  void handle_connection_ended(Now now);

  Instant next_deadline() const;
  void on_deadline(Now now);

  /// Valid until the next call.
  std::optional<Bytes> poll_transmit(Now now);
  /// The data of a PeerDatagram is valid as long as the datagram it came in.
  std::optional<TurnEvent> poll_event();

 private:
  struct Pending {
    Transaction transaction;
    TurnRequest request;
    size_t challenges = 0;
    bool was_signed = false;
  };

  // turn_client.cc: what to send when
  bool has_room() const { return pending_.size() < kMaxOutstanding; }
  void begin(TurnRequest request, size_t challenges, Now now);
  void start_due_requests(Now now);
  void fail_outstanding(FailureCause cause, Now now);
  bool has_family(AddressFamily family) const;
  void emit(TurnEvent event);

  // turn_client_responses.cc: what an answer, or none, changes
  void on_response(const MessageView& response, Now now);
  void on_success(const AllocationRequest& request, const Pending& pending,
                  const MessageView& response, Now now);
  void on_success(const RefreshRequest& request, const Pending& pending,
                  const MessageView& response, Now now);
  void on_success(const PermissionRequest& request, const Pending& pending,
                  const MessageView& response, Now now);
  void on_success(const ChannelRequest& request, const Pending& pending,
                  const MessageView& response, Now now);
  void fail(const TurnRequest& request, RequestFailure failure, Now now);
  void lose(AllocationLost::Reason reason);
  void forget_allocation();

  // turn_client_data.cc: what peers send
  void on_data_indication(const MessageView& indication, Now now);
  void on_channel_data(MutableBytes datagram, Now now);

  Settings settings_;
  Random* random_;
  RoundTripTime round_trip_time_;
  State state_ = State::idle;
  std::vector<RelayedAddress> relayed_;
  std::optional<std::chrono::seconds> wanted_lifetime_;
  bool release_when_allocated_ = false;
  Instant expires_at_ = kNever;
  Instant refresh_at_ = kNever;
  Permissions permissions_;
  Channels channels_;
  std::vector<Pending> pending_;
  std::vector<TurnEvent> events_;
  size_t next_event_ = 0;
};

}  // namespace uturn
