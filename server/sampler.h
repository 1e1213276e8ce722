// Sampler: looks at a server that runs, by asking its shards.
#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

#include "server/sample.h"
#include "server/shard_channel.h"

namespace uturn {

/// Any thread but a shard's may ask. However often somebody does, shards are asked ten times a
/// second at most, and a shard that does not answer is waited for once, together with the others.
class Sampler {
 public:
  static constexpr std::chrono::milliseconds kFresh{100};
  static constexpr std::chrono::seconds kPatience{1};
  static constexpr uint32_t kSlotsPerErrand = 1'024;

  /// `add_process` fills in what is no shard's.
  Sampler(ShardChannel& channel, uint8_t shards, uint32_t top_users,
          std::function<void(ServerSample&)> add_process);

  ServerSample sample();
  /// What is asked next is not answered by what was known before: something has changed that must
  /// be seen at once.
  void forget();
  /// Whether every shard turns: runs an errand in time.
  bool all_answer();

 private:
  void ask_shards();
  void find_top_users();

  ShardChannel& channel_;
  uint32_t top_users_;
  std::function<void(ServerSample&)> add_process_;
  std::mutex mutex_;
  ServerSample last_;
  std::optional<std::chrono::steady_clock::time_point> taken_at_;
};

}  // namespace uturn
