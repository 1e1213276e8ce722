// DatabasePool: a few connections to a credential database, each on a thread of its own.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "server/directories/cached_directory.h"
#include "server/directories/credential_store.h"

namespace uturn {

struct DatabasePoolCounters {
  uint64_t queries = 0;
  uint64_t errors = 0;  ///< of queries, a lost connection included
  uint64_t connects = 0;
  uint64_t failed_connects = 0;
  uint64_t connected = 0;  ///< connections there are now
};

/// Questions wait in one queue, which CachedDirectory bounds. A question whose connection broke is
/// asked once more on another; while no connection can be made, questions wait until nobody waits
/// for them, and connecting is tried again and again with a growing pause.
class DatabasePool final : public UserSource {
 public:
  using Connect = std::function<Stored<std::unique_ptr<CredentialStore>>()>;
  /// Hears of what an operator should: the database is gone (and why), or back.
  using OnChange = std::function<void(bool is_there, const std::string& why)>;

  DatabasePool(uint32_t connections, Connect connect, OnChange on_change);
  ~DatabasePool() override { stop(); }

  void start(OnAnswer on_answer) override;
  void ask(DirectoryQuestion question) override;
  bool is_gone() const override { return is_gone_; }
  void stop() override;
  /// The tables are others now: every connection is made anew before its next question.
  void renew_connections() { ++generation_; }
  DatabasePoolCounters counters() const;

 private:
  struct Job {
    DirectoryQuestion question;
    uint32_t tries = 0;  ///< that ended with a connection gone
  };
  void run();
  std::unique_ptr<CredentialStore> connect(Duration& pause);
  std::optional<Job> next_job();
  void perform(Job job, std::unique_ptr<CredentialStore>& store);

  const uint32_t connections_;
  const Connect connect_;
  const OnChange on_change_;
  OnAnswer on_answer_;
  std::atomic<bool> is_gone_{false};
  std::atomic<uint64_t> generation_{0};
  std::atomic<uint64_t> queries_{0};
  std::atomic<uint64_t> errors_{0};
  std::atomic<uint64_t> connects_{0};
  std::atomic<uint64_t> failed_connects_{0};
  std::atomic<uint64_t> connected_{0};

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> jobs_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

/// How a database's keys make a user; nothing where they are none.
std::optional<User> user_of(const std::string& name, const StoredKeys& keys);

}  // namespace uturn
