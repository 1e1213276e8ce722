// Log: one line per event, as text or JSON, with fields. Never used on the data path.
#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/result.h"
#include "protocol/transport_address.h"
#include "server/config.h"

namespace spdlog::sinks {
class sink;
}

namespace uturn {

/// A field of a line: LogField{"listener", uri.to_string()}.
struct LogField {
  std::string_view name;
  std::string value;
  bool is_number = false;  ///< and so without quotes in JSON

  LogField(std::string_view field_name, std::string field_value)
      : name(field_name), value(std::move(field_value)) {}
  LogField(std::string_view field_name, uint64_t number)
      : name(field_name), value(std::to_string(number)), is_number(true) {}
};
using LogFields = std::initializer_list<LogField>;

class ComponentLog;
class LogBatch;

/// Any thread may write; lines are whole. Quiet by default: info is for starts, stops, changes and
/// the record of an allocation, warn for what should wake someone; addresses of users only at
/// debug. Levels, by component, may change while it is used.
class Log {
 public:
  /// The error says why the file cannot be written.
  static Result<Log, std::string> open(const LogConfig& settings);
  Log(Log&&) noexcept;
  Log& operator=(Log&&) noexcept;
  ~Log();

  // Without a component: the server's own.
  void debug(std::string_view message, LogFields fields = {}) const;
  void info(std::string_view message, LogFields fields = {}) const;
  void warn(std::string_view message, LogFields fields = {}) const;
  void error(std::string_view message, LogFields fields = {}) const;
  void write(LogComponent component, LogLevel level, std::string_view message,
             LogFields fields = {}) const;
  bool is_enabled(LogLevel level) const;
  bool is_enabled(LogComponent component, LogLevel level) const;

  /// What writes as this component; not longer than this log.
  ComponentLog of(LogComponent component) const;

  LogLevel level(LogComponent component) const;
  /// Of all components, in their order.
  std::vector<ComponentLevel> levels() const;
  void set_level(LogLevel level);  ///< of all components
  void set_level(LogComponent component, LogLevel level);

  /// `changed` is told whenever levels are others, on the thread that changed them.
  void watch_levels(std::function<void()> changed);

  /// Opens the file anew, for SIGHUP after a rotation. Where that fails the old one stays.
  Result<Done, std::string> reopen();
  /// What other settings need, opened. Nothing has changed by it, but that a file is there which
  /// was not.
  struct Prepared {
    LogConfig settings;
    std::shared_ptr<spdlog::sinks::sink> sink;
  };
  static Result<Prepared, std::string> prepare(const LogConfig& settings);
  /// Other settings from here on.
  void take(Prepared prepared);

  /// An address as `log.privacy` lets it be seen. Every address of a client or peer goes through
  /// here.
  std::string show(const IpAddress& address) const;
  std::string show(const TransportAddress& address) const;

 private:
  friend class LogBatch;
  struct State;
  explicit Log(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// The log as one component writes it, at the level that the component has then.
class ComponentLog {
 public:
  ComponentLog(const Log& log, LogComponent component) : log_(log), component_(component) {}
  void debug(std::string_view message, LogFields fields = {}) const {
    log_.write(component_, LogLevel::debug, message, fields);
  }
  void info(std::string_view message, LogFields fields = {}) const {
    log_.write(component_, LogLevel::info, message, fields);
  }
  void warn(std::string_view message, LogFields fields = {}) const {
    log_.write(component_, LogLevel::warn, message, fields);
  }
  void error(std::string_view message, LogFields fields = {}) const {
    log_.write(component_, LogLevel::error, message, fields);
  }

 private:
  const Log& log_;
  LogComponent component_;
};

/// Lines of one kind that come in storms, handed over together as it ends: one write for all of
/// them, but into a journal or syslog, which keep them apart.
class LogBatch {
 public:
  LogBatch(const Log& log, LogComponent component, LogLevel level);  ///< not longer than the log
  ~LogBatch();
  LogBatch(const LogBatch&) = delete;
  LogBatch& operator=(const LogBatch&) = delete;
  void write(std::string_view message, LogFields fields);

 private:
  void hand_over();
  const Log& log_;
  LogComponent component_;
  LogLevel level_;
  std::string lines_;
};

inline ComponentLog Log::of(LogComponent component) const { return {*this, component}; }

/// 192.0.2.77 is 192.0.2.0 (its /24), 2001:db8:1:2::3 is 2001:db8:1:: (its /48); none is "-". What
/// is hashed needs the log's key.
std::string show_address(const IpAddress& address, LogPrivacy privacy);

std::string_view name_of(LogComponent component);

/// The two forms of a line without time and level; exposed for tests and for the self-check of
/// escaping.
std::string text_line(std::string_view message, LogFields fields);
std::string json_line(std::string_view time, std::string_view level, std::string_view message,
                      LogFields fields, LogComponent component = LogComponent::server);

}  // namespace uturn
