// Log: over spdlog, which brings threads, sinks and levels.
#include "server/log.h"

#include <fmt/chrono.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/sinks/syslog_sink.h>
#include <spdlog/sinks/systemd_sink.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <nlohmann/json.hpp>

#include "auth/random.h"
#include "server/address_hash.h"
#include "server/config_keys.h"

namespace uturn {
namespace {

spdlog::level::level_enum level_of(LogLevel level) {
  switch (level) {
    case LogLevel::trace:
      return spdlog::level::trace;
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warn:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
    case LogLevel::off:
      break;
  }
  return spdlog::level::off;
}

/// UTC with milliseconds, as RFC 3339 writes it.
std::string now_text() {
  const auto now = std::chrono::system_clock::now();
  const auto since_epoch = now.time_since_epoch();
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(since_epoch).count() % 1000;
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(now)), ms);
}

bool needs_quotes(std::string_view value) {
  return value.empty() || std::ranges::any_of(value, [](char c) {
           return static_cast<unsigned char>(c) <= 0x20 || c == '"' || c == '=' || c == '\\' ||
                  c == 0x7F;
         });
}

/// JSON's escapes are good for text too: a line stays a line, whatever a user name holds.
std::string escaped(std::string_view value) {
  return nlohmann::json(value).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string without_control_characters(std::string_view text) {
  std::string out(text);
  std::ranges::replace_if(
      out, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }, '?');
  return out;
}

/// Those that say the time themselves.
bool has_own_time(const std::string& file) { return file == "journald" || file == "syslog"; }

Result<spdlog::sink_ptr, std::string> open_sink(const std::string& file) {
  if (file.empty()) return spdlog::sink_ptr(std::make_shared<spdlog::sinks::stderr_sink_mt>());
  if (file == "stdout") {
    return spdlog::sink_ptr(std::make_shared<spdlog::sinks::stdout_sink_mt>());
  }
  if (file == "journald") {
    return spdlog::sink_ptr(std::make_shared<spdlog::sinks::systemd_sink_mt>("uturn", true));
  }
  if (file == "syslog") {
    return spdlog::sink_ptr(
        std::make_shared<spdlog::sinks::syslog_sink_mt>("uturn", LOG_PID, LOG_DAEMON, true));
  }
  try {
    return spdlog::sink_ptr(std::make_shared<spdlog::sinks::basic_file_sink_mt>(file));
  } catch (const spdlog::spdlog_ex&) {
    return Failure{"log.file: " + file + " cannot be opened for writing"};
  }
}

constexpr auto kComponents = static_cast<size_t>(LogComponent::count_);

}  // namespace

/// What may change while others write stands behind the lock, or is one word.
struct Log::State {
  LogConfig settings;
  std::shared_ptr<spdlog::logger> logger;
  std::array<std::atomic<LogLevel>, kComponents> levels{};
  CsprngRandom random;
  AddressHash hash{random};
  mutable std::mutex mutex;
  std::function<void()> levels_changed;

  void tell_levels() const {
    std::function<void()> changed;
    {
      const std::lock_guard lock(mutex);
      changed = levels_changed;
    }
    if (changed) changed();
  }

  struct Now {
    std::shared_ptr<spdlog::logger> logger;
    LogFormat format;
    LogPrivacy privacy;
    bool has_own_time;

    std::string line(LogComponent component, LogLevel level, std::string_view message,
                     LogFields fields) const {
      const std::string name = print_log_level(level);
      if (format == LogFormat::json) {
        return json_line(now_text(), name, message, fields, component);
      }
      std::string line = has_own_time ? "" : fmt::format("{} {:<5} ", now_text(), name);
      if (component != LogComponent::server) line += fmt::format("{}: ", name_of(component));
      return line + text_line(message, fields);
    }
  };
  Now now() const {
    const std::lock_guard lock(mutex);
    return {logger, settings.format, settings.privacy, has_own_time(settings.file)};
  }
  void take(const LogConfig& config, const spdlog::sink_ptr& sink) {
    auto fresh = std::make_shared<spdlog::logger>("uturn", sink);
    fresh->set_level(spdlog::level::trace);  // components have the levels
    fresh->set_pattern("%v");
    fresh->flush_on(spdlog::level::trace);
    const std::lock_guard lock(mutex);
    settings = config;
    logger = std::move(fresh);
  }
  void take_levels(const LogConfig& config) {
    for (auto& level : levels) level = config.level;
    for (const auto& [component, level] : config.levels) {
      levels.at(static_cast<size_t>(component)) = level;
    }
  }
};

Result<Log, std::string> Log::open(const LogConfig& settings) {
  auto sink = open_sink(settings.file);
  if (!sink) return Failure{sink.error()};
  auto state = std::make_unique<State>();
  state->take(settings, *sink);
  state->take_levels(settings);
  return Log(std::move(state));
}

Log::Log(std::unique_ptr<State> state) : state_(std::move(state)) {}
Log::Log(Log&&) noexcept = default;
Log& Log::operator=(Log&&) noexcept = default;
Log::~Log() = default;

void Log::debug(std::string_view message, LogFields fields) const {
  write(LogComponent::server, LogLevel::debug, message, fields);
}
void Log::info(std::string_view message, LogFields fields) const {
  write(LogComponent::server, LogLevel::info, message, fields);
}
void Log::warn(std::string_view message, LogFields fields) const {
  write(LogComponent::server, LogLevel::warn, message, fields);
}
void Log::error(std::string_view message, LogFields fields) const {
  write(LogComponent::server, LogLevel::error, message, fields);
}

bool Log::is_enabled(LogLevel level) const { return is_enabled(LogComponent::server, level); }

bool Log::is_enabled(LogComponent component, LogLevel level) const {
  return level != LogLevel::off && level >= this->level(component);
}

LogLevel Log::level(LogComponent component) const {
  return state_->levels.at(static_cast<size_t>(component));
}

std::vector<ComponentLevel> Log::levels() const {
  std::vector<ComponentLevel> all;
  for (size_t i = 0; i < kComponents; ++i) {
    all.push_back({static_cast<LogComponent>(i), state_->levels.at(i)});
  }
  return all;
}

void Log::set_level(LogLevel level) {
  for (auto& each : state_->levels) each = level;
  state_->tell_levels();
}

void Log::watch_levels(std::function<void()> changed) {
  {
    const std::lock_guard lock(state_->mutex);
    state_->levels_changed = std::move(changed);
  }
  state_->tell_levels();
}

void Log::set_level(LogComponent component, LogLevel level) {
  state_->levels.at(static_cast<size_t>(component)) = level;
  state_->tell_levels();
}

void Log::write(LogComponent component, LogLevel level, std::string_view message,
                LogFields fields) const {
  if (!is_enabled(component, level)) return;
  const State::Now now = state_->now();
  now.logger->log(level_of(level), now.line(component, level, message, fields));
}

LogBatch::LogBatch(const Log& log, LogComponent component, LogLevel level)
    : log_(log), component_(component), level_(level) {}

LogBatch::~LogBatch() { hand_over(); }

void LogBatch::write(std::string_view message, LogFields fields) {
  constexpr size_t kMost = 32'768;  // bytes kept; a log that is opened anew waits for no more
  if (!log_.is_enabled(component_, level_)) return;
  const Log::State::Now now = log_.state_->now();
  if (!lines_.empty()) lines_ += '\n';
  lines_ += now.line(component_, level_, message, fields);
  if (now.has_own_time || lines_.size() >= kMost) hand_over();
}

void LogBatch::hand_over() {
  if (lines_.empty()) return;
  log_.state_->now().logger->log(level_of(level_), lines_);
  lines_.clear();
}

Result<Done, std::string> Log::reopen() {
  LogConfig settings;
  {
    const std::lock_guard lock(state_->mutex);
    settings = state_->settings;
  }
  // Opened before the old one is given up, so that a failure loses no line.
  auto sink = open_sink(settings.file);
  if (!sink) return Failure{sink.error()};
  state_->take(settings, *sink);
  return Done{};
}

Result<Log::Prepared, std::string> Log::prepare(const LogConfig& settings) {
  auto sink = open_sink(settings.file);
  if (!sink) return Failure{sink.error()};
  return Prepared{settings, *std::move(sink)};
}

void Log::take(Prepared prepared) {
  state_->take(prepared.settings, prepared.sink);
  state_->take_levels(prepared.settings);
  state_->tell_levels();
}

std::string Log::show(const IpAddress& address) const {
  const LogPrivacy privacy = state_->now().privacy;
  if (privacy != LogPrivacy::hashed) return show_address(address, privacy);
  return state_->hash.name_of(
      address, std::chrono::floor<std::chrono::days>(std::chrono::system_clock::now()));
}

std::string Log::show(const TransportAddress& address) const {
  if (state_->now().privacy == LogPrivacy::full) return address.to_string();
  return show(address.ip);
}

std::string show_address(const IpAddress& address, LogPrivacy privacy) {
  if (privacy == LogPrivacy::full) return address.to_string();
  if (privacy == LogPrivacy::none || privacy == LogPrivacy::hashed) return "-";
  std::array<uint8_t, 16> bytes{};
  const size_t kept = address.is_v4() ? 3 : 6;
  std::ranges::copy(address.bytes().first(kept), bytes.begin());
  const std::span all(bytes);
  return (address.is_v4() ? IpAddress::v4(all.first<4>()) : IpAddress::v6(all)).to_string();
}

std::string_view name_of(LogComponent component) {
  for (const auto& [word, value] : kLogComponentWords) {
    if (value == component) return word;
  }
  return "unknown";
}

std::string text_line(std::string_view message, LogFields fields) {
  std::string line = without_control_characters(message);
  for (const LogField& field : fields) {
    line += ' ';
    line += field.name;
    line += '=';
    line += needs_quotes(field.value) ? escaped(field.value) : field.value;
  }
  return line;
}

std::string json_line(std::string_view time, std::string_view level, std::string_view message,
                      LogFields fields, LogComponent component) {
  std::string line = "{\"time\":" + escaped(time) + ",\"level\":" + escaped(level) +
                     ",\"component\":" + escaped(name_of(component)) +
                     ",\"message\":" + escaped(message);
  for (const LogField& field : fields) {
    line +=
        "," + escaped(field.name) + ":" + (field.is_number ? field.value : escaped(field.value));
  }
  return line + "}";
}

}  // namespace uturn
