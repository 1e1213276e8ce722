// Sending messages to a shard.
#include "server/shard_channel.h"

namespace uturn {

ShardChannel::ShardChannel(uint8_t shards, std::function<void(uint8_t)> wake)
    : shards_(shards), wake_(std::move(wake)) {
  const size_t rings = (size_t{shards} + 1) * shards;
  for (size_t i = 0; i < rings; ++i) rings_.push_back(std::make_unique<Ring>());
}

std::optional<ShardMessage> ShardChannel::send(uint8_t from, uint8_t to, ShardMessage message) {
  CHECK(from < shards_ && to < shards_);
  if (!ring_between(from, to).push(message)) return message;
  wake_(to);
  return std::nullopt;
}

std::optional<ShardMessage> ShardChannel::send_from_outside(uint8_t to, ShardMessage message) {
  CHECK(to < shards_);
  {
    const std::lock_guard lock(outside_);
    if (!ring_between(shards_, to).push(message)) return message;
  }
  wake_(to);
  return std::nullopt;
}

}  // namespace uturn
