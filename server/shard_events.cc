// Handing events from shards to the thread that logs.
#include "server/shard_events.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <utility>

namespace uturn {

ShardEvents::ShardEvents() : descriptor_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  CHECK(descriptor_ >= 0);
  events_.reserve(kCapacity);
}

ShardEvents::~ShardEvents() { close(descriptor_); }

void ShardEvents::push(const ShardEvent& event) {
  {
    const std::lock_guard lock(mutex_);
    if (events_.size() == kCapacity) {
      ++lost_;
      return;
    }
    events_.push_back(event);
    if (std::exchange(is_told_, true)) return;
  }
  wake();
}

void ShardEvents::push(EndedAllocation ended) {
  {
    const std::lock_guard lock(mutex_);
    if (ended_.size() == kEndedCapacity) {
      ++lost_;
      return;
    }
    ended_.push_back(std::move(ended));
    if (std::exchange(is_told_, true)) return;
  }
  wake();
}

void ShardEvents::push(FailedLogin failed) {
  {
    const std::lock_guard lock(mutex_);
    if (failed_.size() == kFailedCapacity) {
      ++lost_;
      return;
    }
    failed_.push_back(std::move(failed));
    if (std::exchange(is_told_, true)) return;
  }
  wake();
}

void ShardEvents::wake() {
  const uint64_t one = 1;
  (void)!write(descriptor_, &one, sizeof one);  // full means readable already
}

std::vector<ShardEvent> ShardEvents::take() {
  uint64_t count;
  (void)!read(descriptor_, &count, sizeof count);
  std::vector<ShardEvent> taken;
  taken.reserve(kCapacity);
  const std::lock_guard lock(mutex_);
  is_told_ = false;
  std::swap(taken, events_);
  return taken;
}

std::vector<EndedAllocation> ShardEvents::take_ended() {
  const std::lock_guard lock(mutex_);
  return std::exchange(ended_, {});
}

size_t ShardEvents::waiting() const {
  const std::lock_guard lock(mutex_);
  return events_.size() + ended_.size() + failed_.size();
}

std::vector<FailedLogin> ShardEvents::take_failed_logins() {
  const std::lock_guard lock(mutex_);
  return std::exchange(failed_, {});
}

uint64_t ShardEvents::lost() const {
  const std::lock_guard lock(mutex_);
  return lost_;
}

}  // namespace uturn
