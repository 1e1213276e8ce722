// Certificates: what clients of TLS and DTLS are shown, for as long as the server runs: loaded,
// loaded anew when the files change, watched for their expiry; and the keys of session tickets.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "io/tls_context.h"
#include "protocol/result.h"
#include "protocol/time.h"
#include "server/config.h"
#include "server/file_watch.h"
#include "server/log.h"

namespace uturn {

/// Whom a certificate that is made here names.
struct SelfSigned {
  std::vector<std::string> names;
  std::vector<IpAddress> addresses;
};

/// Any thread may call; nothing of it is the shards'. They hold a TlsContext, and are handed the
/// next one. Whoever has a session goes on with the context that it began with.
///
/// The owner waits for descriptor() and next_deadline(), and calls on_files_changed() and
/// on_time().
class Certificates {
 public:
  /// Changes are told by several events, one file after the other: they are taken for one when
  /// nothing happens for so long, or at the latest so long after the first.
  static constexpr Duration kQuiet = std::chrono::milliseconds(500);
  static constexpr Duration kMostPatience = std::chrono::seconds(5);
  static constexpr Duration kExpiryCheck = std::chrono::hours(24);

  /// Of the files of `config`, or, where it has none, made here and signed by itself. The error
  /// names the file, and for a lack of permission who we are and whose the file is.
  static Result<std::unique_ptr<Certificates>, std::string> load(const TlsConfig& config,
                                                                 SelfSigned self_signed,
                                                                 const Log& log, Now now);

  std::shared_ptr<const TlsContext> context() const;
  /// Called with each further context, by the thread that changed it.
  void hand_to(std::function<void(const std::shared_ptr<const TlsContext>&)> receiver);

  /// Reads the files again: for a signal or an operator. On error, which is logged, everything
  /// stays as it was.
  Result<Done, std::string> reload(Now now);

  /// Other files, read and checked, for a reload that may yet be refused. On error, which is
  /// logged, nothing has changed.
  struct Prepared {
    TlsConfig config;
    std::unique_ptr<FileWatch> watch;
    std::vector<FileState> states;
    std::shared_ptr<const TlsContext> context;
  };
  Result<Prepared, std::string> prepare(const TlsConfig& config, Now now);
  /// Those from here on.
  void take(Prepared prepared, Now now);

  int descriptor() const { return watch_->descriptor(); }  ///< -1: nothing to wait for
  void on_files_changed(Now now);
  Instant next_deadline() const;
  void on_time(Now now);

  // For metrics.
  std::vector<TlsCertificateFacts> facts() const;
  struct Counters {
    uint64_t reloads = 0;
    uint64_t failed_reloads = 0;
    uint64_t ticket_key_rotations = 0;
  };
  Counters counters() const;

 private:
  Certificates(const TlsConfig& config, SelfSigned self_signed, const Log& log, Now now);
  bool is_self_signed() const { return watch_->paths().empty(); }
  Result<Done, std::string> load_first(Now now);
  Result<Done, std::string> load_anew(Now now);
  TlsSettings settings_of(const TlsConfig& config, Now now) const;
  Result<std::shared_ptr<const TlsContext>, std::string> read(const TlsConfig& config, Now now);
  void hand(std::shared_ptr<const TlsContext> context);
  void hand_loaded(std::shared_ptr<const TlsContext> context, Now now);
  void look_at_files(Now now);
  void rotate_ticket_keys(Now now);
  void check_expiry(Now now);
  void log_certificates(std::string_view message) const;

  TlsConfig config_;
  SelfSigned self_signed_;
  const ComponentLog log_;
  std::unique_ptr<FileWatch> watch_;

  mutable std::mutex mutex_;
  std::vector<FileState> states_;  ///< when the files were read the last time
  std::shared_ptr<const TlsContext> context_;
  std::function<void(const std::shared_ptr<const TlsContext>&)> receiver_;
  std::optional<Instant> changed_since_;
  Instant look_at_;
  Instant next_rotation_;  ///< of the ticket keys
  Instant next_expiry_check_;
  Counters counters_;
};

}  // namespace uturn
