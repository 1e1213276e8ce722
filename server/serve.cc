// From a configuration to a clean stop.
#include "server/serve.h"

#include <cstdio>

#include "server/log.h"
#include "server/privileges.h"
#include "server/server.h"
#include "server/signals.h"

namespace uturn {

namespace {

// Where this fails, opening the log says what is wrong.
void prepare_log_file(const Config& config) {
  if (config.log.file.empty() || !is_root()) return;
  const auto account = find_account_or_nobody(config.server.run_as);
  if (account) (void)create_file_for(*account, config.log.file);
}

}  // namespace

int serve(const Config& config) {
  prepare_log_file(config);
  auto log = Log::open(config.log);
  if (!log) {
    std::fprintf(stderr, "uturn: log: %s\n", log.error().c_str());
    return 1;
  }
  auto signals = Signals::block();
  if (!signals) {
    log->error("cannot start", {{"reason", signals.error()}});
    return 1;
  }

  Server server(config, *log);
  const auto started = server.start(*signals);
  if (!started) {
    log->error("cannot start", {{"reason", started.error()}});
    return 1;
  }
  server.run(*signals);
  server.stop();
  return 0;
}

}  // namespace uturn
