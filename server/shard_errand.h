// Asking a shard: a function runs on its thread, and what it returned comes back as a future.
#pragma once

#include <future>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "server/shard_channel.h"

namespace uturn {

/// Has `what(Shard&)` run on the thread of that shard. The future always ends: empty where the
/// shard's ring was full or the shard has stopped; then the caller may ask again.
template <class What, class Value = std::invoke_result_t<What, Shard&>>
std::future<std::optional<Value>> ask_shard(ShardChannel& channel, uint8_t shard, What what) {
  class Question final : public ShardErrand {
   public:
    explicit Question(What what) : what_(std::move(what)) {}
    ~Question() override {
      if (!answered_) answer_.set_value(std::nullopt);
    }
    void run(Shard& on) override {
      answer_.set_value(what_(on));
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
  channel.send_from_outside(shard, std::unique_ptr<ShardErrand>(std::move(question)));
  return answer;
}

}  // namespace uturn
