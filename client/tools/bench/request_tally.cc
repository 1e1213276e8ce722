// RequestTally: sums, and the report's words for them.
#include "client/tools/bench/request_tally.h"

#include "client/tools/bench/relay_counts.h"

namespace uturn {

uint64_t RequestTally::count_failed() const {
  uint64_t sum = 0;
  for (const auto& [name, count] : failed) sum += count;
  return sum;
}

std::string tally_name(const RequestFailure& failure) {
  if (failure.cause == FailureCause::error_response) return std::to_string(failure.code);
  if (failure.cause == FailureCause::timed_out) return "timeout";
  return std::string{name_of(failure.cause)};
}

RequestReport report_of(const RequestTally& tally, Duration measured) {
  const double seconds = std::chrono::duration<double>(measured).count();
  RequestReport report{.begun = tally.begun,
                       .succeeded = tally.succeeded,
                       .failed = tally.failed,
                       .retransmissions = tally.retransmissions};
  if (seconds > 0) report.per_second = static_cast<double>(tally.succeeded) / seconds;
  if (tally.succeeded > 0) report.latency = summary_of(tally.latency);
  return report;
}

}  // namespace uturn
