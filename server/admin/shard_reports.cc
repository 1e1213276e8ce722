// Gathering from the shards.
#include "server/admin/shard_reports.h"

#include <algorithm>
#include <charconv>
#include <thread>

#include "server/shard.h"
#include "server/shard_errand.h"

namespace uturn {
namespace {

std::string silence_of(uint8_t shard) {
  return "worker " + std::to_string(shard) + " does not answer";
}

/// Asks again where the shard's ring was full. Nothing where it has stopped, or takes too long.
template <class What, class Value = std::invoke_result_t<What, Shard&>>
std::optional<Value> ask(const Shards& shards, uint8_t shard, const What& what) {
  constexpr int kTries = 50;
  constexpr std::chrono::milliseconds kPause{1};
  for (int i = 0; i < kTries; ++i) {
    auto answer = ask_shard(shards.channel, shard, what);
    if (answer.wait_for(kShardPatience) != std::future_status::ready) return std::nullopt;
    if (auto value = answer.get()) return value;
    std::this_thread::sleep_for(kPause);
  }
  return std::nullopt;
}

/// What one errand brings from some slots.
struct Slice {
  std::vector<Session> sessions;
  std::optional<uint32_t> next;
};

Slice read_slice(Shard& shard, uint8_t index, const SessionFilter& filter, uint32_t from,
                 uint32_t slots) {
  Slice slice;
  const Now now = shard.now();
  slice.next = shard.relay().visit_allocations(from, slots, [&](const Allocation& allocation) {
    if (filter.matches(allocation, now)) {
      slice.sessions.push_back(session_of(allocation, index, now));
    }
  });
  return slice;
}

/// Hands each slice to `take`, which says how many slots the next may have: none ends the walk.
template <class Take>
Result<std::optional<SessionCursor>, std::string> walk(const Shards& shards,
                                                       const SessionFilter& filter,
                                                       SessionCursor at, uint32_t slots,
                                                       Take take) {
  using Clock = std::chrono::steady_clock;
  const auto ends = Clock::now() + kWalkTime;
  while (at.shard < shards.count) {
    if (slots == 0 || Clock::now() > ends) return std::optional{at};
    auto slice = ask(shards, at.shard, [filter, at, slots](Shard& shard) {
      return read_slice(shard, at.shard, filter, at.slot, slots);
    });
    if (!slice) return Failure{silence_of(at.shard)};
    at = slice->next ? SessionCursor{at.shard, *slice->next}
                     : SessionCursor{static_cast<uint8_t>(at.shard + 1), 0};
    slots = take(std::move(slice->sessions));
  }
  return std::optional<SessionCursor>{};
}

}  // namespace

Result<std::vector<ShardReport>, std::string> read_reports(const Shards& shards) {
  std::vector<ShardReport> reports;
  for (uint8_t i = 0; i < shards.count; ++i) {
    auto report = ask(shards, i, [](Shard& shard) {
      const Relay& relay = shard.relay();
      return ShardReport{relay.allocations(),     relay.reservations(), relay.pending(),
                         relay.tcp_connections(), relay.is_draining(),  relay.counters()};
    });
    if (!report) return Failure{silence_of(i)};
    reports.push_back(*report);
  }
  return reports;
}

std::optional<uint64_t> count_allocations(const Shards& shards) {
  uint64_t all = 0;
  for (uint8_t i = 0; i < shards.count; ++i) {
    const auto of_shard =
        ask(shards, i, [](Shard& shard) -> uint64_t { return shard.relay().allocations(); });
    if (!of_shard) return std::nullopt;
    all += *of_shard;
  }
  return all;
}

std::optional<SessionCursor> SessionCursor::parse(std::string_view text) {
  SessionCursor cursor;
  const char* const end = text.data() + text.size();
  const auto shard = std::from_chars(text.data(), end, cursor.shard);
  if (shard.ec != std::errc{} || shard.ptr == end || *shard.ptr != ':') return std::nullopt;
  const auto slot = std::from_chars(shard.ptr + 1, end, cursor.slot);
  if (slot.ec != std::errc{} || slot.ptr != end) return std::nullopt;
  return cursor;
}

std::string SessionCursor::to_string() const {
  return std::to_string(shard) + ":" + std::to_string(slot);
}

// A slot brings one session at the most, so a page never gets too long.
Result<SessionPage, std::string> read_sessions(const Shards& shards, const SessionFilter& filter,
                                               SessionCursor from, size_t limit) {
  SessionPage page;
  const auto room = [&] {
    return static_cast<uint32_t>(std::min<size_t>(kSlotsPerErrand, limit - page.sessions.size()));
  };
  auto next = walk(shards, filter, from, room(), [&](std::vector<Session> sessions) {
    std::ranges::move(sessions, std::back_inserter(page.sessions));
    return room();
  });
  if (!next) return Failure{next.error()};
  page.next = *next;
  return page;
}

Result<SessionPage, std::string> read_busiest(const Shards& shards, const SessionFilter& filter,
                                              size_t limit) {
  SessionPage page;
  auto& best = page.sessions;
  const auto is_busier = [](const Session& a, const Session& b) { return a.bytes() > b.bytes(); };
  auto next = walk(shards, filter, {}, kSlotsPerErrand, [&](std::vector<Session> sessions) {
    std::ranges::move(sessions, std::back_inserter(best));
    if (best.size() > limit) {
      std::ranges::nth_element(best, best.begin() + static_cast<std::ptrdiff_t>(limit), is_busier);
      best.resize(limit);
    }
    return kSlotsPerErrand;
  });
  if (!next) return Failure{next.error()};
  std::ranges::sort(best, is_busier);
  return page;
}

Result<uint64_t, std::string> kick(const Shards& shards, const std::vector<SessionId>& ids) {
  uint64_t kicked = 0;
  for (const SessionId& id : ids) {
    if (id.shard >= shards.count) continue;
    const auto ended =
        ask(shards, id.shard, [id](Shard& shard) { return shard.kick(id.allocation); });
    if (!ended) return Failure{silence_of(id.shard)};
    kicked += *ended ? 1 : 0;
  }
  return kicked;
}

Result<uint64_t, std::string> kick(const Shards& shards, const SessionFilter& filter) {
  uint64_t kicked = 0;
  for (SessionCursor at; at.shard < shards.count;) {
    const auto done = ask(shards, at.shard, [filter, at](Shard& shard) {
      const Slice slice = read_slice(shard, at.shard, filter, at.slot, kKicksPerErrand);
      uint64_t ended = 0;
      for (const Session& session : slice.sessions) ended += shard.kick(session.id.allocation);
      return std::pair{ended, slice.next};
    });
    if (!done) return Failure{silence_of(at.shard)};
    kicked += done->first;
    at = done->second ? SessionCursor{at.shard, *done->second}
                      : SessionCursor{static_cast<uint8_t>(at.shard + 1), 0};
  }
  return kicked;
}

}  // namespace uturn
