// Log: over spdlog, which brings threads, sinks and levels.
#include "server/log.h"

#include <fmt/chrono.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

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

Result<spdlog::sink_ptr, std::string> open_sink(const std::string& file) {
  if (file.empty()) return spdlog::sink_ptr(std::make_shared<spdlog::sinks::stderr_sink_mt>());
  try {
    return spdlog::sink_ptr(std::make_shared<spdlog::sinks::basic_file_sink_mt>(file));
  } catch (const spdlog::spdlog_ex&) {
    return Failure{"log.file: " + file + " cannot be opened for writing"};
  }
}

}  // namespace

struct Log::State {
  LogConfig settings;
  std::shared_ptr<spdlog::logger> logger;
};

Result<Log, std::string> Log::open(const LogConfig& settings) {
  auto sink = open_sink(settings.file);
  if (!sink) return Failure{sink.error()};
  auto state = std::make_unique<State>();
  state->settings = settings;
  state->logger = std::make_shared<spdlog::logger>("uturn", *sink);
  state->logger->set_level(level_of(settings.level));
  state->logger->set_pattern("%v");
  state->logger->flush_on(spdlog::level::trace);
  return Log(std::move(state));
}

Log::Log(std::unique_ptr<State> state) : state_(std::move(state)) {}
Log::Log(Log&&) noexcept = default;
Log& Log::operator=(Log&&) noexcept = default;
Log::~Log() = default;

void Log::debug(std::string_view message, LogFields fields) const {
  write(LogLevel::debug, message, fields);
}
void Log::info(std::string_view message, LogFields fields) const {
  write(LogLevel::info, message, fields);
}
void Log::warn(std::string_view message, LogFields fields) const {
  write(LogLevel::warn, message, fields);
}
void Log::error(std::string_view message, LogFields fields) const {
  write(LogLevel::error, message, fields);
}

bool Log::is_enabled(LogLevel level) const { return state_->logger->should_log(level_of(level)); }

void Log::write(LogLevel level, std::string_view message, LogFields fields) const {
  if (!is_enabled(level)) return;
  const std::string time = now_text();
  const std::string name = print_log_level(level);
  if (state_->settings.format == LogFormat::json) {
    state_->logger->log(level_of(level), json_line(time, name, message, fields));
  } else {
    state_->logger->log(level_of(level),
                        fmt::format("{} {:<5} {}", time, name, text_line(message, fields)));
  }
}

Result<Done, std::string> Log::reopen() {
  if (state_->settings.file.empty()) return Done{};
  return reconfigure(LogConfig(state_->settings));
}

// Built before the old one is given up, so that a failure loses no line.
Result<Done, std::string> Log::reconfigure(const LogConfig& settings) {
  auto fresh = Log::open(settings);
  if (!fresh) return Failure{fresh.error()};
  state_ = std::move(fresh->state_);
  return Done{};
}

std::string Log::show(const IpAddress& address) const {
  return show_address(address, state_->settings.privacy);
}

std::string Log::show(const TransportAddress& address) const {
  if (state_->settings.privacy == LogPrivacy::full) return address.to_string();
  return show(address.ip);
}

std::string show_address(const IpAddress& address, LogPrivacy privacy) {
  if (privacy == LogPrivacy::full) return address.to_string();
  if (privacy == LogPrivacy::none) return "-";
  std::array<uint8_t, 16> bytes{};
  const size_t kept = address.is_v4() ? 3 : 6;
  std::ranges::copy(address.bytes().first(kept), bytes.begin());
  const std::span all(bytes);
  return (address.is_v4() ? IpAddress::v4(all.first<4>()) : IpAddress::v6(all)).to_string();
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
                      LogFields fields) {
  std::string line = "{\"time\":" + escaped(time) + ",\"level\":" + escaped(level) +
                     ",\"message\":" + escaped(message);
  for (const LogField& field : fields) {
    line +=
        "," + escaped(field.name) + ":" + (field.is_number ? field.value : escaped(field.value));
  }
  return line + "}";
}

}  // namespace uturn
