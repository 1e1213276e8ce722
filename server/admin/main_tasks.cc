// Handing tasks to the main thread.
#include "server/admin/main_tasks.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "protocol/bytes.h"

namespace uturn {

MainTasks::MainTasks() : descriptor_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  CHECK(descriptor_ >= 0);
}

MainTasks::~MainTasks() {
  close();
  ::close(descriptor_);
}

void MainTasks::push(std::unique_ptr<Task> task) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_ || tasks_.size() >= kCapacity) return;  // it ends unanswered
    tasks_.push_back(std::move(task));
  }
  ::eventfd_write(descriptor_, 1);
}

void MainTasks::perform() {
  eventfd_t count = 0;
  ::eventfd_read(descriptor_, &count);
  for (;;) {
    std::unique_ptr<Task> task;
    {
      const std::lock_guard lock(mutex_);
      if (tasks_.empty()) return;
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    task->run();
  }
}

void MainTasks::close() {
  std::deque<std::unique_ptr<Task>> dropped;
  const std::lock_guard lock(mutex_);
  closed_ = true;
  dropped.swap(tasks_);
}

}  // namespace uturn
