// What a server tells about itself: metrics, health, the service manager, and the log.
#include <poll.h>

#include <algorithm>
#include <string>
#include <utility>

#include "server/admin/dashboard_server.h"
#include "server/monitoring.h"
#include "server/server.h"

namespace uturn {
namespace {

uint64_t seconds_of(Duration duration) {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(duration).count());
}

/// Once, where several services show the same one.
void add_certificate(const std::optional<TlsCertificateFacts>& facts, ServerSample& sample) {
  if (!facts) return;
  const auto& known = sample.certificates;
  if (std::ranges::find(known, facts->origin, &TlsCertificateFacts::origin) != known.end()) return;
  sample.certificates.push_back(*facts);
}

}  // namespace

// Bound while still root, and before anybody asks the policy: it is no peer of anybody's.
Result<Done, std::string> Server::open_monitoring() {
  const auto& wanted = config_.metrics.listen;
  if (!wanted) return Done{};
  auto opened = HttpServer::open(*wanted, monitoring_limits());
  if (!opened && *wanted == MetricsConfig::default_listen()) {
    // Nobody asked for it by name.
    log_.warn("no metrics are served", {{"because", opened.error()}});
    return Done{};
  }
  if (!opened) return Failure{"metrics.listen: " + opened.error()};
  metrics_http_ = std::move(*opened);
  log_.info("metrics", {{"listen", metrics_http_->address().to_string()}});
  return Done{};
}

Result<Done, std::string> Server::serve_monitoring() {
  log_.watch_levels([this] {
    events_.want(log_.is_enabled(LogComponent::sessions, LogLevel::info),
                 log_.is_enabled(LogComponent::auth, LogLevel::debug));
  });
  sampler_.emplace(*channel_, workers_, config_.metrics.top_users,
                   [this](ServerSample& sample) { add_process(sample); });
  if (!metrics_http_) return Done{};
  return metrics_http_->serve(monitoring_routes(*sampler_, {uris_, config_.metrics.coturn_names}));
}

void Server::add_process(ServerSample& sample) const {
  sample.ports.clear();
  const auto add = [&](const SharedPorts& ports, const char* protocol) {
    ports.for_each([&](const IpAddress& address, const PortPool& pool) {
      sample.ports.push_back({address.to_string(), protocol, config_.relay.ports.size(),
                              pool.taken(), pool.resting()});
    });
  };
  add(*ports_, "udp");
  add(*tcp_ports_, "tcp");
  sample.certificates.clear();
  if (certificates_) sample.certificates = certificates_->facts();
  if (dashboard_) add_certificate(dashboard_->certificate(), sample);
  if (credentials_) add_certificate(credentials_->certificate(), sample);
  sample.process = read_process_usage();
  sample.allocations_held = quota_->held();
  {
    const std::lock_guard lock(live_);
    sample.allocations_limit = config_.limits.allocations;
    sample.is_draining = draining_.has_value();
  }
  sample.allocations_room = room_;
  sample.events_lost = events_.lost();
  sample.events_waiting = events_.waiting();
  sample.messages_waiting.clear();
  for (uint8_t shard = 0; shard < workers_; ++shard) {
    sample.messages_waiting.push_back(channel_->waiting(shard));
  }
  sample.directories = directories_->reports();
  sample.http.clear();
  if (metrics_http_) sample.http.push_back({"metrics", metrics_http_->counters()});
  if (admin_) sample.http.push_back({"admin", admin_->counters()});
  if (credentials_ && credentials_->address()) {
    sample.http.push_back({"credentials", credentials_->http_counters()});
  }
  sample.failed_logins = failed_logins_.attempts();
  sample.failed_login_sources = failed_logins_.sources();
  sample.io = io_ == IoKind::uring ? "io_uring" : "epoll";
}

// Fed only while every worker turns. Returns when it wants to be fed again.
Instant Server::feed_watchdog() {
  const auto interval = notify_.watchdog_interval();
  if (!interval) return kNever;
  const Instant now = clock_.now().monotonic;
  if (now >= watchdog_due_) {
    watchdog_due_ = now + *interval;
    if (sampler_->all_answer()) notify_.feed_watchdog();
  }
  return watchdog_due_;
}

// Many allocations end with them, and each is told.
void Server::log_while_shards_end() {
  constexpr int kLook = 100;  // milliseconds
  while (running_ > 0) {
    pollfd wait{events_.descriptor(), POLLIN, 0};
    poll(&wait, 1, kLook);
    log_events();
  }
}

void Server::log_events() {
  for (const ShardEvent& event : events_.take()) {
    switch (event.kind) {
      case ShardEvent::Kind::peer_denied:
        if (std::ranges::find(denied_told_, event.decision.range) != denied_told_.end()) break;
        denied_told_.push_back(event.decision.range);
        log_.write(LogComponent::peers, LogLevel::info, "peers of this range are denied",
                   {{"range", event.decision.range.to_string()},
                    {"name", std::string{event.decision.name}},
                    {"allow_by", option_that_would_allow(event.decision)}});
        break;
      case ShardEvent::Kind::auth_failure:
        log_.write(LogComponent::auth, LogLevel::debug, "a request was not authenticated",
                   {{"why", std::string{name_of(event.why)}}, {"client", log_.show(event.client)}});
        break;
      case ShardEvent::Kind::ports_exhausted:
        log_.warn("no relay port was to be had; clients get 508",
                  {{"family", event.family == AddressFamily::ipv4 ? "IPv4" : "IPv6"},
                   {"ports_held", ports_->taken()}});
        break;
    }
  }
  for (const FailedLogin& failed : events_.take_failed_logins()) log_failed(failed);
  LogBatch sessions{log_, LogComponent::sessions, LogLevel::info};
  for (const EndedAllocation& ended : events_.take_ended()) log_ended(ended, sessions);
}

// The one line that shows a client's whole address above debug, where the operator wants it:
// without it nobody could be banned. The filter is etc/fail2ban/filter.conf.
void Server::log_failed(const FailedLogin& failed) {
  const auto told = failed_logins_.note(failed, clock_.now().monotonic);
  if (!told || !config_.log.failed_logins) return;
  log_.write(LogComponent::auth, LogLevel::info, "failed login",
             {{"client", failed.client.canonical().to_string()},
              {"user", failed.username},
              {"realm", failed.realm},
              {"why", std::string(name_of(failed.why))},
              {"attempts", told->of_source},
              {"user_attempts", told->of_user}});
}

// Who, how long and how much; with addresses only where somebody looks for a fault.
void Server::log_ended(const EndedAllocation& ended, LogBatch& log) const {
  const Traffic& traffic = ended.traffic;
  constexpr const char* kTransports[] = {"udp", "tcp", "tls", "dtls"};
  const std::string transport = kTransports[static_cast<size_t>(ended.five_tuple.transport)];
  const bool has_addresses = log_.is_enabled(LogComponent::sessions, LogLevel::debug);
  std::string relayed;
  for (const RelayedAddress& address : ended.relayed) {
    if (!relayed.empty()) relayed += ',';
    relayed += address.to_string();
  }
  log.write("allocation ended",
            {{"user", ended.username},
             {"realm", ended.realm},
             {"transport", transport},
             {"relayed_transport", ended.relays_tcp ? "tcp" : "udp"},
             {"client", has_addresses ? log_.show(ended.five_tuple.client) : "-"},
             {"relayed", has_addresses ? relayed : "-"},
             {"seconds", seconds_of(ended.lasted)},
             {"packets_to_peers", traffic.packets_to_peers},
             {"bytes_to_peers", traffic.bytes_to_peers},
             {"packets_to_client", traffic.packets_to_client},
             {"bytes_to_client", traffic.bytes_to_client},
             {"reason", std::string(name_of(ended.why))}});
}

}  // namespace uturn
