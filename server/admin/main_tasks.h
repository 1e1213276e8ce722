// MainTasks: what other threads have the server's main thread do.
#pragma once

#include <deque>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>

#include "protocol/time.h"

namespace uturn {

/// Bounded. A server is reloaded and drained by one thread, so that its parts need no locks.
/// `descriptor()` becomes readable.
class MainTasks {
 public:
  static constexpr size_t kCapacity = 32;

  MainTasks();
  ~MainTasks();
  MainTasks(const MainTasks&) = delete;
  MainTasks& operator=(const MainTasks&) = delete;

  /// Waits for what it returns. Nothing where too many wait already, the server stops, or it takes
  /// longer than `patience`; then it may still be carried out.
  template <class What, class Value = std::invoke_result_t<What>>
  std::optional<Value> run(What what, Duration patience) {
    class Question final : public Task {
     public:
      explicit Question(What its_what) : what_(std::move(its_what)) {}
      ~Question() override {
        if (!answered_) answer_.set_value(std::nullopt);
      }
      void run() override {
        answer_.set_value(what_());
        answered_ = true;
      }
      std::future<std::optional<Value>> answer() { return answer_.get_future(); }

     private:
      What what_;
      std::promise<std::optional<Value>> answer_;
      bool answered_ = false;
    };
    auto question = std::make_unique<Question>(std::move(what));
    auto answer = question->answer();
    push(std::move(question));
    if (answer.wait_for(patience) != std::future_status::ready) return std::nullopt;
    return answer.get();
  }

  int descriptor() const { return descriptor_; }
  void perform();  ///< on the main thread: everything that waits
  void close();    ///< takes no more; who waits gets nothing

 private:
  class Task {
   public:
    virtual ~Task() = default;
    virtual void run() = 0;
  };
  void push(std::unique_ptr<Task> task);

  int descriptor_ = -1;
  std::mutex mutex_;
  std::deque<std::unique_ptr<Task>> tasks_;
  bool closed_ = false;
};

}  // namespace uturn
