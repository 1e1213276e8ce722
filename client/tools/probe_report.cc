// ProbeReport: the table and the JSON object.
#include "client/tools/probe_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <ostream>

namespace uturn {
namespace {

double milliseconds(Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

std::string_view text_of(ProbeStep::Status status) {
  switch (status) {
    case ProbeStep::Status::passed:
      return "ok";
    case ProbeStep::Status::failed:
      return "failed";
    case ProbeStep::Status::skipped:
      return "skipped";
  }
  return "unknown";
}

std::string text_of(const decltype(ProbeFact::value)& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* number = std::get_if<int64_t>(&value)) return fmt::format("{}", *number);
  return fmt::format("{} s", std::get<std::chrono::seconds>(value).count());
}

nlohmann::ordered_json json_of(const decltype(ProbeFact::value)& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* number = std::get_if<int64_t>(&value)) return *number;
  return std::get<std::chrono::seconds>(value).count();
}

}  // namespace

bool ProbeReport::is_healthy() const {
  return !steps.empty() && std::ranges::all_of(steps, [](const ProbeStep& step) {
    return step.status == ProbeStep::Status::passed;
  });
}

void print_table(const ProbeReport& report, std::ostream& out) {
  out << report.uri;
  if (!report.server.empty()) out << " at " << report.server;
  out << '\n';
  for (const ProbeStep& step : report.steps) {
    std::string line = fmt::format("  {:<22}{:<8}", step.name, text_of(step.status));
    if (step.status == ProbeStep::Status::passed) {
      line += fmt::format("{:>9.2f} ms", milliseconds(step.took));
    }
    for (const auto& [name, value] : step.facts)
      line += fmt::format("  {} {}", name, text_of(value));
    if (!step.cause.empty()) line += "  " + step.cause;
    out << line << '\n';
  }
  out << (report.is_healthy() ? "healthy\n" : "unhealthy\n");
}

void print_json(const ProbeReport& report, std::ostream& out) {
  nlohmann::ordered_json json;
  json["uri"] = report.uri;
  json["server"] = report.server;
  json["healthy"] = report.is_healthy();
  json["steps"] = nlohmann::ordered_json::array();
  for (const ProbeStep& step : report.steps) {
    nlohmann::ordered_json entry;
    entry["name"] = step.name;
    entry["status"] = text_of(step.status);
    if (step.status != ProbeStep::Status::skipped) entry["milliseconds"] = milliseconds(step.took);
    for (const auto& [name, value] : step.facts) entry[name] = json_of(value);
    if (!step.cause.empty()) entry["cause"] = step.cause;
    if (!step.cause_id.empty()) entry["cause_id"] = step.cause_id;
    if (step.error_code != 0) entry["error_code"] = step.error_code;
    json["steps"].push_back(std::move(entry));
  }
  // A resolver or a server may have said something that is not UTF-8.
  out << json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << '\n';
}

}  // namespace uturn
