// Request modes: allocate, idle, lives and binding, where requests are what is measured.
#pragma once

#include <atomic>
#include <string>

#include "client/tools/bench/bench_server.h"
#include "client/tools/bench/report.h"
#include "protocol/result.h"

namespace uturn {

/// Runs the mode of `report.settings` in the calling thread, once, and fills in `requests`,
/// `releases`, `usage`, `seconds`, `io` and `scaled`. The error, why it could not run, is a
/// sentence for people.
Result<Done, std::string> run_requests(const BenchServer& server, BenchReport& report);

/// Mode churn, the half beside the relaying: clients that come and go until `stop` says so, and
/// looks at the server's memory. Fills in `requests`, `releases` and the memory of `usage`, which
/// the relaying half has filled in or will not.
Result<Done, std::string> run_churn(const BenchServer& server, const std::atomic<bool>& stop,
                                    BenchReport& report);

}  // namespace uturn
