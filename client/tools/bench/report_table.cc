// BenchReport as a table.
#include <fmt/format.h>

#include <ostream>

#include "client/tools/bench/report.h"

namespace uturn {
namespace {

std::string latency_line(std::string_view name, const LatencySummary& latency) {
  const auto microseconds = [](uint64_t ns) { return static_cast<double>(ns) / 1000; };
  return fmt::format("  {:<22}p50 {:.1f} us  p90 {:.1f}  p99 {:.1f}  p99.9 {:.1f}  max {:.1f}\n",
                     name, microseconds(latency.p50), microseconds(latency.p90),
                     microseconds(latency.p99), microseconds(latency.p99_9),
                     microseconds(latency.max));
}

double percent_of(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0 : 100 * static_cast<double>(part) / static_cast<double>(whole);
}

void print_leg(std::string_view name, const LegReport& leg, std::ostream& out) {
  out << fmt::format("  {:<22}{} sent, {} received, {} lost ({:.3f} %)\n", name, leg.sent,
                     leg.received, leg.lost, percent_of(leg.lost, leg.sent));
  if (leg.latency) out << latency_line("  one way", *leg.latency);
}

void print_security(const ConnectionSecurity& security, std::ostream& out) {
  out << fmt::format("  {:<22}{} {}", "security", security.version, security.cipher);
  if (!security.alpn.empty()) out << " ALPN " << security.alpn;
  out << '\n';
}

void print_relay(const RelayReport& relay, const BenchOptions& options, std::ostream& out) {
  out << fmt::format("  {:<22}{:.0f} packets/s, {:.1f} Mbit/s of payload\n", "relayed",
                     relay.packets_per_second, relay.payload_bits_per_second / 1e6);
  if (relay.to_peer) print_leg("to peer", *relay.to_peer, out);
  if (relay.to_client) print_leg("to client", *relay.to_client, out);
  if (relay.round_trip) out << latency_line("round trip", *relay.round_trip);
  if (!options.is_open_loop()) {
    out << "  latencies are of a full window, from the moment of sending\n";
  }
  if (relay.duplicates + relay.reordered + relay.unknown > 0) {
    out << fmt::format("  {:<22}{} duplicates, {} reordered, {} unknown\n", "oddities",
                       relay.duplicates, relay.reordered, relay.unknown);
  }
  if (relay.generator_behind) {
    out << fmt::format("  THE GENERATOR FELL BEHIND: {} of its packets were late or not sent\n",
                       relay.late);
  }
  if (relay.generator_drops > 0) {
    out << fmt::format("  {:<22}{} packets, lost by its own sockets\n", "generator dropped",
                       relay.generator_drops);
  }
}

void print_requests(std::string_view name, const RequestReport& requests, std::ostream& out) {
  out << fmt::format("  {:<22}{:.0f}/s; {} begun, {} succeeded, {} retransmissions\n", name,
                     requests.per_second, requests.begun, requests.succeeded,
                     requests.retransmissions);
  for (const auto& [what, count] : requests.failed) {
    out << fmt::format("  {:<22}{} x {}\n", "  failed", count, what);
  }
  if (requests.latency) out << latency_line("  answered after", *requests.latency);
}

void print_usage(const UsageReport& usage, std::ostream& out) {
  if (usage.cpu_ns && usage.units && *usage.units > 0) {
    out << fmt::format("  {:<22}{:.0f} ns per {}\n", "server CPU",
                       static_cast<double>(*usage.cpu_ns) / static_cast<double>(*usage.units),
                       usage.per);
  }
  if (usage.rss_bytes_after) {
    out << fmt::format("  {:<22}{:.1f} MiB", "server memory",
                       static_cast<double>(*usage.rss_bytes_after) / (1 << 20));
    if (usage.rss_bytes_per_allocation) {
      out << fmt::format(", {:.0f} bytes per allocation", *usage.rss_bytes_per_allocation);
    }
    out << '\n';
  }
  if (usage.rss_bytes_per_hour) {
    out << fmt::format("  {:<22}{:+.1f} KiB/h\n", "memory slope", *usage.rss_bytes_per_hour / 1024);
  }
}

}  // namespace

void print_table(const BenchReport& report, std::ostream& out) {
  const BenchOptions& options = report.settings;
  out << fmt::format("{} at {}: {}", options.uri, report.server, text_of(options.mode));
  if (!options.workload.empty()) out << fmt::format(" ({})", options.workload);
  out << fmt::format(", {} allocations, {:.1f} s\n", options.allocations, report.seconds);
  for (const std::string& line : report.scaled) out << "  scaled: " << line << '\n';
  if (report.security) print_security(*report.security, out);
  if (report.relay) print_relay(*report.relay, options, out);
  if (report.requests) print_requests("requests", *report.requests, out);
  if (report.releases) print_requests("releases", *report.releases, out);
  for (const FloodReport& flood : report.floods) {
    out << fmt::format("  flood {:<16}{} sent, {} answers ({:.2f} bytes back for each sent)\n",
                       text_of(flood.kind), flood.sent, flood.answers,
                       percent_of(flood.answer_bytes, flood.bytes_sent) / 100);
  }
  if (report.usage) print_usage(*report.usage, out);
}

}  // namespace uturn
