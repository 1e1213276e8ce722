// The arguments of `uturn bench`.
#include "server/bench_arguments.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "client/tools/bench/server_usage.h"
#include "client/tools/bench/workloads.h"
#include "client/tools/make_connection.h"
#include "server/config_texts.h"

namespace uturn {
namespace {

/// What CLI11 reports as the usage error it is.
[[noreturn]] void refuse(const std::string& text, const std::string& expected) {
  throw CLI::ValidationError(fmt::format("'{}': expected {}", text, expected));
}

/// A flag whose text `apply` reads; a refusal names the flag.
template <class Text = std::string, class Apply>
CLI::Option* add_text(CLI::App& app, const char* name, Apply apply, const char* help) {
  return app.add_option_function<Text>(
      name,
      [name, apply](const Text& text) {
        try {
          apply(text);
        } catch (const CLI::ValidationError& refusal) {
          throw CLI::ValidationError(name, refusal.what());
        }
      },
      help);
}

template <class E, size_t N>
E parse_word(const std::string& text, const E (&words)[N]) {
  std::string all;
  for (const E word : words) {
    if (text_of(word) == text) return word;
    all += (all.empty() ? "" : ", ") + std::string{text_of(word)};
  }
  refuse(text, all);
}

template <class E, size_t N>
CLI::Option* add_words(CLI::App& app, const char* name, E& into, const E (&words)[N],
                       const char* help) {
  return add_text(
      app, name, [&into, words](const std::string& text) { into = parse_word(text, words); }, help);
}

uint32_t parse_number(const std::string& text, const std::string& whole) {
  const auto number = parse_count(text);
  if (!number || *number > UINT32_MAX) refuse(whole, "a number");
  return static_cast<uint32_t>(*number);
}

/// "8@30" or "binding:10000": two parts around a mark.
std::pair<std::string, std::string> split(const std::string& text, char mark,
                                          const std::string& expected) {
  const size_t at = text.find(mark);
  if (at == std::string::npos) refuse(text, expected);
  return {text.substr(0, at), text.substr(at + 1)};
}

Duration parse_time(const std::string& text) {
  const auto seconds = parse_count(text);
  if (seconds && *seconds < 1'000'000'000) return std::chrono::seconds{*seconds};
  const auto duration = parse_duration(text);
  if (!duration) refuse(text, "seconds, or a duration like 200ms or 5m");
  return *duration;
}

std::vector<IpAddress> parse_addresses(const std::vector<std::string>& texts) {
  std::vector<IpAddress> addresses;
  for (const std::string& text : texts) {
    const auto address = IpAddress::parse(text);
    if (!address) refuse(text, "an IP address");
    addresses.push_back(*address);
  }
  return addresses;
}

FloodWish parse_flood(const std::string& text) {
  const auto [kind, rate] = split(text, ':', "KIND:PPS");
  constexpr FloodKind kKinds[] = {FloodKind::binding, FloodKind::allocate, FloodKind::garbage,
                                  FloodKind::bad_hmac};
  return {parse_word(kind, kKinds), parse_number(rate, text)};
}

CLI::Option* add_addresses(CLI::App& app, const char* name, std::vector<IpAddress>& into,
                           const char* help) {
  return add_text<std::vector<std::string>>(
             app, name,
             [&into](const std::vector<std::string>& texts) { into = parse_addresses(texts); },
             help)
      ->type_name("IP")
      ->allow_extra_args(false);
}

CLI::Option* add_time(CLI::App& app, const char* name, auto& into, const char* help) {
  return add_text(
             app, name, [&into](const std::string& text) { into = parse_time(text); }, help)
      ->type_name("S");
}

void add_traffic(CLI::App& app, BenchOptions& options) {
  add_words(app, "--mode", options.mode,
            {BenchMode::relay, BenchMode::allocate, BenchMode::idle, BenchMode::lives,
             BenchMode::binding, BenchMode::churn},
            "What is done (default relay)")
      ->type_name("relay|allocate|idle|lives|binding|churn");
  add_text(
      app, "--transport",
      [&options](const std::string& text) {
        constexpr Transport kTransports[] = {Transport::udp, Transport::tcp, Transport::tls,
                                             Transport::dtls};
        const auto* found = std::ranges::find(kTransports, text, name_of);
        if (found == std::end(kTransports)) refuse(text, "udp, tcp, tls, dtls");
        options.transport = *found;
      },
      "Between the clients and the server (default: as the URI says)")
      ->type_name("udp|tcp|tls|dtls");
  app.add_option("--ca", options.security.authorities_file,
                 "Believe certificates of these authorities (PEM), not the system's")
      ->type_name("FILE");
  app.add_flag("--insecure", options.security.insecure, "Believe any certificate");
  app.add_option("--allocations", options.allocations, "How many clients (default 100)")
      ->type_name("N");
  add_words(app, "--direction", options.direction,
            {RelayDirection::to_peer, RelayDirection::to_client, RelayDirection::echo,
             RelayDirection::both},
            "Where packets go; both: independent flows each way (default to-peer)")
      ->type_name("to-peer|to-client|echo|both");
  add_words(app, "--via", options.via, {RelayVia::channel, RelayVia::indication},
            "ChannelData, or Send and Data indications (default channel)")
      ->type_name("channel|indication");
  app.add_option("--payload", options.payload, "Bytes of each packet's data (default 100)")
      ->type_name("BYTES");
  app.add_option("--fanout", options.fanout, "Peers of each allocation, all sending to it")
      ->type_name("N");
  app.add_option("--peers", options.peers, "Peer sockets in all (default: one for each)")
      ->type_name("N");
}

void add_pace(CLI::App& app, BenchOptions& options) {
  app.add_option_function<uint32_t>(
         "--saturate",
         [&options](uint32_t window) {
           options.window = window;
           options.rate.reset();
           options.frames.reset();
           options.audio_rate = 0;
         },
         "Closed loop: so many packets on their way at most (default 512)")
      ->type_name("WINDOW");
  app.add_option("--rate", options.rate, "Open loop: packets/s in total, for each direction")
      ->type_name("PPS");
  app.add_option("--burst", options.burst, "Packets back to back, each turn (default 1)")
      ->type_name("K");
  add_text(
      app, "--frames",
      [&options](const std::string& text) {
        const auto [packets, rate] = split(text, '@', "K@F");
        options.frames = VideoFrames{parse_number(packets, text), parse_number(rate, text)};
      },
      "Open loop, video: K packets of each allocation, F times a second")
      ->type_name("K@F");
  app.add_option("--audio", options.audio_rate,
                 "Open loop: packets/s of 160 bytes of each allocation, beside the others")
      ->type_name("PPS");
  add_time(app, "--warmup", options.warmup, "Not measured, before (default 1)");
  add_time(app, "--seconds", options.duration, "Measured (default 5)");
}

void add_generator(CLI::App& app, BenchOptions& options) {
  add_words(app, "--sender", options.sender, {SenderKind::plain, SenderKind::gso},
            "How the generator sends (default plain)")
      ->type_name("plain|gso");
  add_words(app, "--receiver", options.receiver, {ReceiverKind::plain, ReceiverKind::gro},
            "How the generator receives (default plain)")
      ->type_name("plain|gro");
  add_addresses(app, "--client-address", options.client_addresses, "Of the clients, in turn");
  add_addresses(app, "--peer-address", options.peer_addresses, "Of the peers, in turn");
  app.add_option("--client-netns", options.client_netns, "Network namespace of the clients")
      ->type_name("NAME");
  app.add_option("--peer-netns", options.peer_netns, "Network namespace of the peers")
      ->type_name("NAME");
  app.add_option("--threads", options.threads, "Of the generator (default 1)")->type_name("N");
  add_text(
      app, "--cpus",
      [&options](const std::string& text) {
        const auto cpus = parse_cpu_list(text);
        if (!cpus || cpus->empty()) refuse(text, "CPUs like 1 or 1,3-4");
        options.cpus = *cpus;
      },
      "Pins these threads")
      ->type_name("LIST");
}

void add_requests(CLI::App& app, BenchOptions& options) {
  app.add_option("--window", options.request_window,
                 "Requests under way at once, also of set-up (default 64)")
      ->type_name("N");
  app.add_option("--refreshes", options.refreshes,
                 "Modes allocate, lives: of each allocation, before the one that ends it")
      ->type_name("N");
  add_time(app, "--storm-seconds", options.storm, "Mode allocate: all begin within this time");
  add_text<std::vector<std::string>>(
      app, "--flood",
      [&options](const std::vector<std::string>& texts) {
        options.floods.clear();
        for (const std::string& text : texts) options.floods.push_back(parse_flood(text));
      },
      "Beside it, so many packets/s of binding, allocate, garbage or bad-hmac")
      ->type_name("KIND:PPS")
      ->allow_extra_args(false);
  add_addresses(app, "--flood-address", options.flood_addresses, "Where floods come from");
}

}  // namespace

void add_bench_arguments(CLI::App& app, BenchOptions& options) {
  // The first to be declared is the first to be applied.
  add_text(
      app, "--workload",
      [&options](const std::string& name) {
        options.workload = name;
        if (name == "list") return;
        const Workload* workload = find_workload(name);
        if (workload == nullptr) refuse(name, "one of --workload list");
        workload->apply(options);
      },
      "A published set of these flags; `list` tells them")
      ->type_name("NAME");
  app.add_option("URI", options.uri,
                 "turn: or turns:HOST[:PORT][?transport=tcp|udp], or forward:HOST:PORT");
  app.add_option("--user", options.username, "User name")->type_name("U");
  app.add_option("--password", options.password, "Password; ${ENV} or file:PATH")->type_name("P");
  app.add_option("--users", options.users, "Modes allocate, lives: U-0 to U-(N-1), in turn")
      ->type_name("N");
  app.add_option("--auth-secret", options.auth_secret,
                 "Modes allocate, lives: a TURN REST user for each; ${ENV} or file:PATH")
      ->type_name("S");
  add_traffic(app, options);
  add_pace(app, options);
  add_generator(app, options);
  add_requests(app, options);
  app.add_option("--server-pid", options.server_pid, "Report this process's CPU and memory")
      ->type_name("PID");
  app.add_flag("--json", options.json, "One JSON object instead of a table");
  app.add_flag("--quiet", options.quiet, "No progress bar");
}

std::string list_workloads() {
  std::string list;
  for (const Workload& workload : workloads()) {
    list += fmt::format("{:<9}{}\n", workload.name, workload.summary);
  }
  return list;
}

}  // namespace uturn
