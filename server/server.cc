// Starting, running and stopping the shards.
#include "server/server.h"

#include <openssl/crypto.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "auth/special_purpose.h"
#include "io/descriptor_table.h"
#include "server/admin/dashboard_server.h"
#include "server/capacity.h"
#include "server/config_checks.h"
#include "server/config_problem.h"
#include "server/cpus.h"
#include "server/privileges.h"
#include "server/quick_start.h"
#include "server/ready_file.h"
#include "server/relay_checks.h"
#include "server/self_test.h"
#include "server/state_dir.h"
#include "server/tls_checks.h"

namespace uturn {
namespace {

/// For poll(): rounded up, so that it is never asked again too early.
int milliseconds_until(Instant when, Now now) {
  if (when == kNever) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(when - now.monotonic).count();
  return static_cast<int>(std::clamp<int64_t>(left, 0, std::chrono::milliseconds(1h).count()));
}

void close_unclaimed(const std::vector<LooseSocket>& sockets) {
  for (const LooseSocket socket : sockets) {
    if (socket.handle >= 0) ::close(socket.handle);
  }
}

constexpr std::chrono::milliseconds kDrainLook{100};  // at how many are left
// Between two looks at events: in a storm of them shards are not interrupted for each.
constexpr std::chrono::milliseconds kEventsGather{20};

}  // namespace

Server::Server(const Config& config, Log& log) : config_(config), log_(log) {}

// Listeners that no shard has taken over are nobody else's to close: a start that failed leaves
// them.
Server::~Server() {
  if (!threads_.empty()) stop();
  for (const Listener& listener : listeners_) close_unclaimed(listener.group.sockets);
  for (const StreamListener& listener : stream_listeners_) close_unclaimed(listener.group.sockets);
}

Result<Done, std::string> Server::start(Signals& signals) {
  const uint32_t wanted =
      config_.server.workers > 0 ? config_.server.workers : count_granted_cpus(this_process_cpus());
  workers_ = static_cast<uint8_t>(std::min<uint32_t>(wanted, kMaxShards));
  log_.info("uturn " UTURN_VERSION " starts", {{"workers", workers_}});
  if (!config_.auth.required) {
    log_.warn("authentication is off: anybody may relay through this server");
  }
  // Of certificates that expire Certificates will tell, today and every day.
  for (const std::string& note : find_warnings(config_, std::nullopt)) log_.info(note);

  log_.debug("special-purpose address registries",
             {{"as_of", std::string{special_purpose_date()}}});

  if (auto removed = remove_ready_file(config_.start.ready_file); !removed) return removed;
  if (auto chosen = choose_io(); !chosen) return chosen;
  if (auto chosen = choose_relay_addresses(); !chosen) return chosen;
  choose_capacity();
  if (auto loaded = load_certificates(); !loaded) return loaded;
  if (auto opened = open_listeners(signals); !opened) return opened;
  // Behind the listeners, which wait for an address that comes late: it usually is the relay's too.
  if (auto tried = try_relay_addresses(relay_addresses_, config_.server.freebind); !tried) {
    return tried;
  }
  if (auto opened = open_credentials(); !opened) return opened;
  if (auto opened = open_dashboard(); !opened) return opened;
  if (auto opened = open_monitoring(); !opened) return opened;
  make_ledgers();
  if (auto opened = open_admin(); !opened) return opened;
  if (auto made = make_shards(); !made) return made;
  // Still as root, whose directory the ready file may be in. Every listener is bound and keeps what
  // arrives until its shard runs.
  if (auto told = tell_ready(); !told) return told;
  if (auto dropped = drop_root(); !dropped) {
    (void)remove_ready_file(config_.start.ready_file);
    return dropped;
  }
  auto started = start_threads();
  if (started) started = serve_monitoring();
  if (started && certificates_) {
    certificates_->hand_to([this](const auto& context) { hand_to_shards(context); });
  }
  if (started) started = serve_admin();
  if (started) started = serve_dashboard();
  if (!started) stop();
  return started;
}

Result<Done, std::string> Server::start_threads() {
  try {
    directories_->start();
    for (auto& shard : shards_) {
      ++running_;
      threads_.emplace_back([this, &shard] {
        shard->run();
        --running_;
        events_.wake();
      });
      const std::string name = "shard-" + std::to_string(threads_.size() - 1);
      pthread_setname_np(threads_.back().native_handle(), name.c_str());
    }
  } catch (const std::system_error& error) {  // a limit on processes or memory
    --running_;
    return Failure{"the thread of worker " + std::to_string(threads_.size() + 1) + " of " +
                   std::to_string(workers_) + " cannot be started: " + error.code().message()};
  }
  return Done{};
}

void Server::run(Signals& signals) {
  if (config_.start.is_quick_start()) print_quick_start();
  notify_.ready("serves");
  Instant events_due{};
  for (;;) {
    const bool events_gather = clock_.now().monotonic < events_due;
    pollfd waits[] = {{signals.fd(), POLLIN, 0},
                      {events_gather ? -1 : events_.descriptor(), POLLIN, 0},
                      {certificates_ ? certificates_->descriptor() : -1, POLLIN, 0},
                      {main_tasks_.descriptor(), POLLIN, 0}};
    Instant wake_at =
        std::min(feed_watchdog(), certificates_ ? certificates_->next_deadline() : kNever);
    if (draining_) wake_at = std::min(wake_at, clock_.now().monotonic + kDrainLook);
    if (events_gather) wake_at = std::min(wake_at, events_due);
    if (poll(waits, std::size(waits), milliseconds_until(wake_at, clock_.now())) < 0) continue;
    if (waits[2].revents != 0) certificates_->on_files_changed(clock_.now());
    if (certificates_) certificates_->on_time(clock_.now());
    if (waits[3].revents != 0) main_tasks_.perform();
    if (is_drained()) return;
    if (waits[1].revents != 0) {
      log_events();
      events_due = clock_.now().monotonic + kEventsGather;
    }
    if (waits[0].revents == 0) continue;
    switch (signals.wait()) {
      case ServerSignal::stop:
        return;
      case ServerSignal::reload:
        if (auto reopened = log_.reopen(); !reopened) {
          log_.warn("SIGHUP: the log cannot be opened anew", {{"reason", reopened.error()}});
        }
        (void)reload({"signal", "SIGHUP"});  // it logs
        break;
      case ServerSignal::drain:
        drain(std::nullopt, {"signal", "SIGUSR1"});
        break;
      case ServerSignal::reload_certificates:
        reload_certificates();
        break;
    }
  }
}

void Server::stop() {
  notify_.stopping();
  // Handlers wait for the main thread and for shards: they end before these do.
  main_tasks_.close();
  if (admin_) admin_->stop();
  if (dashboard_) dashboard_->stop();
  if (credentials_) credentials_->stop();
  if (metrics_http_) metrics_http_->stop();
  // After root was given up, a directory of root's keeps the file: the next start removes it.
  if (auto removed = remove_ready_file(config_.start.ready_file); !removed) {
    log_.warn("the ready file stays", {{"reason", removed.error()}});
  }
  if (realms_) realms_->stop();
  if (directories_) directories_->stop();
  for (uint8_t shard = 0; shard < threads_.size(); ++shard) {
    // A full ring empties as soon as the shard's pass reads it.
    while (channel_->send_from_outside(shard, StopShard{})) std::this_thread::yield();
  }
  log_while_shards_end();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  // One shard may have answered another that had stopped before it.
  for (auto& shard : shards_) shard->discard_messages();
  log_events();
  log_.watch_levels(nullptr);
  log_counters();
  shards_.clear();
}

Result<Done, std::string> Server::choose_io() {
  const auto choice = uturn::choose_io(config_.server.io);
  if (!choice) return Failure{choice.error()};
  io_ = choice->kind;
  log_.info("I/O was chosen",
            {{"io", io_ == IoKind::uring ? "io_uring" : "epoll"}, {"because", choice->reason}});
  segmentation_ = test_segmentation();
  if (!segmentation_.gso || !segmentation_.gro) {
    log_.warn("UDP segmentation offload stays off", {{"gso", segmentation_.gso ? "on" : "off"},
                                                     {"gro", segmentation_.gro ? "on" : "off"},
                                                     {"because", segmentation_.reason}});
  }
  return Done{};
}

Result<Done, std::string> Server::choose_relay_addresses() {
  // The peer policy needs them too: they are what nobody may relay to.
  auto locals = read_local_addresses();
  if (!locals) return Failure{locals.error()};
  locals_ = *std::move(locals);
  relay_addresses_ = config_.relay.addresses;
  if (relay_addresses_.empty()) {
    relay_addresses_ = uturn::choose_relay_addresses(config_.listeners, locals_);
  }
  external_ = external_of(config_);
  return check_relay_addresses();
}

// What could never relay must not be served as if it could.
Result<Done, std::string> Server::check_relay_addresses() {
  if (const auto unused = find_unused_mapping(config_.relay.external, relay_addresses_)) {
    return Failure{"relay.external: " + unused->to_string() +
                   " maps none of the relay addresses that were chosen"};
  }
  if (const auto shown = find_ambiguous_address(config_.relay.external, relay_addresses_)) {
    return Failure{"relay.external: two relay addresses would be seen as " + shown->to_string() +
                   "; give each its own, PUBLIC/PRIVATE"};
  }
  const uint16_t first_port = first_unprivileged_port();
  if (config_.relay.ports.first < first_port && will_drop_root()) {
    return Failure{"relay.ports: those below " + std::to_string(first_port) +
                   " need root, which is given up (server.run_as)"};
  }
  // Nobody named these addresses, so the family follows them.
  default_family_ = config_.relay.default_family;
  if (!has_default_family(default_family_, relay_addresses_)) {
    const bool is_v4 = default_family_ == DefaultFamily::ipv4;
    default_family_ = is_v4 ? DefaultFamily::ipv6 : DefaultFamily::ipv4;
    log_.warn("no relay address has the family of relay.default_family; the other is used",
              {{"default_family", is_v4 ? "ipv6" : "ipv4"}});
  }
  return Done{};
}

bool Server::will_drop_root() const {
  if (!is_root()) return false;
  const auto account = find_account_or_nobody(config_.server.run_as);
  return account && account->user != 0;
}

// Those of clients, and those that TCP allocations have with peers.
uint32_t Server::wanted_connections() const {
  const bool has_streams = std::ranges::any_of(
      config_.listeners, [](const ListenerUri& listener) { return is_stream(listener.transport); });
  if (!has_streams) return 0;
  return config_.stream_limits.connections + workers_ * config_.limits.tcp_connections;
}

void Server::choose_capacity() {
  const auto count = [&](bool is_v4) {
    return static_cast<uint32_t>(std::ranges::count(relay_addresses_, is_v4, &IpAddress::is_v4));
  };
  const CapacityNeeds needs{
      .workers = workers_,
      .listeners = static_cast<uint32_t>(config_.listeners.size()),
      .ipv4_addresses = count(true),
      .ipv6_addresses = count(false),
      .relay_ports = config_.relay.ports.size(),
      .allocation_limit = config_.limits.allocations,
      .reservation_limit = config_.limits.reservations,
      .connections = wanted_connections(),
  };
  const uint64_t descriptors = raise_descriptor_limit(wanted_descriptors(needs));
  lengthen_descriptor_table(std::min(descriptors, wanted_descriptors(needs)));
  const Capacity capacity = compute_capacity(needs, descriptors);
  // A shard may by chance get all of the clients.
  const uint64_t sockets = std::min<uint64_t>(descriptors, wanted_descriptors(needs));
  max_sockets_ = static_cast<uint32_t>(std::clamp<uint64_t>(sockets, 1'024, 1'048'576));
  // Its listeners besides.
  max_streams_ = std::max<uint32_t>(1'024, capacity.connections);
  twins_ = capacity.twins / workers_;
  room_ = capacity.allocations;
  log_.info("capacity", {{"allocations", capacity.allocations}, {"because", capacity.said}});
}

void Server::make_ledgers() {
  quota_.emplace(quota_limits_of(config_));
  ports_.emplace(relay_addresses_, config_.relay.ports);
  tcp_ports_.emplace(relay_addresses_, config_.relay.ports);
  connections_.emplace(connection_limits());
}

Result<Done, std::string> Server::make_shards() {
  CsprngRandom random;
  auto keys = load_nonce_keys(config_.server.state_dir, random);
  // Who tries the server out need not be able to read what an installed one keeps.
  if (!keys && config_.start.is_quick_start()) {
    keys = make_nonce_keys_in_memory(random, keys.error());
  }
  if (!keys) return Failure{keys.error()};
  if (keys->survive_restart) {
    log_.info("nonce keys", {{"from", keys->said}});
  } else {
    log_.warn("nonce keys do not survive a restart", {{"reason", keys->said}});
  }

  channel_.emplace(workers_, [this](uint8_t shard) { shards_[shard]->wake(); });
  shortcuts_.emplace(workers_);
  directories_ = std::make_unique<Directories>(
      config_, log_, *channel_,
      [this](const SettingsPoll::Snapshot& snapshot) { realms_->on_database(snapshot); });
  realms_ = std::make_unique<ServedRealms>(
      ServedRealms::World{log_, *channel_, *quota_, *directories_, workers_, keys->keys}, config_,
      policy_settings());
  LoopSettings loop;
  loop.max_sockets = max_sockets_;
  loop.max_streams = max_streams_;
  loop.twins = twins_;
  loop.gso = segmentation_.gso;
  loop.gro = segmentation_.gro;
  loop.batch_wait = config_.server.batch_wait;
  loop.busy_poll = config_.server.busy_poll;
  auto made = make_shard_loops(config_.server.io, io_, loop, workers_);
  if (!made) return Failure{made.error()};
  if (!made->fell_back_because.empty()) {
    log_.warn("I/O is epoll instead", {{"because", made->fell_back_because}});
  }
  for (uint8_t i = 0; i < workers_; ++i) {
    const SharedWorld world{*quota_,     *ports_,     *channel_,    events_,
                            *shortcuts_, *tcp_ports_, *connections_};
    shards_.push_back(std::make_unique<Shard>(shard_settings(i), world, realms_->of_shard(i),
                                              std::make_unique<CsprngRandom>(),
                                              std::move(made->loops[i])));
    if (certificates_) shards_.back()->set_tls_context(certificates_->context());
    if (auto handed = hand_listeners_to(*shards_.back(), i); !handed) return handed;
  }
  return Done{};
}

Result<Done, std::string> Server::drop_root() {
  if (!is_root()) return Done{};
  const auto account = find_account_or_nobody(config_.server.run_as);
  if (!account) return Failure{account.error()};
  if (auto dropped = drop_privileges(*account); !dropped) return dropped;
  if (account->said != config_.server.run_as) {
    log_.warn("there is no user of server.run_as; another is used",
              {{"run_as", config_.server.run_as}, {"runs_as", account->said}});
  }
  if (account->user == 0) {
    log_.warn("root is kept", {{"run_as", config_.server.run_as}});
  } else {
    log_.info("root was given up", {{"runs_as", account->said}});
  }
  return Done{};
}

Result<Done, std::string> Server::tell_ready() {
  for (const IpAddress& address : relay_addresses_) {
    const TransportAddress local{address, 0, 0};
    log_.info("relaying", {{"address", address.to_string()},
                           {"shown_as", ExternalAddresses{external_}.outward(local).ip.to_string()},
                           {"ports", std::to_string(config_.relay.ports.first) + "-" +
                                         std::to_string(config_.relay.ports.last)}});
  }
  if (config_.start.ready_file.empty()) return Done{};
  return write_ready_file(config_.start.ready_file, uris_);
}

void Server::print_quick_start() {
  QuickStart found;
  found.listeners = uris_;
  found.relay_addresses = relay_addresses_;
  found.external = config_.relay.external;
  found.locals = locals_;
  found.ports = config_.relay.ports;
  found.certified_name = certified_name(config_.tls);
  found.is_self_signed = config_.start.certificate_generated;
  for (const auto& [name, user] : config_.auth.users) {
    if (user.password.empty()) continue;
    found.username = name;
    found.self_test = self_test(uris_, certificates_ != nullptr, name, user.password.reveal(),
                                config_.proxy.from);
    // An operator's own password has no business on a terminal.
    found.credential = config_.start.credential_generated ? user.password.reveal()
                                                          : "the password of " + printable(name);
    break;
  }
  if (found.username.empty()) {
    found.self_test = self_test(uris_, certificates_ != nullptr, "", "", config_.proxy.from);
  }
  std::string text = quick_start_text(found);
  std::cout << text << std::flush;
  OPENSSL_cleanse(text.data(), text.size());
  OPENSSL_cleanse(found.credential.data(), found.credential.size());
}

void Server::log_counters() {
  for (const auto& shard : shards_) {
    statistics_.add(shard->relay_counters(), shard->loop_counters(), shard->shortcut_counters(),
                    shard->stream_counters());
    statistics_.add(shard->dtls_counters(), shard->proxy_counters());
  }
  if (events_.lost() > 0) log_.info("more happened than was logged", {{"events", events_.lost()}});
  log_statistics(log_, statistics_);
}

}  // namespace uturn
