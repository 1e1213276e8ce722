// Polling secrets, realm options, peer ranges, origins and OAuth keys.
#include "server/directories/settings_poll.h"

#include <pthread.h>

#include "io/clock.h"

namespace uturn {
namespace {

constexpr Duration kSha256Pause = std::chrono::minutes(1);  // it reads every user of the realm

}  // namespace

SettingsPoll::SettingsPoll(std::set<std::string> realms, Duration pause, Connect connect,
                           OnChange on_change, OnError on_error)
    : pause_(pause),
      connect_(std::move(connect)),
      on_change_(std::move(on_change)),
      on_error_(std::move(on_error)),
      realms_(std::move(realms)) {}

void SettingsPoll::set_realms(std::set<std::string> realms) {
  const std::scoped_lock lock(mutex_);
  realms_ = std::move(realms);
}

void SettingsPoll::start() {
  thread_ = std::thread([this] { run(); });
  pthread_setname_np(thread_.native_handle(), "database-poll");
}

void SettingsPoll::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void SettingsPoll::wait_for_first() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return has_tried_ || stopping_; });
}

void SettingsPoll::run() {
  std::unique_ptr<CredentialStore> store;
  std::string last_error;
  for (;;) {
    auto snapshot = read(store);
    if (snapshot && (!last_ || *snapshot != *last_)) {
      on_change_(*snapshot);
      last_ = *std::move(snapshot);
      last_error.clear();
    } else if (!snapshot) {
      if (snapshot.error().is_gone) store.reset();
      if (!snapshot.error().is_gone && snapshot.error().said != last_error) {
        last_error = snapshot.error().said;
        on_error_(last_error);
      }
    }
    std::unique_lock lock(mutex_);
    has_tried_ = true;
    changed_.notify_all();
    if (changed_.wait_for(lock, pause_, [this] { return stopping_; })) return;
  }
}

Stored<SettingsPoll::Snapshot> SettingsPoll::read(std::unique_ptr<CredentialStore>& store) {
  if (!store) {
    auto connected = connect_();
    if (!connected) return Failure{connected.error()};
    store = *std::move(connected);
  }
  auto settings = store->read_settings();
  if (!settings) return Failure{settings.error()};
  std::set<std::string> realms = realms_named_by(*settings);
  {
    const std::scoped_lock lock(mutex_);
    realms.insert(realms_.begin(), realms_.end());
  }
  const Instant now = Clock().monotonic();
  if (now >= next_sha256_look_ || realms != looked_at_) {
    std::set<std::string> have_all;
    for (const std::string& realm : realms) {
      const auto has_all = store->has_sha256_of_all(realm);
      if (!has_all) return Failure{has_all.error()};
      if (*has_all) have_all.insert(realm);
    }
    sha256_realms_ = std::move(have_all);
    looked_at_ = std::move(realms);
    next_sha256_look_ = now + kSha256Pause;
  }
  return Snapshot{*std::move(settings), sha256_realms_};
}

}  // namespace uturn
