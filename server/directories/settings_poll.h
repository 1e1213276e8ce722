// SettingsPoll: reads again and again what a database holds besides users.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
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
    bool has_sha256 = false;  ///< of every user of the realm
    friend bool operator==(const Snapshot&, const Snapshot&) = default;
  };
  using Connect = std::function<Stored<std::unique_ptr<CredentialStore>>()>;
  /// On the poll's thread, for the first snapshot and for each that differs from the one before.
  using OnChange = std::function<void(const Snapshot&)>;
  /// A query that the database refused: said once for each text.
  using OnError = std::function<void(const std::string& why)>;

  SettingsPoll(std::string realm, Duration pause, Connect connect, OnChange on_change,
               OnError on_error);
  ~SettingsPoll() { stop(); }

  void start();
  void stop();
  /// Until the first attempt has ended, well or not.
  void wait_for_first();

 private:
  void run();
  Stored<Snapshot> read(std::unique_ptr<CredentialStore>& store);

  const std::string realm_;
  const Duration pause_;
  const Connect connect_;
  const OnChange on_change_;
  const OnError on_error_;
  std::optional<Snapshot> last_;
  bool has_sha256_ = false;
  Instant next_sha256_look_{};
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  bool has_tried_ = false;
  std::thread thread_;
};

}  // namespace uturn
