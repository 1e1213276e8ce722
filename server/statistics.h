// Statistics: the counters of all shards in one sum.
#pragma once

#include "io/loop.h"
#include "server/dtls_clients.h"
#include "server/log.h"
#include "server/proxied_clients.h"
#include "server/relay/counters.h"
#include "server/shortcut_rings.h"
#include "server/streams/stream_counters.h"

namespace uturn {

/// Added up from counters of shards that have ended, or that were copied by their own thread.
class Statistics {
 public:
  void add(const RelayCounters& relay, const LoopCounters& loop,
           const ShortcutCounters& shortcuts = {}, const StreamCounters& streams = {});
  void add(const DtlsCounters& dtls, const ProxyCounters& proxied);
  const RelayCounters& relay() const { return relay_; }
  const LoopCounters& loop() const { return loop_; }
  const ShortcutCounters& shortcuts() const { return shortcuts_; }
  const StreamCounters& streams() const { return streams_; }
  const DtlsCounters& dtls() const { return dtls_; }
  const ProxyCounters& proxied() const { return proxied_; }

  /// "no_permission:3 too_short:1", what was never dropped left out.
  std::string drops_text() const;
  /// "401:12 437:1"
  std::string errors_text() const;
  /// "idle:2 not_turn:1": why connections of clients were closed.
  std::string closed_text() const;

 private:
  RelayCounters relay_;
  LoopCounters loop_;
  ShortcutCounters shortcuts_;
  StreamCounters streams_;
  DtlsCounters dtls_;
  ProxyCounters proxied_;
};

/// The line a server ends with.
void log_statistics(const Log& log, const Statistics& sum);

}  // namespace uturn
