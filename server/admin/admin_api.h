// The admin API: what an operator may ask of a running server, and have it do, as JSON over HTTP on
// the admin socket.
//
// | request | answer |
// | --- | --- |
// | GET /v1/status | version, state, listeners, workers, allocations, totals since the start |
// | GET /v1/sessions?user=&realm=&client=&min_age=&min_idle=&limit=&cursor=&sort=traffic |
//   {"sessions": [...], "next": cursor or null}; at most 1000 at a time. Durations are 90s, 10m; a
//   user that ends in * is a prefix; client is an address or CIDR. With sort=traffic those that
//   have relayed most |
// | GET /v1/users?limit= | {"users": [{"user", "sessions", "bytes_to_peers", "bytes_to_clients"}],
//   "all": n}: of live sessions, by who relays most; a TURN REST user by its id |
// | POST /v1/kick {"sessions": ["0-1-2"]} or the filters of a list of sessions, or {"all": true} |
//   {"kicked": n} |
// | POST /v1/drain {"deadline": "10m"}, all optional; {"cancel": true} takes new clients again |
//   {"state": …, "allocations": n} |
// | POST /v1/reload | {"changed": [{"key", "from", "to"}], "needs_restart": [key]} |
// | GET /v1/log-level, POST /v1/log-level {"level": "debug"}, of all components, or besides
//   {"component": "auth"} | {"level": …, "components": {"auth": …, …}} |
//
// Errors are {"error": sentence} with 400 (the request), 404, 405, 409 (the server cannot: a
// configuration that is refused) or 503 (a worker, or the server, does not answer in time).
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/address_range.h"
#include "protocol/result.h"
#include "protocol/time.h"
#include "server/admin/main_tasks.h"
#include "server/admin/shard_reports.h"
#include "server/http/http_message.h"
#include "server/log.h"

namespace uturn {

struct LogLevels {
  LogLevel common{};  ///< of what has none of its own
  std::vector<ComponentLevel> components;
};

/// Who has something done: by the admin socket, the dashboard or a signal.
struct Asker {
  std::string_view by;
  std::string from;  ///< "uid 0 pid 4711", an address as log.privacy shows it, the signal's name
};

/// The server that is administered. Whatever it is asked to change leaves one line in the log.
class AdminSubject {
 public:
  virtual ~AdminSubject() = default;

  // Asked by any thread.
  virtual Shards shards() = 0;
  /// What of the status no shard knows.
  virtual nlohmann::ordered_json describe() const = 0;
  /// An address as log.privacy lets it be seen.
  virtual std::string show(const TransportAddress& address) const = 0;
  virtual std::string show(const AddressRange& range) const = 0;
  /// So many sessions were ended: those that `wish` names.
  virtual void note_kick(uint64_t sessions, const std::string& wish, const Asker& asker) = 0;
  virtual MainTasks& main_tasks() = 0;

  // Done by the main thread.
  virtual Result<nlohmann::ordered_json, std::string> reload(const Asker& asker) = 0;
  virtual void drain(std::optional<Duration> deadline, const Asker& asker) = 0;
  virtual void resume(const Asker& asker) = 0;
  virtual LogLevels log_levels() const = 0;
  /// Of all components, or of one.
  virtual void set_log_level(std::optional<LogComponent> component, LogLevel level,
                             const Asker& asker) = 0;
};

inline constexpr size_t kSessionsPerPage = 100;
inline constexpr size_t kUsersPerPage = 10;
inline constexpr size_t kMaxSessionsPerPage = 1'000;
/// What a reload may take: certificates are read, databases asked.
inline constexpr std::chrono::seconds kReloadPatience{30};

/// `subject` outlives the server of these.
std::vector<HttpRoute> admin_routes(AdminSubject& subject);

nlohmann::ordered_json json_of(const Session& session, const AdminSubject& subject);

}  // namespace uturn
