// Adding counters up, and saying them in one line.
#include "server/statistics.h"

#include <array>
#include <bit>
#include <numeric>
#include <span>
#include <string>

namespace uturn {
namespace {

// Counters are structures of nothing but uint64_t: added up as what they are.
template <class Counters>
void add_up(Counters& sum, const Counters& part) {
  static_assert(sizeof(Counters) % sizeof(uint64_t) == 0);
  using Words = std::array<uint64_t, sizeof(Counters) / sizeof(uint64_t)>;
  auto words = std::bit_cast<Words>(sum);
  const auto more = std::bit_cast<Words>(part);
  for (size_t i = 0; i < words.size(); ++i) words[i] += more[i];
  sum = std::bit_cast<Counters>(words);
}

template <size_t n>
uint64_t sum_of(const std::array<uint64_t, n>& counts) {
  return std::accumulate(counts.begin(), counts.end(), uint64_t{0});
}

/// "idle:2 not_turn:1", what never happened left out.
template <class Reason>
std::string counts_text(std::span<const uint64_t> counts) {
  std::string text;
  for (size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] == 0) continue;
    if (!text.empty()) text += ' ';
    text += std::string{name_of(static_cast<Reason>(i))} + ':' + std::to_string(counts[i]);
  }
  return text;
}

}  // namespace

void Statistics::add(const RelayCounters& relay, const LoopCounters& loop,
                     const ShortcutCounters& shortcuts, const StreamCounters& streams) {
  add_up(relay_, relay);
  add_up(loop_, loop);
  add_up(shortcuts_, shortcuts);
  add_up(streams_, streams);
}

void Statistics::add(const DtlsCounters& dtls, const ProxyCounters& proxied) {
  add_up(dtls_, dtls);
  add_up(proxied_, proxied);
}

std::string Statistics::drops_text() const { return counts_text<DropReason>(relay_.drops); }

std::string Statistics::closed_text() const { return counts_text<CloseReason>(streams_.closed); }

std::string Statistics::errors_text() const {
  std::string text;
  for (size_t code = 0; code < relay_.errors.size(); ++code) {
    if (relay_.errors[code] == 0) continue;
    if (!text.empty()) text += ' ';
    text += std::to_string(code) + ':' + std::to_string(relay_.errors[code]);
  }
  return text;
}

void log_statistics(const Log& log, const Statistics& sum) {
  const RelayCounters& relay = sum.relay();
  const LoopCounters& loop = sum.loop();
  const ShortcutCounters& shortcuts = sum.shortcuts();
  const StreamCounters& streams = sum.streams();
  log.info("stopped", {{"datagrams_in", loop.datagrams_in},
                       {"datagrams_out", loop.datagrams_out},
                       {"forwarded_to_peer", relay.to_peers},
                       {"forwarded_to_client", relay.to_clients},
                       {"bytes_to_peer", relay.bytes_to_peers},
                       {"bytes_to_client", relay.bytes_to_clients},
                       {"shortcuts", relay.shortcuts_here + shortcuts.sent},
                       {"shortcuts_across_workers", shortcuts.sent},
                       {"shortcuts_without_ring", shortcuts.without_ring},
                       {"shortcuts_full", shortcuts.full},
                       {"shortcuts_too_long", shortcuts.too_long},
                       {"answers", relay.answers + relay.resumed_answers},
                       {"bindings", relay.bindings},
                       {"allocations", relay.allocations_made},
                       {"allocations_deleted", relay.allocations_deleted},
                       {"allocations_expired", relay.allocations_expired},
                       {"allocations_gave_way", relay.allocations_gave_way},
                       {"quota_refused", sum_of(relay.quota_refused)},
                       {"bandwidth_drops", sum_of(relay.bandwidth_drops)},
                       {"deferred", relay.defers},
                       {"batched_waits", loop.batched_waits},
                       {"busy_polls", loop.busy_polls},
                       {"peers_connected", loop.peers_connected},
                       {"gso_sends", loop.gso_sends},
                       {"gso_refused", loop.gso_refused},
                       {"gro_trains", loop.gro_trains},
                       {"kernel_drops", loop.kernel_drops},
                       {"send_drops", loop.send_would_block_drops + loop.send_error_drops},
                       {"truncated_drops", loop.truncated_drops + loop.control_truncated_drops},
                       {"handshakes", streams.handshakes},
                       {"handshakes_done", streams.handshakes_done},
                       {"handshakes_resumed", streams.handshakes_resumed},
                       {"closed", sum.closed_text()},
                       {"stream_drops", streams.dropped_full + streams.dropped_old +
                                            streams.dropped_without_block + streams.dropped_gone},
                       {"handed_over", streams.handed_over},
                       {"joined", streams.joined},
                       {"joined_failed", streams.joined_failed},
                       {"streams_accepted", loop.streams_accepted},
                       {"streams_refused", loop.streams_refused},
                       {"stream_reads", loop.stream_reads},
                       {"stream_writes", loop.stream_writes},
                       {"stream_bytes_in", loop.stream_bytes_in},
                       {"stream_bytes_out", loop.stream_bytes_out},
                       {"dtls_handshakes", sum.dtls().handshakes_done},
                       {"dtls_handshakes_failed",
                        sum.dtls().handshakes_failed + sum.dtls().handshakes_timed_out},
                       {"dtls_refused", sum.dtls().hellos_unanswered + sum.dtls().hellos_refused},
                       {"dtls_messages_in", sum.dtls().messages_in},
                       {"dtls_messages_out", sum.dtls().messages_out},
                       {"dtls_messages_lost", sum.dtls().messages_lost},
                       {"plain_refused", sum.dtls().plain_refused},
                       {"proxied_datagrams", sum.proxied().datagrams_in},
                       {"proxied_without_header", sum.proxied().no_header},
                       {"drops", sum.drops_text()},
                       {"errors", sum.errors_text()}});
}

}  // namespace uturn
