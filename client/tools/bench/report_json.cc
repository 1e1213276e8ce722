// BenchReport as one JSON object.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <ostream>

#include "client/tools/bench/report.h"
#include "client/tools/make_connection.h"

namespace uturn {
namespace {

using Json = nlohmann::ordered_json;

template <class T>
void put(Json& into, const char* key, const std::optional<T>& value) {
  if (value) into[key] = *value;
}

double seconds_of(Duration duration) { return std::chrono::duration<double>(duration).count(); }

Json texts_of(const std::vector<IpAddress>& addresses) {
  Json list = Json::array();
  for (const IpAddress& address : addresses) list.push_back(address.to_string());
  return list;
}

void put_relay_settings(Json& json, const BenchOptions& options) {
  json["direction"] = text_of(options.direction);
  json["via"] = text_of(options.via);
  json["payload"] = options.payload;
  if (!options.is_open_loop()) json["saturate"] = options.window;
  put(json, "rate", options.rate);
  json["burst"] = options.burst;
  if (options.frames) {
    json["frames"] =
        std::to_string(options.frames->packets) + "@" + std::to_string(options.frames->per_second);
  }
  if (options.audio_rate > 0) json["audio"] = options.audio_rate;
  json["fanout"] = options.fanout;
  put(json, "peers", options.peers);
  json["sender"] = text_of(options.sender);
  json["receiver"] = text_of(options.receiver);
}

Json json_of(const BenchOptions& options) {
  Json json;
  json["allocations"] = options.allocations;
  if (options.mode == BenchMode::relay || options.mode == BenchMode::churn) {
    put_relay_settings(json, options);
  }
  json["client_addresses"] = texts_of(options.client_addresses);
  json["peer_addresses"] = texts_of(options.peer_addresses);
  if (!options.client_netns.empty()) json["client_netns"] = options.client_netns;
  if (!options.peer_netns.empty()) json["peer_netns"] = options.peer_netns;
  json["threads"] = options.threads;
  json["cpus"] = options.cpus;
  json["warmup"] = seconds_of(options.warmup);
  json["seconds"] = seconds_of(options.duration);
  json["window"] = options.request_window;
  if (options.storm) json["storm_seconds"] = seconds_of(*options.storm);
  json["flood"] = Json::array();
  for (const FloodWish& flood : options.floods) {
    json["flood"].push_back(std::string{text_of(flood.kind)} + ":" +
                            std::to_string(flood.packets_per_second));
  }
  json["flood_addresses"] = texts_of(options.flood_addresses);
  put(json, "server_pid", options.server_pid);
  return json;
}

Json json_of(const LatencySummary& latency) {
  return {{"count", latency.count}, {"min", latency.min}, {"mean", latency.mean},
          {"p50", latency.p50},     {"p90", latency.p90}, {"p99", latency.p99},
          {"p99_9", latency.p99_9}, {"max", latency.max}};
}

Json json_of(const LegReport& leg) {
  Json json{{"sent", leg.sent}, {"received", leg.received}, {"lost", leg.lost}};
  if (leg.latency) json["latency_ns"] = json_of(*leg.latency);
  return json;
}

Json json_of(const RelayReport& relay) {
  Json json{{"sent", relay.sent},
            {"received", relay.received},
            {"lost", relay.lost},
            {"duplicates", relay.duplicates},
            {"reordered", relay.reordered},
            {"unknown", relay.unknown},
            {"packets_per_second", relay.packets_per_second},
            {"payload_bits_per_second", relay.payload_bits_per_second}};
  if (relay.to_peer) json["to_peer"] = json_of(*relay.to_peer);
  if (relay.to_client) json["to_client"] = json_of(*relay.to_client);
  if (relay.round_trip) json["round_trip_ns"] = json_of(*relay.round_trip);
  json["generator_behind"] = relay.generator_behind;
  json["late"] = relay.late;
  json["generator_drops"] = relay.generator_drops;
  return json;
}

Json json_of(const RequestReport& requests) {
  Json json{{"begun", requests.begun},
            {"succeeded", requests.succeeded},
            {"failed", requests.failed},
            {"retransmissions", requests.retransmissions},
            {"per_second", requests.per_second}};
  if (requests.latency) json["latency_ns"] = json_of(*requests.latency);
  return json;
}

Json json_of(const FloodReport& flood) {
  Json json{{"kind", text_of(flood.kind)},
            {"sent", flood.sent},
            {"bytes_sent", flood.bytes_sent},
            {"answers", flood.answers},
            {"answer_bytes", flood.answer_bytes}};
  if (flood.bytes_sent > 0) {
    json["amplification"] =
        static_cast<double>(flood.answer_bytes) / static_cast<double>(flood.bytes_sent);
  }
  return json;
}

void put_share(Json& json, const char* key, const std::optional<uint64_t>& time,
               const std::optional<uint64_t>& units) {
  if (!time || !units || *units == 0) return;
  json[key] = static_cast<double>(*time) / static_cast<double>(*units);
}

Json json_of(const UsageReport& usage) {
  Json json = Json::object();
  put(json, "cpu_ns", usage.cpu_ns);
  put(json, "user_ns", usage.user_ns);
  put(json, "system_ns", usage.system_ns);
  put(json, "softirq_ns", usage.softirq_ns);
  put(json, "ksoftirqd_ns", usage.ksoftirqd_ns);
  put(json, "softirq_included", usage.softirq_included);
  if (!usage.per.empty()) json["per"] = usage.per;
  put_share(json, "cpu_ns_per", usage.cpu_ns, usage.units);
  put_share(json, "user_ns_per", usage.user_ns, usage.units);
  put_share(json, "system_ns_per", usage.system_ns, usage.units);
  put(json, "rss_bytes_before", usage.rss_bytes_before);
  put(json, "rss_bytes_after", usage.rss_bytes_after);
  put(json, "rss_bytes_per_allocation", usage.rss_bytes_per_allocation);
  put(json, "anonymous_bytes_before", usage.anonymous_bytes_before);
  put(json, "anonymous_bytes_after", usage.anonymous_bytes_after);
  for (const MemorySample& sample : usage.memory) {
    json["memory"].push_back({{"seconds", sample.seconds}, {"rss_bytes", sample.rss_bytes}});
  }
  put(json, "rss_bytes_per_hour", usage.rss_bytes_per_hour);
  put(json, "descriptors", usage.descriptors);
  put(json, "threads", usage.threads);
  return json;
}

Json json_of(const MachineReport& machine) {
  Json json{{"kernel", machine.kernel}, {"cpus", machine.cpus}};
  if (!machine.cpu_model.empty()) json["cpu_model"] = machine.cpu_model;
  return json;
}

Json json_of(const ConnectionSecurity& security) {
  return {{"version", security.version}, {"cipher", security.cipher}, {"alpn", security.alpn}};
}

}  // namespace

void print_json(const BenchReport& report, std::ostream& out) {
  const BenchOptions& options = report.settings;
  Json json;
  json["tool"] = "uturn bench " UTURN_VERSION;
  json["workload"] = options.workload.empty() ? Json(nullptr) : Json(options.workload);
  json["mode"] = text_of(options.mode);
  json["uri"] = options.uri;
  json["server"] = (options.is_forwarder() ? "forward:" : "turn:") + report.server;
  json["transport"] = name_of(options.transport.value_or(Transport::udp));
  if (report.security) json["security"] = json_of(*report.security);
  if (!report.io.empty()) json["io"] = report.io;
  json["settings"] = json_of(options);
  json["scaled"] = report.scaled;
  json["seconds"] = report.seconds;
  if (report.relay) json["relay"] = json_of(*report.relay);
  if (report.requests) json["requests"] = json_of(*report.requests);
  if (report.releases) json["releases"] = json_of(*report.releases);
  for (const FloodReport& flood : report.floods) json["flood"].push_back(json_of(flood));
  if (report.machine) json["machine"] = json_of(*report.machine);
  if (report.usage) json["usage"] = json_of(*report.usage);
  // A server may have said something that is not UTF-8.
  out << json.dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
}

}  // namespace uturn
