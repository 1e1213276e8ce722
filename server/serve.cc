// From a configuration to a clean stop.
#include "server/serve.h"

#include <cstdio>

#include "server/log.h"
#include "server/server.h"
#include "server/signals.h"

namespace uturn {

int serve(const Config& config) {
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
