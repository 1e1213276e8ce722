// Config: everything that can be set, as a plain value. The member initialisers are the defaults.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "auth/access_token.h"
#include "auth/address_range.h"
#include "auth/key.h"
#include "auth/nonce.h"
#include "auth/quota.h"
#include "auth/rest_secrets.h"
#include "io/make_loop.h"
#include "io/tls_context.h"
#include "protocol/channel_data.h"
#include "protocol/time.h"
#include "protocol/transport_address.h"
#include "server/credential_config.h"
#include "server/directories/directory_settings.h"
#include "server/relay/limits.h"
#include "server/relay/port_pool.h"
#include "server/relay/relay.h"
#include "server/secret.h"

namespace uturn {

/// Where clients reach us: udp://192.0.2.1:3478, udp://[2001:db8::1]:3478. Port 0: ephemeral.
struct ListenerUri {
  Transport transport = Transport::udp;
  TransportAddress address;
  std::string realm{};  ///< that it serves alone; empty: all of them

  static std::optional<ListenerUri> parse(std::string_view text);
  std::string to_string() const;  ///< without the realm
  friend bool operator==(const ListenerUri&, const ListenerUri&) = default;
};

/// A 1:1 NAT in front of us: clients and peers see `public_address` where a socket is bound to
/// `private_address`; without the latter it stands for every relay address of its family.
struct ExternalMapping {
  IpAddress public_address;
  std::optional<IpAddress> private_address;

  static std::optional<ExternalMapping> parse(std::string_view text);  ///< PUBLIC[/PRIVATE]
  std::string to_string() const;
  friend bool operator==(const ExternalMapping&, const ExternalMapping&) = default;
};

enum class LogLevel : uint8_t { trace, debug, info, warn, error, off };
enum class LogFormat : uint8_t { text, json };
/// How much of an address a log line shows: all, its /24 or /48, a name that is its own for a day
/// and tells nobody whose it is, nothing.
enum class LogPrivacy : uint8_t { full, truncated, hashed, none };
/// What a line is about; each has a level of its own.
enum class LogComponent : uint8_t {
  server,
  auth,
  peers,
  sessions,
  tls,
  directories,
  admin,
  count_
};
struct ComponentLevel {
  LogComponent component{};
  LogLevel level{};
  friend bool operator==(const ComponentLevel&, const ComponentLevel&) = default;
};

/// A user written into the configuration: a password, or keys (RFC 8489, Section 18.5.1).
struct StaticUser {
  Secret password;               ///< empty where keys are given
  std::vector<Key> keys;         ///< one per password algorithm at the most
  std::string credential_class;  ///< of limits.classes; empty: everybody's limits
  friend bool operator==(const StaticUser&, const StaticUser&) = default;
};

struct ServerConfig {
  std::string realm = "uturn";
  uint32_t workers = 0;  ///< 0: auto, by affinity and cgroup
  IoWish io = IoWish::automatic;
  std::string state_dir = "/var/lib/uturn";
  std::string run_as = "uturn";                ///< USER[:GROUP]; only for a server started as root
  uint64_t listener_buffer = 4 * 1024 * 1024;  ///< bytes asked of SO_RCVBUF and SO_SNDBUF
  uint64_t relay_buffer = 256 * 1024;
  Duration batch_wait = std::chrono::microseconds(200);  ///< 0: off
  Duration busy_poll{};                                  ///< 0: off
  bool freebind = false;
  std::string software = "uturn";  ///< SOFTWARE of answers to the authenticated; empty: none
  std::vector<TransportAddress> alternates;  ///< where a draining server sends new clients …
  std::string alternate_domain;              ///< … and the host name of their certificate
  Duration drain_timeout = std::chrono::hours(1);
};

struct RelayConfig {
  std::vector<IpAddress> addresses;  ///< empty: auto, the addresses of the interfaces
  std::vector<ExternalMapping> external;
  PortRange ports;
  ChannelRange channels = ChannelRange::rfc8656;
  DefaultFamily default_family = DefaultFamily::ipv4;
  bool shortcut = true;  ///< past the kernel between two clients that both relay
};

struct PeerConfig {
  std::vector<AddressRange> allow;
  std::vector<AddressRange> deny;
  friend bool operator==(const PeerConfig&, const PeerConfig&) = default;
};

/// Third-party authorization (RFC 7635).
struct OauthConfig {
  std::string server_name;     ///< told to clients, and bound into tokens; empty: the realm
  std::vector<TokenKey> keys;  ///< empty: no tokens are taken
  friend bool operator==(const OauthConfig&, const OauthConfig&) = default;
};

struct AuthConfig {
  bool required = true;  ///< false: --no-auth
  std::map<std::string, StaticUser> users;
  std::vector<Secret> secrets;              ///< TURN REST API
  std::vector<std::string> secret_classes;  ///< of limits.classes, for each secret; empty: none
  Secret database;                          ///< a DatabaseUrl, password and all; empty: none
  DirectoryConfig directory;
  WebhookConfig webhook;
  RestOptions rest;
  Duration nonce_lifetime = std::chrono::hours(1);
  FeatureBitOrder feature_bit_order = FeatureBitOrder::erratum_6290;
  bool username_anonymity = false;
  OauthConfig oauth;
  bool end_at_expiry = false;  ///< of a credential: running allocations end too

  bool has_source() const {
    return !users.empty() || !secrets.empty() || !oauth.keys.empty() || !database.empty() ||
           !webhook.url.empty();
  }
};

/// `realms.NAME`: users of their own, and what they may do besides what everybody may. Under the
/// name of server.realm: more for the default realm.
struct RealmConfig {
  std::map<std::string, StaticUser> users;
  std::vector<Secret> secrets;
  std::vector<std::string> secret_classes;
  OauthConfig oauth;                 ///< server_name empty: as in `auth`
  std::vector<std::string> origins;  ///< of web pages whose clients are sent here
  RealmLimits limits;
  PeerConfig peers;  ///< asked before Config::peers
  friend bool operator==(const RealmConfig&, const RealmConfig&) = default;
};

/// Two files in PEM form: a certificate followed by its chain, and its private key.
struct CertificateFiles {
  std::string certificate;
  std::string key;
  friend bool operator==(const CertificateFiles&, const CertificateFiles&) = default;
};

struct TlsConfig {
  CertificateFiles main;  ///< empty: none
  /// Further ones; clients say which they need (SNI, RFC 6066, Section 3).
  std::vector<CertificateFiles> certificates;
  bool plain = true;  ///< tls and dtls listeners take plain TURN as well
  TlsVersion minimum_version = TlsVersion::tls1_2;  ///< of TLS; DTLS is 1.2
  bool tickets = true;                              ///< sessions resume (RFC 5077, RFC 8446)

  /// The first is for clients that ask for no host name, or for one that no certificate has.
  std::vector<CertificateFiles> all() const;
};

/// Who may speak for others: sources of the PROXY protocol.
struct ProxyConfig {
  std::vector<AddressRange> from;
};

/// Bounds of client connections: TCP, TLS and DTLS. In the process, unless it says otherwise.
struct StreamLimits {
  uint32_t connections = 100'000;
  uint32_t connections_per_source = 1'000;  ///< IPv6 by /64; 0: unlimited
  uint32_t handshakes = 4'096;              ///< TLS and DTLS, under way at once
  Duration handshake_timeout = std::chrono::seconds(10);
  Duration first_message_timeout = std::chrono::seconds(10);  ///< a whole one, after the handshake
  Duration idle_timeout = std::chrono::seconds(60);           ///< without an allocation
  uint64_t stream_queue = 256 * 1024;                         ///< bytes waiting for one slow client
  Duration stream_queue_age = std::chrono::seconds(1);        ///< of relayed data in that queue
  uint32_t tcp_connections_per_allocation = 64;               ///< to peers (RFC 6062)
};

struct AdminConfig {
  std::string socket = "/run/uturn/admin.sock";  ///< empty: none
  /// The dashboard and the API over HTTP, for whoever shows the token. None: nowhere.
  std::optional<TransportAddress> listen;
  std::string certificate;  ///< both empty: the one of `tls` beyond loopback
  std::string key;
  Secret token;
};

/// What quotas know besides Limits: bytes a second in each direction, 0 without limit; classes.
struct QuotaConfig {
  uint64_t bandwidth = 0;  ///< of the process
  uint64_t bandwidth_per_user = 0;
  uint64_t bandwidth_per_allocation = 0;
  bool idle_gives_way = true;
  std::map<std::string, CredentialClass, std::less<>> classes;
};

struct LogConfig {
  LogLevel level = LogLevel::info;
  LogFormat format = LogFormat::text;
  LogPrivacy privacy = LogPrivacy::full;
  std::string file;            ///< empty: standard error; "stdout", "journald", "syslog" or a path
  bool failed_logins = false;  ///< tells each source's failed attempts with its whole address
  std::vector<ComponentLevel> levels{};  ///< of components that differ from `level`
};

/// Whom Prometheus and health checks ask.
struct MetricsConfig {
  /// Nothing: no listener. Where it is the default and taken, the server goes on without.
  std::optional<TransportAddress> listen = default_listen();
  bool coturn_names = false;
  uint32_t top_users = 0;  ///< users who relay most, told by name

  static TransportAddress default_listen();
};

/// What only a command line says, about this one start.
struct StartConfig {
  std::string config_file;                     ///< empty: none, quick start
  std::string ready_file;                      ///< empty: none
  std::vector<std::string> arguments;          ///< of `serve`, to be read again by a reload
  std::optional<IpAddress> detected_external;  ///< by --detect-external, in relay.external too
  bool credential_generated = false;           ///< quick start made up the user in auth.users
  bool certificate_generated = false;  ///< quick start makes a self-signed one for TLS and DTLS

  bool is_quick_start() const { return config_file.empty(); }
};

/// `default_listeners()` are port 3478 of every address, over UDP and TCP.
std::vector<ListenerUri> default_listeners();

struct Config;
/// Of the whole process.
QuotaLimits quota_limits_of(const Config& config);
/// The default realm, and the further ones of `realms`, each once.
std::vector<std::string> realm_names(const Config& config);

struct Config {
  ServerConfig server;
  std::vector<ListenerUri> listeners = default_listeners();
  RelayConfig relay;
  PeerConfig peers;
  AuthConfig auth;
  std::map<std::string, RealmConfig, std::less<>> realms;
  Limits limits;
  StreamLimits stream_limits;
  QuotaConfig quota;
  TlsConfig tls;
  ProxyConfig proxy;
  AdminConfig admin;
  CredentialServiceConfig credentials;
  MetricsConfig metrics;
  LogConfig log;
  StartConfig start;
};

}  // namespace uturn
