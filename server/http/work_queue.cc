// Running what was queued.
#include "server/http/work_queue.h"

#include <utility>

namespace uturn {

WorkQueue::WorkQueue(uint32_t threads, uint32_t capacity) : capacity_(capacity) {
  for (uint32_t i = 0; i < threads; ++i) threads_.emplace_back([this] { run(); });
}

WorkQueue::~WorkQueue() { stop(); }

bool WorkQueue::push(std::function<void()> work) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || line_.size() >= capacity_) return false;
    line_.push_back(std::move(work));
  }
  changed_.notify_one();
  return true;
}

void WorkQueue::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void WorkQueue::run() {
  for (;;) {
    std::function<void()> work;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopping_ || !line_.empty(); });
      if (line_.empty()) return;
      work = std::move(line_.front());
      line_.pop_front();
    }
    work();
  }
}

}  // namespace uturn
