// Server: everything that runs, wired from one configuration.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "auth/peer_policy.h"
#include "auth/quota.h"
#include "io/clock.h"
#include "io/make_loop.h"
#include "io/stream_socket.h"
#include "io/udp_socket.h"
#include "protocol/result.h"
#include "server/admin/admin_api.h"
#include "server/certificates.h"
#include "server/config.h"
#include "server/connection_limits.h"
#include "server/credential_servers.h"
#include "server/directories/directories.h"
#include "server/failed_logins.h"
#include "server/http/http_server.h"
#include "server/interfaces.h"
#include "server/log.h"
#include "server/reload.h"
#include "server/sampler.h"
#include "server/served_realms.h"
#include "server/service_notify.h"
#include "server/shard.h"
#include "server/shard_channel.h"
#include "server/shard_events.h"
#include "server/shared_ports.h"
#include "server/signals.h"
#include "server/statistics.h"

namespace uturn {

class DashboardServer;
struct TestFacts;

/// start() binds everything before any thread runs: what fails, fails with nothing half started.
class Server final : AdminSubject {
 public:
  Server(const Config& config, Log& log);
  ~Server() override;  ///< stops what runs

  /// The error is one sentence. `signals` may end the wait for an address that is not there yet.
  Result<Done, std::string> start(Signals& signals);
  /// Logs what shards tell and serves signals until one says stop.
  void run(Signals& signals);
  void stop();

  const std::vector<ListenerUri>& listeners() const { return uris_; }  ///< with their real ports
  const Statistics& statistics() const { return statistics_; }         ///< once it has stopped
  /// Null where nobody is shown any. Any thread may ask it.
  Certificates* certificates() { return certificates_.get(); }

 private:
  struct Listener {
    UdpSocketSpec spec;
    ListenerGroup group;
    TakesPlain plain;
    std::string realm;  ///< that it serves alone; empty: all of them
  };
  struct StreamListener {
    TakesPlain plain;
    StreamListenerGroup group;
    std::string realm;
  };

  Result<Done, std::string> choose_io();
  void choose_capacity();
  Result<Done, std::string> choose_relay_addresses();
  Result<Done, std::string> check_relay_addresses();
  bool will_drop_root() const;
  uint32_t wanted_connections() const;
  Result<Done, std::string> open_listeners(Signals& signals);
  /// What could not be opened, and why; `false`: this kernel lacks the family, and nobody minds.
  Result<bool, std::string> open_datagram_listener(const ListenerUri& uri, Signals& signals);
  Result<bool, std::string> open_stream_listener(const ListenerUri& uri, Signals& signals);
  template <class Open>
  auto open_patiently(const ListenerUri& uri, Signals& signals, Open open) -> decltype(open());
  template <class Error>
  Result<bool, std::string> not_opened(const ListenerUri& uri, Error error);
  void make_ledgers();
  // server_certificates.cc
  Result<Done, std::string> load_certificates();
  void hand_to_shards(const std::shared_ptr<const TlsContext>& context);
  void reload_certificates();

  PeerPolicy::Settings policy_settings() const;
  std::vector<ExternalAddress> external_of(const Config& config) const;
  Result<Done, std::string> make_shards();
  Result<Done, std::string> hand_listeners_to(Shard& shard, uint8_t index);
  ShardSettings shard_settings(uint8_t shard) const;
  ConnectionLimits::Settings connection_limits() const;
  TakesPlain takes_plain(const ListenerUri& uri) const;
  Result<Done, std::string> drop_root();
  Result<Done, std::string> start_threads();
  Result<Done, std::string> tell_ready();
  void print_quick_start();
  // server_monitoring.cc
  Result<Done, std::string> open_monitoring();
  Result<Done, std::string> serve_monitoring();
  void add_process(ServerSample& sample) const;
  Instant feed_watchdog();
  void log_while_shards_end();
  void log_events();
  void log_ended(const EndedAllocation& ended, LogBatch& log) const;
  void log_failed(const FailedLogin& failed);
  void log_counters();

  // operate.cc
  struct Draining {
    std::chrono::steady_clock::time_point since;
    std::chrono::steady_clock::time_point ends;
  };
  struct LastReload {
    std::chrono::steady_clock::time_point at;
    std::string error;  ///< empty: it went well
  };
  Result<Done, std::string> open_admin();
  Result<Done, std::string> serve_admin();
  Result<Done, std::string> open_credentials();
  // server_dashboard.cc
  Result<Done, std::string> open_dashboard();
  Result<Done, std::string> serve_dashboard();
  TestFacts test_facts() const;
  CredentialFacts credential_facts(const Config& config) const;
  Shards shards() override;
  nlohmann::ordered_json describe() const override;
  std::string show(const TransportAddress& address) const override;
  std::string show(const AddressRange& range) const override;
  void note_kick(uint64_t sessions, const std::string& wish, const Asker& asker) override;
  MainTasks& main_tasks() override { return main_tasks_; }
  Result<nlohmann::ordered_json, std::string> reload(const Asker& asker) override;
  struct Preparation;
  Result<nlohmann::ordered_json, std::string> try_reload(const Asker& asker);
  Result<Preparation, std::string> prepare_reload();
  Result<nlohmann::ordered_json, std::string> take(Preparation preparation, const Asker& asker);
  void hand_configuration_to_shards();
  nlohmann::ordered_json report(const std::vector<ConfigChange>& changes, const Asker& asker);
  void drain(std::optional<Duration> deadline, const Asker& asker) override;
  void resume(const Asker& asker) override;
  void tell_shards_to_drain(bool on);
  bool is_drained();
  LogLevels log_levels() const override;
  void set_log_level(std::optional<LogComponent> component, LogLevel level,
                     const Asker& asker) override;
  ComponentLog admin_log() const { return log_.of(LogComponent::admin); }
  bool tell_shard(uint8_t shard, const auto& make_errand);

  Config config_;
  Log& log_;
  Clock clock_;
  mutable std::mutex live_;  ///< around what the main thread changes and others read
  const std::chrono::steady_clock::time_point started_at_ = std::chrono::steady_clock::now();
  std::optional<Draining> draining_;
  std::optional<LastReload> last_reload_;
  uint8_t workers_ = 1;
  IoKind io_{};
  SegmentationSupport segmentation_;
  uint32_t max_sockets_ = 0;  ///< of one loop
  uint32_t max_streams_ = 0;  ///< likewise
  uint32_t twins_ = 0;        ///< likewise
  std::vector<LocalAddress> locals_;
  std::vector<IpAddress> relay_addresses_;
  DefaultFamily default_family_{};
  std::vector<ExternalAddress> external_;
  std::vector<Listener> listeners_;
  std::vector<StreamListener> stream_listeners_;
  std::vector<ListenerUri> uris_;
  std::unique_ptr<Certificates> certificates_;

  // What shards stand on, so it goes after them.
  ShardEvents events_;
  std::optional<QuotaLedger> quota_;
  std::optional<SharedPorts> ports_;
  std::optional<SharedPorts> tcp_ports_;
  std::optional<ConnectionLimits> connections_;
  std::optional<ShardChannel> channel_;
  std::optional<ShortcutRings> shortcuts_;
  std::unique_ptr<Directories> directories_;  ///< answers shards, and is asked by them
  std::unique_ptr<ServedRealms> realms_;      ///< told by them what a database says
  std::vector<std::unique_ptr<Shard>> shards_;
  std::vector<std::thread> threads_;
  std::atomic<uint32_t> running_{0};  ///< of threads_
  uint32_t room_ = 0;                 ///< for allocations
  ServiceNotify notify_;
  Instant watchdog_due_{};
  std::optional<Sampler> sampler_;
  std::unique_ptr<HttpServer> metrics_http_;
  std::vector<AddressRange> denied_told_;
  FailedLogins failed_logins_;
  MainTasks main_tasks_;
  std::unique_ptr<HttpServer> admin_;           ///< null: there is none
  std::unique_ptr<DashboardServer> dashboard_;  ///< null: there is none

  std::unique_ptr<CredentialServers> credentials_;  ///< null: there is none
  bool stopped_while_waiting_ = false;              ///< for an address that was not there
  Statistics statistics_;
};

}  // namespace uturn
