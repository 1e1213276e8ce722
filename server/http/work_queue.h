// WorkQueue: a few threads and a bounded line in front of them.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace uturn {

class WorkQueue {
 public:
  WorkQueue(uint32_t threads, uint32_t capacity);
  ~WorkQueue();  ///< stop() must have run, or nothing been pushed

  /// False where the line is full or has been closed.
  bool push(std::function<void()> work);
  /// Takes no more, ends what is in line, joins the threads.
  void stop();

 private:
  void run();

  const uint32_t capacity_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> line_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace uturn
