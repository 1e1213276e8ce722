// Webhook: a store of users behind HTTP, asked by one thread for many at once.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "server/directories/cached_directory.h"
#include "server/directories/directory_settings.h"

namespace uturn {

class Webhook final : public UserSource {
 public:
  /// Hears of what an operator should: it does not answer (and why), or does again.
  using OnChange = std::function<void(bool is_there, const std::string& why)>;

  /// `connections`: requests under way at once; the others wait for their turn.
  Webhook(WebhookConfig settings, uint32_t connections, Duration timeout, OnChange on_change);
  ~Webhook() override;

  void start(OnAnswer on_answer) override;
  void ask(DirectoryQuestion question) override;
  /// For a moment after a failure; then somebody's question tries it again.
  bool is_gone() const override;
  void stop() override;

 private:
  struct Request;
  struct Curl;
  void run();
  bool has_turn();
  void begin(DirectoryQuestion question);
  void finish(void* handle, int result);
  void tell(bool is_there, const std::string& why);

  const WebhookConfig settings_;
  const uint32_t connections_;
  const Duration timeout_;
  const OnChange on_change_;
  OnAnswer on_answer_;
  std::unique_ptr<Curl> curl_;
  std::atomic<int64_t> gone_until_{0};  ///< of the monotonic clock
  bool was_gone_ = false;

  std::mutex mutex_;
  std::deque<DirectoryQuestion> waiting_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace uturn
