// Asking a credential database, and coming back to one that was gone.
#include "server/directories/database_pool.h"

#include <pthread.h>

#include "io/clock.h"

namespace uturn {
namespace {

constexpr Duration kFirstPause = std::chrono::milliseconds(50);
constexpr Duration kLongestPause = std::chrono::seconds(2);

}  // namespace

std::optional<User> user_of(const std::string& name, const StoredKeys& keys) {
  User user{.username = name, .quota_id = name};
  for (const Secret* hex : {&keys.md5, &keys.sha256}) {
    const auto key = Key::from_hex(hex->reveal());
    if (!key) continue;
    (key->algorithm() == PasswordAlgorithm::md5 ? user.md5 : user.sha256) = *key;
  }
  if (!user.md5 && !user.sha256) return std::nullopt;
  return user;
}

DatabasePool::DatabasePool(uint32_t connections, Connect connect, OnChange on_change)
    : connections_(connections), connect_(std::move(connect)), on_change_(std::move(on_change)) {}

void DatabasePool::start(OnAnswer on_answer) {
  on_answer_ = std::move(on_answer);
  for (uint32_t i = 0; i < connections_; ++i) {
    threads_.emplace_back([this] { run(); });
    pthread_setname_np(threads_.back().native_handle(), "database");
  }
}

void DatabasePool::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
    jobs_.clear();
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void DatabasePool::ask(DirectoryQuestion question) {
  {
    const std::scoped_lock lock(mutex_);
    if (stopping_) return;
    jobs_.push_back({std::move(question)});
  }
  changed_.notify_one();
}

DatabasePoolCounters DatabasePool::counters() const {
  return {queries_, errors_, connects_, failed_connects_, connected_};
}

void DatabasePool::run() {
  std::unique_ptr<CredentialStore> store;
  uint64_t generation = generation_;
  Duration pause = kFirstPause;
  for (;;) {
    if (!store) {
      generation = generation_;
      store = connect(pause);
      const std::scoped_lock lock(mutex_);
      if (stopping_) return;
      if (!store) continue;
    }
    auto job = next_job();
    if (!job) return;
    if (generation != generation_) {
      generation = generation_;
      if (auto other = connect_()) store = *std::move(other);
    }
    perform(*std::move(job), store);
  }
}

/// After a failure the pause is over when this returns, or the pool stops.
std::unique_ptr<CredentialStore> DatabasePool::connect(Duration& pause) {
  auto store = connect_();
  if (store) {
    ++connects_;
    ++connected_;
    pause = kFirstPause;
    if (is_gone_.exchange(false)) on_change_(true, {});
    return *std::move(store);
  }
  ++failed_connects_;
  if (!is_gone_.exchange(true)) on_change_(false, store.error().said);
  std::unique_lock lock(mutex_);
  // What nobody waits for any more need not be kept for when the database is back.
  const Instant now = Clock().monotonic();
  while (!jobs_.empty() && jobs_.front().question.deadline <= now) jobs_.pop_front();
  changed_.wait_for(lock, pause, [this] { return stopping_; });
  pause = std::min(pause * 2, kLongestPause);
  return nullptr;
}

std::optional<DatabasePool::Job> DatabasePool::next_job() {
  const Clock clock;
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
    if (stopping_) return std::nullopt;
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    if (job.question.deadline > clock.monotonic()) return job;
  }
}

void DatabasePool::perform(Job job, std::unique_ptr<CredentialStore>& store) {
  ++queries_;
  const DirectoryQuestion& question = job.question;
  auto found = store->find_user(question.realm, question.username);
  if (!found) {
    ++errors_;
    if (!found.error().is_gone) return on_answer_(question, SourceFailed{});
    store.reset();
    --connected_;
    // A server that was restarted meanwhile is no reason for an error, however many of our
    // connections were to the one before.
    if (++job.tries > connections_) return on_answer_(question, SourceFailed{});
    const std::scoped_lock lock(mutex_);
    if (!stopping_) jobs_.push_front(std::move(job));
    changed_.notify_one();
    return;
  }
  const std::optional<User> user =
      *found ? user_of(question.username, **found) : std::optional<User>{};
  if (!user) return on_answer_(question, UserUnknown{});
  on_answer_(question, SourceFound{*user});
}

}  // namespace uturn
