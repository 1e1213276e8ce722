// SettingsPoll: reads again and again what a database holds besides users.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "server/directories/credential_store.h"

namespace uturn {

/// On a thread and a connection of its own. Where the database is gone the last answer stays.
class SettingsPoll {
 public:
  struct Snapshot {
    StoredSettings settings;
    std::set<std::string> sha256_realms{};  ///< whose every user has a SHA-256 key
    friend bool operator==(const Snapshot&, const Snapshot&) = default;
  };
  using Connect = std::function<Stored<std::unique_ptr<CredentialStore>>()>;
  /// On the poll's thread, for the first snapshot and for each that differs from the one before.
  using OnChange = std::function<void(const Snapshot&)>;
  /// A query that the database refused: said once for each text.
  using OnError = std::function<void(const std::string& why)>;

  SettingsPoll(std::set<std::string> realms, Duration pause, Connect connect, OnChange on_change,
               OnError on_error);
  ~SettingsPoll() { stop(); }

  /// Whose users are looked at, besides those of realms_named_by().
  void set_realms(std::set<std::string> realms);
  void start();
  void stop();
  /// Until the first attempt has ended, well or not.
  void wait_for_first();

 private:
  void run();
  Stored<Snapshot> read(std::unique_ptr<CredentialStore>& store);

  const Duration pause_;
  const Connect connect_;
  const OnChange on_change_;
  const OnError on_error_;
  std::optional<Snapshot> last_;
  std::set<std::string> sha256_realms_;
  std::set<std::string> looked_at_;  ///< realms, when sha256_realms_ was made
  Instant next_sha256_look_{};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<std::string> realms_;  ///< under mutex_
  bool stopping_ = false;
  bool has_tried_ = false;
  std::thread thread_;
};

}  // namespace uturn
