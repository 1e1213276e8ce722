// Directories and HTTP as metrics.
#include "server/directory_metrics.h"

#include <string_view>
#include <vector>

namespace uturn {
namespace {

void tell_pools(MetricFamilies& out, const ServerSample& sample) {
  const auto pool = [&](std::string_view outcome, uint64_t DatabasePoolCounters::* number,
                        uint64_t DatabasePoolCounters::* less = nullptr) {
    for (const DirectoryReport& one : sample.directories) {
      if (!one.pool) continue;
      const uint64_t value = *one.pool.*number - (less != nullptr ? *one.pool.*less : 0);
      if (outcome.empty()) {
        out.add(value, {{"backend", one.backend}});
      } else {
        out.add(value, {{"backend", one.backend}, {"outcome", outcome}});
      }
    }
  };
  out.counter("uturn_database_queries_total", "Queries for users.");
  pool("answered", &DatabasePoolCounters::queries, &DatabasePoolCounters::errors);
  pool("failed", &DatabasePoolCounters::errors);
  out.counter("uturn_database_connects_total", "Connections to databases made, or not.");
  pool("connected", &DatabasePoolCounters::connects);
  pool("failed", &DatabasePoolCounters::failed_connects);
  out.gauge("uturn_database_connections", "Connections to databases there are.");
  pool("", &DatabasePoolCounters::connected);
}

}  // namespace

// How they are asked, and how long they take.
void tell_directories(MetricFamilies& out, const ServerSample& sample) {
  const auto counter = [&](std::string_view outcome, uint64_t DirectoryCounters::* number) {
    for (const DirectoryReport& one : sample.directories) {
      out.add(one.counters.*number, {{"backend", one.backend}, {"outcome", outcome}});
    }
  };
  const auto plain = [&](uint64_t DirectoryCounters::* number) {
    for (const DirectoryReport& one : sample.directories) {
      out.add(one.counters.*number, {{"backend", one.backend}});
    }
  };
  out.counter("uturn_directory_lookups_total", "Users looked up, by what came of it.");
  counter("remembered", &DirectoryCounters::hits);
  counter("remembered_unknown", &DirectoryCounters::negative_hits);
  counter("remembered_stale", &DirectoryCounters::stale_hits);
  counter("asked", &DirectoryCounters::misses);
  counter("joined", &DirectoryCounters::joined);
  counter("queue_full", &DirectoryCounters::refused);
  out.counter("uturn_directory_unavailable_total", "Requests answered 500 for want of an answer.");
  plain(&DirectoryCounters::unavailable);
  out.counter("uturn_directory_lost_replies_total", "Answers that a worker had no room for.");
  plain(&DirectoryCounters::lost_replies);
  out.gauge("uturn_directory_waiting", "Users being asked for.");
  plain(&DirectoryCounters::waiting);
  out.gauge("uturn_directory_remembered", "Answers in memory.");
  plain(&DirectoryCounters::cached);

  constexpr std::string_view kOutcomes[] = {"found", "unknown", "failed", "timed_out"};
  static_assert(std::size(kOutcomes) == kDirectoryOutcomes);
  std::vector<double> bounds;
  for (const uint32_t bound : DirectoryCounters::kLatencyBounds) bounds.push_back(bound * 1e-6);
  out.histogram("uturn_directory_answer_seconds",
                "From a question to its answer, or until nobody waited any more.");
  for (const DirectoryReport& one : sample.directories) {
    for (size_t i = 0; i < kDirectoryOutcomes; ++i) {
      const auto& latency = one.counters.latency.at(i);
      out.add_histogram(bounds, {latency.counts.begin(), latency.counts.end()},
                        static_cast<double>(latency.sum_us) * 1e-6,
                        {{"backend", one.backend}, {"outcome", kOutcomes[i]}});
    }
  }
  tell_pools(out, sample);
}

void tell_http(MetricFamilies& out, const ServerSample& sample) {
  out.counter("uturn_http_requests_total", "Requests of operators and their programs.");
  for (const HttpUsage& one : sample.http) {
    out.add(one.counters.requests, {{"service", one.service}, {"outcome", "answered"}});
    out.add(one.counters.refused, {{"service", one.service}, {"outcome", "refused"}});
    out.add(one.counters.given_up, {{"service", one.service}, {"outcome", "not_taken"}});
  }
}

}  // namespace uturn
