// bare_forwarder: runs a Forwarder on a real loop, with the sockets and settings of `uturn serve`.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <map>
#include <thread>

#include "auth/random.h"
#include "bench/forwarder.h"
#include "io/descriptor_table.h"
#include "io/make_loop.h"
#include "io/udp_socket.h"
#include "server/capacity.h"
#include "server/config.h"
#include "server/signals.h"
#include "server/state_dir.h"

namespace uturn {
namespace {

struct Arguments {
  std::string listen = "127.0.0.1:0";
  std::string relay_ip;
  IoWish io = IoWish::automatic;
  uint32_t workers = 1;
  std::string ready_file;
};

struct Addresses {
  TransportAddress listener;
  IpAddress relay;
};

std::string one_of_our_addresses(const std::string& text) {
  const auto address = TransportAddress::parse(text);
  return address && !address->ip.is_unspecified() ? "" : "not IP:PORT, or no particular IP";
}

std::string an_ip_address(const std::string& text) {
  return IpAddress::parse(text) ? "" : "not an IP address";
}

void add_options(CLI::App& app, Arguments& arguments) {
  const std::map<std::string, IoWish> wishes{
      {"auto", IoWish::automatic}, {"uring", IoWish::uring}, {"epoll", IoWish::epoll}};
  app.add_option("--listen", arguments.listen, "where clients send to; port 0: any")
      ->check(one_of_our_addresses);
  app.add_option("--relay-ip", arguments.relay_ip, "of the relay sockets; the listener's")
      ->check(an_ip_address);
  app.add_option("--io", arguments.io, "auto, uring or epoll")
      ->transform(CLI::CheckedTransformer(wishes));
  app.add_option("--workers", arguments.workers, "one: the limit is that of a core")
      ->check(CLI::Range(1, 1));
  app.add_option("--ready-file", arguments.ready_file, "written once the listener is up");
}

Addresses addresses_of(const Arguments& arguments) {
  const auto listener = *TransportAddress::parse(arguments.listen);
  if (arguments.relay_ip.empty()) return {listener, listener.ip};
  return {listener, *IpAddress::parse(arguments.relay_ip)};
}

// As many sockets as the server would have room for on this machine.
uint32_t most_sockets(const Config& config) {
  const uint64_t wanted = wanted_descriptors({.workers = 1,
                                              .listeners = 1,
                                              .ipv4_addresses = 1,
                                              .relay_ports = config.relay.ports.size(),
                                              .allocation_limit = config.limits.allocations,
                                              .reservation_limit = config.limits.reservations});
  const uint64_t sockets = std::min(raise_descriptor_limit(wanted), wanted);
  return static_cast<uint32_t>(std::clamp<uint64_t>(sockets, 1'024, 1'048'576));
}

int fail(const std::string& why) {
  std::cerr << "bare_forwarder: " << why << "\n";
  return 1;
}

Result<std::unique_ptr<Loop>, std::string> make_loop(const Config& config, IoWish wish) {
  const auto choice = choose_io(wish);
  if (!choice) return Failure{choice.error()};
  const SegmentationSupport segmentation = test_segmentation();
  LoopSettings settings;
  settings.max_sockets = most_sockets(config);
  lengthen_descriptor_table(settings.max_sockets);
  settings.gso = segmentation.gso;
  settings.gro = segmentation.gro;
  auto made = make_shard_loops(wish, choice->kind, settings, 1);
  if (!made) return Failure{made.error()};
  return std::move(made->loops.front());
}

/// The listener as the server opens it, taken over by the loop; its address with the real port.
Result<TransportAddress, std::string> listen(Loop& loop, const Config& config,
                                             const TransportAddress& address) {
  const int buffer = static_cast<int>(config.server.listener_buffer);
  UdpSocketSpec spec{.kind = SocketKind::listener,
                     .address = address,
                     .reuse_port = true,
                     .receive_buffer = buffer,
                     .send_buffer = buffer};
  const auto group = open_listener_group(spec, 1, test_segmentation().gro);
  if (!group) return Failure{address.to_string() + ": " + std::string{text_of(group.error())}};
  spec.address = group->address;
  const auto opened = loop.adopt(group->sockets.front(), spec, kForwarderListener, true);
  if (!opened) return Failure{std::string{text_of(opened.error())}};
  return group->address;
}

void run_passes(Loop& loop, Forwarder& forwarder) {
  loop.start();
  while (!forwarder.is_stopping()) loop.run_pass(forwarder, kNever);
}

int forward(const Arguments& arguments) {
  auto signals = Signals::block();
  if (!signals) return fail(signals.error());
  const Config config;
  const auto loop = make_loop(config, arguments.io);
  if (!loop) return fail(loop.error());

  const Addresses addresses = addresses_of(arguments);
  const auto address = listen(**loop, config, addresses.listener);
  if (!address) return fail(address.error());
  const int buffer = static_cast<int>(config.server.relay_buffer);
  const UdpSocketSpec relay{
      .address = {addresses.relay, 0, 0}, .receive_buffer = buffer, .send_buffer = buffer};
  CsprngRandom random;
  Forwarder forwarder(**loop, relay, most_sockets(config), random.next_u64());

  std::thread shard([&] { run_passes(**loop, forwarder); });
  const std::string uri = "forward://" + address->to_string();
  std::cout << uri << " by " << (*loop)->name() << std::endl;
  if (!arguments.ready_file.empty()) {
    const auto written = write_by_rename(arguments.ready_file, uri + "\n", 0644);
    if (!written) std::cerr << "bare_forwarder: " << written.error() << "\n";
  }
  while (signals->wait() != ServerSignal::stop) {
  }
  (*loop)->wake();
  shard.join();
  std::cout << forwarder.forwarded() << " forwarded, " << forwarder.dropped() << " dropped\n";
  return 0;
}

}  // namespace
}  // namespace uturn

int main(int argc, char** argv) {
  CLI::App app{"Forwards datagrams between clients and peers as a relay would, without TURN."};
  uturn::Arguments arguments;
  uturn::add_options(app, arguments);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return uturn::forward(arguments);
}
