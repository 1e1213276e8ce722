// BenchOptions: their words, and what contradicts itself.
#include "client/tools/bench/options.h"

#include <fmt/format.h>

#include <algorithm>

#include "client/channels.h"
#include "client/tools/bench/payload_stamp.h"
#include "protocol/channel_data.h"

namespace uturn {
namespace {

/// A datagram of more could not leave in one piece with the longest header in front.
constexpr uint32_t kMaxPayload = 60'000;
constexpr uint32_t kMaxDtlsPayload = 1'900;  // with header and record it fits into a lent buffer
constexpr uint32_t kMaxBurst = 1'024;
constexpr uint32_t kMaxTurn = 8'192;  // packets of one allocation at once: the send queue's size

bool is_relaying(const BenchOptions& options) {
  return options.mode == BenchMode::relay || options.mode == BenchMode::churn;
}

std::optional<std::string> problem_in_relaying(const BenchOptions& options) {
  if (options.payload < kStampSize || options.payload > kMaxPayload) {
    return fmt::format("a payload has {} to {} bytes", kStampSize, kMaxPayload);
  }
  if (options.transport == Transport::dtls && options.payload > kMaxDtlsPayload) {
    return fmt::format("a payload over dtls has {} bytes at most", kMaxDtlsPayload);
  }
  if (options.rate && !(*options.rate > 0)) return "the rate must be more than 0 packets/s";
  if (options.burst == 0 || options.burst > kMaxBurst) {
    return fmt::format("a burst has 1 to {} packets", kMaxBurst);
  }
  if (options.frames && (options.frames->packets == 0 || options.frames->packets > kMaxBurst ||
                         options.frames->per_second == 0)) {
    return fmt::format("frames are 1 to {} packets, once a second at least", kMaxBurst);
  }
  if (options.window == 0) return "a window has 1 packet at least";
  if (options.fanout == 0 || options.fanout > kMaxChannels) {
    return fmt::format("an allocation has 1 to {} peers", kMaxChannels);
  }
  const uint32_t burst = std::max(options.burst, options.frames ? options.frames->packets : 0);
  if (burst * (options.fanout + 1) > kMaxTurn) {
    return fmt::format("an allocation sends {} packets at once at most", kMaxTurn);
  }
  if (options.fanout > 1 && options.direction == RelayDirection::echo) {
    return "echo has one peer for each allocation: give no fan-out";
  }
  if (options.peers && *options.peers < options.fanout * options.threads) {
    return "each thread needs as many peers as the fan-out says";
  }
  return std::nullopt;
}

std::optional<std::string> problem_in_users(const BenchOptions& options) {
  const bool has_user = !options.username.empty();
  if (has_user == options.password.empty()) return "a user and a password belong together";
  const bool has_secret = !options.auth_secret.empty();
  if (has_secret && has_user) return "a secret makes the users up: give no user beside it";
  if (options.users > 0 && !has_user) return "users in turn need a name and a password";
  const bool has_lives = options.mode == BenchMode::allocate || options.mode == BenchMode::lives;
  if (has_lives) return std::nullopt;
  if (has_secret || options.users > 0) return "users of their own are for mode allocate and lives";
  if (options.refreshes > 0) return "refreshes are for mode allocate and lives";
  return std::nullopt;
}

std::optional<std::string> problem_in_forwarding(const BenchOptions& options) {
  if (options.transport.value_or(Transport::udp) != Transport::udp) {
    return "a bare forwarder is reached over udp only";
  }
  if (options.mode != BenchMode::relay) return "a bare forwarder only relays: --mode relay";
  if (!options.floods.empty()) return "a bare forwarder knows no STUN: floods are for servers";
  if (options.fanout > 1 && options.direction == RelayDirection::to_peer) {
    return "a bare forwarder sends to one peer of each client: a fan-out goes to the clients";
  }
  return std::nullopt;
}

}  // namespace

std::string_view text_of(BenchMode mode) {
  switch (mode) {
    case BenchMode::relay:
      return "relay";
    case BenchMode::allocate:
      return "allocate";
    case BenchMode::idle:
      return "idle";
    case BenchMode::lives:
      return "lives";
    case BenchMode::binding:
      return "binding";
    case BenchMode::churn:
      return "churn";
  }
  return "unknown";
}

std::string_view text_of(RelayDirection direction) {
  switch (direction) {
    case RelayDirection::to_peer:
      return "to-peer";
    case RelayDirection::to_client:
      return "to-client";
    case RelayDirection::echo:
      return "echo";
    case RelayDirection::both:
      return "both";
  }
  return "unknown";
}

std::string_view text_of(RelayVia via) {
  return via == RelayVia::channel ? "channel" : "indication";
}
std::string_view text_of(SenderKind sender) { return sender == SenderKind::gso ? "gso" : "plain"; }
std::string_view text_of(ReceiverKind receiver) {
  return receiver == ReceiverKind::gro ? "gro" : "plain";
}

std::string_view text_of(FloodKind kind) {
  switch (kind) {
    case FloodKind::binding:
      return "binding";
    case FloodKind::allocate:
      return "allocate";
    case FloodKind::garbage:
      return "garbage";
    case FloodKind::bad_hmac:
      return "bad-hmac";
  }
  return "unknown";
}

std::optional<std::string> problem_in(const BenchOptions& options) {
  if (auto problem = problem_in_users(options)) return problem;
  if (options.allocations == 0) return "there must be 1 allocation at least";
  if (options.threads == 0 || options.threads > options.allocations) {
    return "there must be 1 thread at least, and not more than allocations";
  }
  if (options.duration <= 0s || options.warmup < 0s) return "the run must last longer than 0 s";
  if (options.request_window == 0) return "there must be 1 request at least under way";
  if (options.is_forwarder()) {
    if (auto problem = problem_in_forwarding(options)) return problem;
  }
  if (is_relaying(options)) return problem_in_relaying(options);
  return std::nullopt;
}

}  // namespace uturn
