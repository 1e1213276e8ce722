// Asking all shards at once, and keeping what each last said.
#include "server/sampler.h"

#include <time.h>

#include <algorithm>
#include <map>
#include <string>

#include "server/shard.h"
#include "server/shard_errand.h"

namespace uturn {
namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

double cpu_seconds_of_this_thread() {
  timespec used{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
}

ShardSample look_at(const Shard& shard) {
  ShardSample sample;
  sample.relay = shard.relay_counters();
  sample.loop = shard.loop_counters();
  sample.shortcuts = shard.shortcut_counters();
  sample.streams = shard.stream_counters();
  sample.dtls = shard.dtls_counters();
  sample.proxied = shard.proxy_counters();
  sample.meter = shard.meter();
  const Relay& relay = shard.relay();
  for (const auto& part : relay.traffic().all()) sample.traffic.push_back(*part);
  sample.allocations = relay.allocations();
  sample.reservations = relay.reservations();
  sample.pending = relay.pending();
  sample.tcp_connections = relay.tcp_connections();
  sample.is_draining = relay.is_draining();
  sample.cpu_seconds = cpu_seconds_of_this_thread();
  return sample;
}

/// Nothing where the shard does not answer by then.
template <class Value>
std::optional<Value> answer_of(std::future<std::optional<Value>>& asked, SteadyTime patience) {
  if (asked.wait_until(patience) != std::future_status::ready) return std::nullopt;
  return asked.get();
}

struct UsersStep {
  std::optional<uint32_t> next;
  std::vector<UserTraffic> users;
};

UsersStep look_at_users(const Shard& shard, uint32_t first) {
  UsersStep step;
  step.next = shard.relay().visit_allocations(
      first, Sampler::kSlotsPerErrand, [&](const Allocation& allocation) {
        const Identity& who = allocation.identity;
        const Traffic& traffic = allocation.traffic;
        step.users.push_back({who.quota_id.empty() ? who.username : who.quota_id, 1,
                              traffic.bytes_to_peers + traffic.bytes_to_client});
      });
  return step;
}

}  // namespace

Sampler::Sampler(ShardChannel& channel, uint8_t shards, uint32_t top_users,
                 std::function<void(ServerSample&)> add_process)
    : channel_(channel), top_users_(top_users), add_process_(std::move(add_process)) {
  last_.shards.resize(shards);
}

ServerSample Sampler::sample() {
  const std::lock_guard lock(mutex_);
  const auto now = std::chrono::steady_clock::now();
  if (!taken_at_ || now - *taken_at_ >= kFresh) {
    ask_shards();
    if (top_users_ > 0) find_top_users();
    add_process_(last_);
    taken_at_ = std::chrono::steady_clock::now();
  }
  return last_;
}

void Sampler::forget() {
  const std::lock_guard lock(mutex_);
  taken_at_.reset();
}

void Sampler::ask_shards() {
  std::vector<std::future<std::optional<ShardSample>>> asked;
  for (size_t i = 0; i < last_.shards.size(); ++i) {
    asked.push_back(
        ask_shard(channel_, static_cast<uint8_t>(i), [](Shard& shard) { return look_at(shard); }));
  }
  const auto patience = std::chrono::steady_clock::now() + kPatience;
  last_.answering = 0;
  for (size_t i = 0; i < asked.size(); ++i) {
    auto answer = answer_of(asked[i], patience);
    if (!answer) continue;
    last_.shards[i] = std::move(*answer);
    ++last_.answering;
  }
  last_.is_draining = std::ranges::any_of(last_.shards, &ShardSample::is_draining);
}

// In steps, so that a shard with many allocations goes on relaying between two of them.
void Sampler::find_top_users() {
  std::map<std::string, UserTraffic> by_name;
  const auto patience = std::chrono::steady_clock::now() + kPatience;
  for (size_t i = 0; i < last_.shards.size(); ++i) {
    std::optional<uint32_t> next = 0;
    while (next) {
      auto asked = ask_shard(channel_, static_cast<uint8_t>(i),
                             [first = *next](Shard& shard) { return look_at_users(shard, first); });
      const auto step = answer_of(asked, patience);
      if (!step) break;
      next = step->next;
      for (const UserTraffic& part : step->users) {
        UserTraffic& user = by_name[part.name];
        user.allocations += part.allocations;
        user.bytes += part.bytes;
      }
    }
  }
  last_.top_users.clear();
  for (auto& [name, user] : by_name)
    last_.top_users.push_back({name, user.allocations, user.bytes});
  std::ranges::stable_sort(last_.top_users, std::ranges::greater{}, &UserTraffic::bytes);
  if (last_.top_users.size() > top_users_) last_.top_users.resize(top_users_);
}

bool Sampler::all_answer() {
  std::vector<std::future<std::optional<bool>>> asked;
  for (size_t i = 0; i < last_.shards.size(); ++i) {
    asked.push_back(ask_shard(channel_, static_cast<uint8_t>(i), [](Shard&) { return true; }));
  }
  const auto patience = std::chrono::steady_clock::now() + kPatience;
  return std::ranges::all_of(asked,
                             [&](auto& one) { return answer_of(one, patience).has_value(); });
}

}  // namespace uturn
