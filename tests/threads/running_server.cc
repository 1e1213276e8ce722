// A server in this process.
#include "tests/threads/running_server.h"

namespace uturn {
namespace {

Config with_state_dir(Config config, const std::string& directory) {
  config.server.state_dir = directory;
  return config;
}

}  // namespace

Config loopback_config(IoWish io, uint32_t workers) {
  Config config;
  config.start.config_file = "none";  // no quick start
  config.server.io = io;
  config.server.workers = workers;
  config.server.run_as = "root";
  config.admin.socket.clear();
  config.listeners = {*ListenerUri::parse("udp://127.0.0.1:0")};
  config.relay.addresses = {*IpAddress::parse("127.0.0.1")};
  config.peers.allow = {*AddressRange::parse("127.0.0.0/8")};
  config.auth.users["alice"].password = Secret("secret");
  config.limits.allocations = 2'000;
  config.metrics.listen.reset();
  config.log.level = LogLevel::off;
  return config;
}

RunningServer::RunningServer(const Config& config)
    : config_(with_state_dir(config, directory_.path())),
      log_(*Log::open(config_.log)),
      signals_(*Signals::block()) {
  server_.emplace(config_, log_);
  if (auto started = server_->start(signals_); !started) {
    problem_ = started.error();
    server_.reset();
  }
}

void RunningServer::stop() {
  if (!server_) return;
  server_->stop();
  statistics_ = server_->statistics();
  server_.reset();
}

}  // namespace uturn
