// Starting, running and stopping the shards.
#include "server/server.h"

#include <openssl/crypto.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <system_error>
#include <utility>

#include "auth/special_purpose.h"
#include "server/authentication.h"
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

constexpr std::chrono::seconds kAddressPatience{30};

}  // namespace

Server::Server(const Config& config, Log& log) : config_(config), log_(log) {}

// Listeners that no shard has taken over are nobody else's to close: a start that failed leaves
// them.
Server::~Server() {
  if (!threads_.empty()) stop();
  for (const Listener& listener : listeners_) {
    for (const LooseSocket socket : listener.group.sockets) {
      if (socket.handle >= 0) ::close(socket.handle);
    }
  }
}

Result<Done, std::string> Server::start(Signals& signals) {
  const uint32_t wanted =
      config_.server.workers > 0 ? config_.server.workers : count_granted_cpus(this_process_cpus());
  workers_ = static_cast<uint8_t>(std::min<uint32_t>(wanted, kMaxShards));
  log_.info("uturn " UTURN_VERSION " starts", {{"workers", workers_}});
  if (!config_.auth.required) {
    log_.warn("authentication is off: anybody may relay through this server");
  }
  const auto today = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  for (const std::string& note : find_warnings(config_, today)) log_.info(note);

  log_.debug("special-purpose address registries",
             {{"as_of", std::string{special_purpose_date()}}});

  if (auto removed = remove_ready_file(config_.start.ready_file); !removed) return removed;
  if (auto chosen = choose_io(); !chosen) return chosen;
  if (auto chosen = choose_relay_addresses(); !chosen) return chosen;
  choose_capacity();
  if (auto opened = open_listeners(signals); !opened) return opened;
  // Behind the listeners, which wait for an address that comes late: it usually is the relay's too.
  if (auto tried = try_relay_addresses(relay_addresses_, config_.server.freebind); !tried) {
    return tried;
  }
  make_policy();
  if (auto made = make_shards(); !made) return made;
  // Still as root, whose directory the ready file may be in. Every listener is bound and keeps what
  // arrives until its shard runs.
  if (auto told = tell_ready(); !told) return told;
  if (auto dropped = drop_root(); !dropped) {
    (void)remove_ready_file(config_.start.ready_file);
    return dropped;
  }
  if (auto started = start_threads(); !started) {
    stop();
    return started;
  }
  return Done{};
}

Result<Done, std::string> Server::start_threads() {
  try {
    for (auto& shard : shards_) {
      threads_.emplace_back([&shard] { shard->run(); });
      const std::string name = "shard-" + std::to_string(threads_.size() - 1);
      pthread_setname_np(threads_.back().native_handle(), name.c_str());
    }
  } catch (const std::system_error& error) {  // a limit on processes or memory
    return Failure{"the thread of worker " + std::to_string(threads_.size() + 1) + " of " +
                   std::to_string(workers_) + " cannot be started: " + error.code().message()};
  }
  return Done{};
}

void Server::run(Signals& signals) {
  if (config_.start.is_quick_start()) print_quick_start();
  for (;;) {
    pollfd waits[] = {{signals.fd(), POLLIN, 0}, {events_.descriptor(), POLLIN, 0}};
    if (poll(waits, std::size(waits), -1) < 0) continue;
    if (waits[1].revents != 0) log_events();
    if (waits[0].revents == 0) continue;
    switch (signals.wait()) {
      case ServerSignal::stop:
        return;
      case ServerSignal::reload:
        if (auto reopened = log_.reopen(); !reopened) {
          log_.warn("SIGHUP: the log cannot be opened anew", {{"reason", reopened.error()}});
        } else {
          log_.info(
              "SIGHUP: the log was opened anew; this version does not reload its configuration");
        }
        break;
      case ServerSignal::drain:
        log_.info("SIGUSR1 is ignored: this version does not drain");
        break;
      case ServerSignal::reload_certificates:
        log_.info("SIGUSR2 is ignored: this version has no certificates");
        break;
    }
  }
}

void Server::stop() {
  // After root was given up, a directory of root's keeps the file: the next start removes it.
  if (auto removed = remove_ready_file(config_.start.ready_file); !removed) {
    log_.warn("the ready file stays", {{"reason", removed.error()}});
  }
  for (uint8_t shard = 0; shard < threads_.size(); ++shard) {
    // A full ring empties as soon as the shard's pass reads it.
    while (channel_->send_from_outside(shard, StopShard{})) std::this_thread::yield();
  }
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  // One shard may have answered another that had stopped before it.
  for (auto& shard : shards_) shard->discard_messages();
  log_events();
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
  locals_ = read_local_addresses();
  relay_addresses_ = config_.relay.addresses;
  if (relay_addresses_.empty()) {
    relay_addresses_ = uturn::choose_relay_addresses(config_.listeners, locals_);
  }
  for (const NatPair& pair : expand_external(config_.relay.external, relay_addresses_)) {
    external_.push_back({pair.public_address, pair.private_address});
  }
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
  };
  const uint64_t descriptors = raise_descriptor_limit(wanted_descriptors(needs));
  const Capacity capacity = compute_capacity(needs, descriptors);
  // A shard may by chance get all of the clients.
  const uint64_t sockets = std::min<uint64_t>(descriptors, wanted_descriptors(needs));
  max_sockets_ = static_cast<uint32_t>(std::clamp<uint64_t>(sockets, 1'024, 1'048'576));
  twins_ = capacity.twins / workers_;
  log_.info("capacity", {{"allocations", capacity.allocations}, {"because", capacity.said}});
}

Result<Done, std::string> Server::open_listeners(Signals& signals) {
  const bool are_defaults = config_.listeners == default_listeners();
  for (const ListenerUri& uri : config_.listeners) {
    UdpSocketSpec spec;
    spec.kind = SocketKind::listener;
    spec.address = uri.address;
    spec.reuse_port = true;
    spec.freebind = config_.server.freebind;
    spec.receive_buffer = spec.send_buffer = static_cast<int>(config_.server.listener_buffer);
    spec.busy_poll = config_.server.busy_poll;
    auto group = open_listener(uri, spec, signals);
    if (!group && are_defaults && group.error() == OpenError::family_not_supported) {
      // Nobody asked for it by name.
      log_.info("this kernel lacks the family of a default listener", {{"uri", uri.to_string()}});
      continue;
    }
    if (!group) {
      return Failure{uri.to_string() + ": " + std::string{text_of(group.error())} +
                     (stopped_while_waiting_ ? "; stopped while waiting for it" : "")};
    }

    UdpSocket first{group->sockets.front().handle};
    uris_.push_back({uri.transport, group->address});
    log_.info("listening",
              {{"uri", uris_.back().to_string()},
               {"receive_buffer", static_cast<uint64_t>(first.granted_receive_buffer())},
               {"send_buffer", static_cast<uint64_t>(first.granted_send_buffer())}});
    first.release();
    spec.address = group->address;
    listeners_.push_back({spec, std::move(*group)});
  }
  if (listeners_.empty()) return Failure{std::string{"this kernel has neither IPv4 nor IPv6"}};
  return Done{};
}

// At boot an address may come later than we do; anything else that is wrong stays wrong.
Result<ListenerGroup, OpenError> Server::open_listener(const ListenerUri& uri,
                                                       const UdpSocketSpec& spec,
                                                       Signals& signals) {
  for (auto waited = 0s;; waited += 1s) {
    auto group = open_listener_group(spec, workers_, segmentation_.gro);
    if (group || group.error() != OpenError::address_not_available || waited >= kAddressPatience) {
      return group;
    }
    if (waited == 0s) {
      log_.warn("the address is not there yet; trying again each second",
                {{"uri", uri.to_string()}, {"for", "30s"}});
    }
    if (signals.wait(1s) == ServerSignal::stop) {
      stopped_while_waiting_ = true;
      return group;
    }
  }
}

void Server::make_policy() {
  PeerPolicy::Settings settings;
  settings.allow = config_.peers.allow;
  settings.deny = config_.peers.deny;
  for (const ListenerUri& uri : uris_) settings.own_services.push_back(uri.address);
  settings.local_addresses = addresses_of(locals_);
  for (const ExternalAddress& pair : external_) settings.local_addresses.push_back(pair.shown);
  policy_.emplace(settings);
  quota_.emplace(QuotaLimits{config_.limits.allocations, config_.limits.allocations_per_user,
                             config_.limits.allocations_per_client_ip});
  ports_.emplace(relay_addresses_, config_.relay.ports);
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
  LoopSettings loop;
  loop.max_sockets = max_sockets_;
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
    const SharedWorld world{*policy_, *quota_, *ports_, *channel_, events_, *shortcuts_};
    shards_.push_back(
        std::make_unique<Shard>(shard_settings(i), world, make_authenticator(config_, keys->keys),
                                std::make_unique<CsprngRandom>(), std::move(made->loops[i])));
    for (Listener& listener : listeners_) {
      const LooseSocket socket = std::exchange(listener.group.sockets[i], {});
      const auto opened =
          shards_.back()->listen(socket, listener.spec, server_address(listener.group.address));
      if (!opened)
        return Failure{"a listener cannot be read: " + std::string{text_of(opened.error())}};
    }
  }
  return Done{};
}

ShardSettings Server::shard_settings(uint8_t shard) const {
  ShardSettings settings;
  settings.relay.limits = limits_of_worker(config_.limits, workers_);
  settings.relay.channels = config_.relay.channels;
  settings.relay.default_family = default_family_;
  settings.relay.external = ExternalAddresses{external_};
  settings.relay.software = config_.server.software;
  settings.relay.shortcut = config_.relay.shortcut;
  settings.relay.shard = shard;
  settings.relay.shards = workers_;
  settings.relay_socket.receive_buffer = static_cast<int>(config_.server.relay_buffer);
  settings.relay_socket.send_buffer = static_cast<int>(config_.server.relay_buffer);
  settings.relay_socket.freebind = config_.server.freebind;
  settings.reports_auth_failures = log_.is_enabled(LogLevel::debug);
  return settings;
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
  for (const auto& [name, user] : config_.auth.users) {
    if (user.password.empty()) continue;
    found.username = name;
    found.self_test = self_test(uris_, name, user.password.reveal());
    // An operator's own password has no business on a terminal.
    found.credential = config_.start.credential_generated ? user.password.reveal()
                                                          : "the password of " + printable(name);
    break;
  }
  if (found.username.empty()) found.self_test = self_test(uris_, "", "");
  std::string text = quick_start_text(found);
  std::cout << text << std::flush;
  OPENSSL_cleanse(text.data(), text.size());
  OPENSSL_cleanse(found.credential.data(), found.credential.size());
}

void Server::log_events() {
  for (const ShardEvent& event : events_.take()) {
    switch (event.kind) {
      case ShardEvent::Kind::peer_denied:
        if (std::ranges::find(denied_told_, event.decision.range) != denied_told_.end()) break;
        denied_told_.push_back(event.decision.range);
        log_.info("peers of this range are denied",
                  {{"range", event.decision.range.to_string()},
                   {"name", std::string{event.decision.name}},
                   {"allow_by", option_that_would_allow(event.decision)}});
        break;
      case ShardEvent::Kind::auth_failure:
        log_.debug("a request was not authenticated",
                   {{"why", std::string{name_of(event.why)}}, {"client", log_.show(event.client)}});
        break;
      case ShardEvent::Kind::ports_exhausted:
        log_.warn("no relay port was to be had; clients get 508",
                  {{"family", event.family == AddressFamily::ipv4 ? "IPv4" : "IPv6"},
                   {"ports_held", ports_->taken()}});
        break;
    }
  }
}

void Server::log_counters() {
  for (const auto& shard : shards_) {
    statistics_.add(shard->relay_counters(), shard->loop_counters(), shard->shortcut_counters());
  }
  if (events_.lost() > 0) log_.info("more happened than was logged", {{"events", events_.lost()}});
  log_statistics(log_, statistics_);
}

}  // namespace uturn
