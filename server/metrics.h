// Metrics: a sample of the server as Prometheus reads it.
#pragma once

#include <string>
#include <vector>

#include "protocol/transport_address.h"
#include "server/config.h"
#include "server/sample.h"

namespace uturn {

struct MetricsOptions {
  std::vector<ListenerUri> listeners;  ///< with their real ports: what traffic is told apart by
  bool coturn_names = false;
};

inline constexpr std::string_view kMetricsType = "text/plain; version=0.0.4; charset=utf-8";

std::string metrics_text(const ServerSample& sample, const MetricsOptions& options);

/// "udp://0.0.0.0:3478", or "other" where it is none of these: behind a proxy that announces what
/// its clients connected to.
std::string listener_of(const ServerAddress& server, Transport transport,
                        const std::vector<ListenerUri>& listeners);

}  // namespace uturn
