// Workloads: what each of them sets; everything else stays as it was.
#include "client/tools/bench/workloads.h"

#include <algorithm>
#include <string>

namespace uturn {
namespace {

void apply_constant_rate(BenchOptions& options, uint32_t allocations, double per_allocation,
                         uint32_t payload) {
  options.allocations = allocations;
  options.rate = allocations * per_allocation;
  options.payload = payload;
}

void apply_audio_farm(BenchOptions& options) {
  apply_constant_rate(options, 10'000, 50, kAudioPayload);
  options.direction = RelayDirection::both;
}

void apply_connections(BenchOptions& options, Transport transport) {
  options.transport = transport;
  options.allocations = 1'000;
  options.payload = 1200;
  options.direction = RelayDirection::echo;
}

constexpr Workload kWorkloads[] = {
    {"W1", "one allocation, 120 bytes, as fast as it goes",
     [](BenchOptions& options) {
       options.allocations = 1;
       options.payload = 120;
     }},
    {"W2", "200 channels, 500 packets/s of 160 bytes each",
     [](BenchOptions& options) { apply_constant_rate(options, 200, 500, 160); }},
    {"W2-1200", "200 channels, 500 packets/s of 1200 bytes each",
     [](BenchOptions& options) { apply_constant_rate(options, 200, 500, 1200); }},
    {"W3", "audio farm: 10,000 allocations, 50 packets/s of 160 bytes each way", apply_audio_farm},
    {"W4", "video: 2,000 allocations, 8 x 1200 bytes 30 times a second and audio, each way",
     [](BenchOptions& options) {
       options.allocations = 2'000;
       options.payload = 1200;
       options.frames = VideoFrames{8, 30};
       options.audio_rate = 50;
       options.direction = RelayDirection::both;
     }},
    {"W5", "SFU: seven packets of 1200 bytes to the client for each one from it",
     [](BenchOptions& options) {
       options.payload = 1200;
       options.fanout = 7;
       options.direction = RelayDirection::both;
     }},
    {"W6", "Send and Data indications only, 1,000 allocations, echo",
     [](BenchOptions& options) {
       options.allocations = 1'000;
       options.via = RelayVia::indication;
       options.direction = RelayDirection::echo;
     }},
    {"W7", "TCP clients: 1,000 connections, 1200 bytes, echo",
     [](BenchOptions& options) { apply_connections(options, Transport::tcp); }},
    {"W7-tls", "the same over TLS",
     [](BenchOptions& options) { apply_connections(options, Transport::tls); }},
    {"W7-dtls", "the same over DTLS",
     [](BenchOptions& options) { apply_connections(options, Transport::dtls); }},
    {"W8", "storm: 200,000 allocations in 10 s, then all are deleted",
     [](BenchOptions& options) {
       options.mode = BenchMode::allocate;
       options.allocations = 200'000;
       options.storm = 10s;
     }},
    {"W9", "10,000 idle allocations, each with a permission and a channel: memory",
     [](BenchOptions& options) {
       options.mode = BenchMode::idle;
       options.allocations = 10'000;
     }},
    {"W10", "floods of four kinds while the audio farm runs",
     [](BenchOptions& options) {
       apply_audio_farm(options);
       for (const FloodKind kind :
            {FloodKind::binding, FloodKind::allocate, FloodKind::garbage, FloodKind::bad_hmac}) {
         options.floods.push_back({kind, 10'000});
       }
     }},
    {"W11", "soak: clients come and go for 12 hours",
     [](BenchOptions& options) {
       options.mode = BenchMode::churn;
       apply_constant_rate(options, 1'000, 20, kAudioPayload);
       options.duration = 12h;
     }},
    {"W13", "STUN Binding requests, as many as it answers",
     [](BenchOptions& options) { options.mode = BenchMode::binding; }},
};

/// Packets that one allocation has the generator send in a second.
double packets_per_second(const BenchOptions& options) {
  double each_way = options.audio_rate;
  if (options.rate) each_way += *options.rate / options.allocations;
  if (options.frames) each_way += double{1} * options.frames->packets * options.frames->per_second;
  return options.direction == RelayDirection::both ? each_way * (1 + options.fanout) : each_way;
}

}  // namespace

std::optional<std::string> fit_to_threads(BenchOptions& options) {
  if (options.workload.empty() || !options.is_open_loop()) return std::nullopt;
  const double room = kPacketsPerThread * options.threads;
  const double each = packets_per_second(options);
  if (each * options.allocations <= room) return std::nullopt;
  const auto most = static_cast<uint32_t>(std::max(1.0, room / each));
  const uint32_t wanted = options.allocations;
  if (options.rate) *options.rate *= static_cast<double>(most) / wanted;
  options.allocations = most;
  return "allocations " + std::to_string(wanted) + " -> " + std::to_string(most) +
         ": one thread of the generator sends " +
         std::to_string(static_cast<uint64_t>(kPacketsPerThread)) + " packets/s";
}

std::span<const Workload> workloads() { return kWorkloads; }

const Workload* find_workload(std::string_view name) {
  const auto* found = std::ranges::find(kWorkloads, name, &Workload::name);
  return found == std::end(kWorkloads) ? nullptr : found;
}

}  // namespace uturn
