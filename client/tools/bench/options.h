// BenchOptions: what `uturn bench` shall do, as the command line says it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/tools/client_security.h"
#include "protocol/time.h"
#include "protocol/transport_address.h"

namespace uturn {

enum class BenchMode : uint8_t {
  relay,     ///< packets between clients and peers
  allocate,  ///< Allocate, then Refresh with lifetime 0: a storm of them, or one after the other
  idle,      ///< allocations that only stay: memory
  lives,     ///< 401, Allocate, CreatePermission, ChannelBind, Refresh with lifetime 0
  binding,   ///< STUN Binding requests
  churn,     ///< clients that come and go while others relay: soak
};

enum class RelayDirection : uint8_t {
  to_peer,
  to_client,
  echo,  ///< the peer sends back what it gets: both legs count, and the round trip is timed
  both,  ///< flows each way that do not know of each other
};

enum class RelayVia : uint8_t { channel, indication };

enum class SenderKind : uint8_t { plain, gso };
enum class ReceiverKind : uint8_t { plain, gro };

enum class FloodKind : uint8_t { binding, allocate, garbage, bad_hmac };

struct FloodWish {
  FloodKind kind{};
  uint32_t packets_per_second = 0;
};

/// Video: every allocation sends so many packets back to back, so often.
struct VideoFrames {
  uint32_t packets = 0;
  uint32_t per_second = 0;
};

inline constexpr std::string_view kForwarderScheme = "forward:";

struct BenchOptions {
  std::string uri;  ///< RFC 7065: "turn:127.0.0.1:3478"; or "forward:127.0.0.1:40000"
  std::string username{};
  std::string password{};
  std::string auth_secret{};  ///< of the TURN REST API: a user of its own for each life
  uint32_t users = 0;         ///< of lives, in turn: NAME-0, NAME-1 …; 0: NAME
  std::string workload{};     ///< the preset that the other values began as; empty: none

  std::optional<Transport> transport{};  ///< absent: as the URI says
  SecurityWish security{};               ///< of TLS and DTLS

  BenchMode mode = BenchMode::relay;
  uint32_t allocations = 100;
  RelayDirection direction = RelayDirection::to_peer;
  RelayVia via = RelayVia::channel;
  uint32_t payload = 100;  ///< bytes; kStampSize at least

  /// Closed loop: at most so many packets outstanding. Holds where no open loop is asked for.
  uint32_t window = 512;
  std::optional<double> rate{};         ///< open loop, packets/s in total and per direction
  uint32_t burst = 1;                   ///< packets back to back per allocation and turn
  std::optional<VideoFrames> frames{};  ///< open loop; beside `rate`, if both are given
  uint32_t audio_rate = 0;  ///< packets/s of 160 B per allocation, beside the video frames
  uint32_t fanout = 1;      ///< peers per allocation; each sends for every packet of the client
  std::optional<uint32_t> peers{};  ///< peer sockets in all; absent: `fanout` per allocation

  SenderKind sender = SenderKind::plain;
  ReceiverKind receiver = ReceiverKind::plain;
  std::vector<IpAddress> client_addresses{};  ///< empty: by the route to the server
  std::vector<IpAddress> peer_addresses{};
  std::string client_netns{};  ///< a name under /run/netns; empty: where we are
  std::string peer_netns{};

  uint32_t threads = 1;
  std::vector<uint32_t> cpus{};  ///< of the threads, in turn; empty: not pinned
  Duration warmup = 1s;
  Duration duration = 5s;

  uint32_t request_window = 64;     ///< transactions under way at once: set-up and request modes
  uint32_t refreshes = 0;           ///< of each life, before the one that ends it
  std::optional<Duration> storm{};  ///< mode allocate: the clients begin evenly over this
  std::vector<FloodWish> floods{};  ///< beside any mode
  std::vector<IpAddress> flood_addresses{};

  std::optional<int> server_pid{};  ///< of the process whose CPU time and memory are reported
  bool json = false;
  bool quiet = false;  ///< no progress bar

  /// A bare forwarder (bench/forwarder.h) is at the other end: no TURN, no credentials.
  bool is_forwarder() const { return uri.starts_with(kForwarderScheme); }
  bool is_open_loop() const { return rate || frames || audio_rate > 0; }
};

inline constexpr uint32_t kAudioPayload = 160;  ///< 20 ms of Opus with SRTP around it

std::string_view text_of(BenchMode mode);
std::string_view text_of(RelayDirection direction);
std::string_view text_of(RelayVia via);
std::string_view text_of(SenderKind sender);
std::string_view text_of(ReceiverKind receiver);
std::string_view text_of(FloodKind kind);

/// What contradicts itself or is out of range, one plain sentence; nothing where all is well.
std::optional<std::string> problem_in(const BenchOptions& options);

}  // namespace uturn
