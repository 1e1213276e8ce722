// Config: everything that can be set, as a plain value. The member initialisers are the defaults.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "auth/address_range.h"
#include "auth/key.h"
#include "auth/nonce.h"
#include "io/make_loop.h"
#include "protocol/channel_data.h"
#include "protocol/time.h"
#include "protocol/transport_address.h"
#include "server/secret.h"

namespace uturn {

/// Where clients reach us: udp://192.0.2.1:3478, udp://[2001:db8::1]:3478. Port 0: ephemeral.
struct ListenerUri {
  Transport transport = Transport::udp;
  TransportAddress address;

  static std::optional<ListenerUri> parse(std::string_view text);
  std::string to_string() const;
  friend bool operator==(const ListenerUri&, const ListenerUri&) = default;
};

/// Ports of relayed transport addresses, both ends included.
struct PortRange {
  uint16_t first = 49152;
  uint16_t last = 65535;

  static std::optional<PortRange> parse(std::string_view text);  ///< 49152-65535, first <= last
  std::string to_string() const;
  uint32_t size() const { return uint32_t{last} - first + 1; }
  friend bool operator==(const PortRange&, const PortRange&) = default;
};

/// A 1:1 NAT in front of us: clients and peers see `public_address` where a socket is bound to
/// `private_address`; without the latter it stands for every relay address of its family.
struct ExternalAddress {
  IpAddress public_address;
  std::optional<IpAddress> private_address;

  static std::optional<ExternalAddress> parse(std::string_view text);  ///< PUBLIC[/PRIVATE]
  std::string to_string() const;
  friend bool operator==(const ExternalAddress&, const ExternalAddress&) = default;
};

/// The family of an allocation whose request names none (RFC 8656, Section 7.2: IPv4).
enum class DefaultFamily : uint8_t { ipv4, ipv6, keep };

enum class LogLevel : uint8_t { trace, debug, info, warn, error, off };
enum class LogFormat : uint8_t { text, json };
/// How much of an address a log line shows: all, its /24 or /48, nothing.
enum class LogPrivacy : uint8_t { full, truncated, none };

/// A user written into the configuration: a password, or keys (RFC 8489, Section 18.5.1).
struct StaticUser {
  Secret password;        ///< empty where keys are given
  std::vector<Key> keys;  ///< one per password algorithm at the most
  friend bool operator==(const StaticUser&, const StaticUser&) = default;
};

struct ServerSettings {
  std::string realm = "uturn";
  uint32_t workers = 0;  ///< 0: auto, by affinity and cgroup
  IoWish io = IoWish::automatic;
  std::string state_dir = "/var/lib/uturn";
  std::string run_as = "uturn";                ///< USER[:GROUP]; only for a server started as root
  uint64_t listener_buffer = 4 * 1024 * 1024;  ///< bytes asked of SO_RCVBUF and SO_SNDBUF
  uint64_t relay_buffer = 256 * 1024;
  bool freebind = false;
  Duration batch_wait = std::chrono::microseconds(200);  ///< only above 5,000 packets/s; 0: never
  friend bool operator==(const ServerSettings&, const ServerSettings&) = default;
};

struct RelaySettings {
  std::vector<IpAddress> addresses;  ///< empty: auto, the addresses of the interfaces
  std::vector<ExternalAddress> external;
  PortRange ports;
  ChannelRange channels = ChannelRange::rfc8656;
  DefaultFamily default_family = DefaultFamily::ipv4;
  friend bool operator==(const RelaySettings&, const RelaySettings&) = default;
};

struct PeerSettings {
  std::vector<AddressRange> allow;
  std::vector<AddressRange> deny;
  friend bool operator==(const PeerSettings&, const PeerSettings&) = default;
};

struct AuthSettings {
  bool required = true;  ///< false: --no-auth
  std::map<std::string, StaticUser> users;
  std::vector<Secret> secrets;  ///< TURN REST API
  char rest_separator = ':';
  Duration nonce_lifetime = std::chrono::hours(1);
  FeatureBitOrder feature_bit_order = FeatureBitOrder::erratum_6290;
  bool username_anonymity = false;
  friend bool operator==(const AuthSettings&, const AuthSettings&) = default;

  bool has_source() const { return !users.empty() || !secrets.empty(); }
};

/// Bounds an operator may move; the others are constants of server/relay/limits.h. A count of 0 is
/// "no limit" where its comment says so, and an error elsewhere.
struct LimitSettings {
  uint32_t allocations = 1'000'000;
  uint32_t allocations_per_user = 0;       ///< 0: no limit; by quota id
  uint32_t allocations_per_client_ip = 0;  ///< 0: no limit
  uint32_t permissions_per_allocation = 256;
  uint32_t channels_per_allocation = 256;
  uint32_t pending_requests = 4'096;      ///< per worker: requests that wait for a directory
  uint32_t unauthenticated_rate = 2'000;  ///< a second, per IPv4 address or IPv6 /64; 0: no limit
  uint32_t unauthenticated_burst = 20'000;
  Duration max_lifetime = std::chrono::seconds(3600);
  friend bool operator==(const LimitSettings&, const LimitSettings&) = default;
};

struct LogSettings {
  LogLevel level = LogLevel::info;
  LogFormat format = LogFormat::text;
  LogPrivacy privacy = LogPrivacy::full;
  std::string file;  ///< empty: standard error
  friend bool operator==(const LogSettings&, const LogSettings&) = default;
};

/// What only a command line says, about this one start.
struct StartSettings {
  std::string config_file;            ///< empty: none, quick start
  std::string ready_file;             ///< empty: none
  bool credential_generated = false;  ///< quick start made up the user in auth.users
  friend bool operator==(const StartSettings&, const StartSettings&) = default;

  bool is_quick_start() const { return config_file.empty(); }
};

/// `default_listeners()` are udp://0.0.0.0:3478 and udp://[::]:3478.
std::vector<ListenerUri> default_listeners();

struct Config {
  ServerSettings server;
  std::vector<ListenerUri> listeners = default_listeners();
  RelaySettings relay;
  PeerSettings peers;
  AuthSettings auth;
  LimitSettings limits;
  LogSettings log;
  StartSettings start;
  friend bool operator==(const Config&, const Config&) = default;
};

}  // namespace uturn
