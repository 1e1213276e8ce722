// Tables for people.
#include "server/admin/admin_texts.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "server/config_problem.h"

namespace uturn {
namespace {

using Json = nlohmann::ordered_json;

std::string scaled(double value, std::string_view unit) {
  constexpr std::array<const char*, 6> kPrefixes{"", "k", "M", "G", "T", "P"};
  size_t prefix = 0;
  while (value >= 1000 && prefix + 1 < kPrefixes.size()) {
    value /= 1000;
    ++prefix;
  }
  return fmt::format("{:.{}f} {}{}", value, prefix == 0 ? 0 : 1, kPrefixes[prefix], unit);
}

// A field of an answer; what an older or newer server does not say is empty.
std::string text_at(const Json& json, const char* name) {
  const auto found = json.find(name);
  if (found == json.end() || found->is_null()) return {};
  return found->is_string() ? printable(found->get<std::string>()) : found->dump();
}

double number_at(const Json& json, const char* name) {
  const auto found = json.find(name);
  return found != json.end() && found->is_number() ? found->get<double>() : 0;
}

Json object_at(const Json& json, const char* name) {
  const auto found = json.find(name);
  return found != json.end() && found->is_object() ? *found : Json::object();
}

std::string list_at(const Json& json, const char* name) {
  std::string all;
  const auto found = json.find(name);
  if (found == json.end() || !found->is_array()) return all;
  for (const Json& item : *found) {
    if (item.is_string()) all += (all.empty() ? "" : " ") + printable(item.get<std::string>());
  }
  return all;
}

std::string state_text(const Json& status) {
  std::string text = text_at(status, "state");
  const Json drain = object_at(status, "drain");
  if (!drain.empty()) {
    text += " since " + time_text(number_at(drain, "since")) + ", at the latest for " +
            time_text(number_at(drain, "ends_in"));
  }
  return text;
}

std::string errors_text(const Json& errors) {
  std::string text;
  for (const auto& [code, count] : errors.items()) {
    text += (text.empty() ? "" : ", ") + code + ": " + count.dump();
  }
  return text.empty() ? "none" : text;
}

}  // namespace

std::string byte_text(double bytes) { return scaled(bytes, "B"); }

std::string bit_rate_text(double bytes) { return scaled(bytes * 8, "bit/s"); }

std::string time_text(double seconds) {
  const auto all = static_cast<int64_t>(std::max(0.0, seconds));
  const int64_t days = all / 86'400, hours = all / 3'600 % 24, minutes = all / 60 % 60;
  if (days > 0) return fmt::format("{}d {}h", days, hours);
  if (hours > 0) return fmt::format("{}h {}m", hours, minutes);
  if (minutes > 0) return fmt::format("{}m {}s", minutes, all % 60);
  return fmt::format("{}s", all);
}

std::string table_text(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line.append(widths[i] - row[i].size() + 2, ' ');
    }
    text += line + "\n";
  }
  return text;
}

std::string status_text(const Json& status) {
  const Json relay = object_at(status, "relay");
  const Json totals = object_at(status, "totals");
  const auto workers = status.find("workers");
  const size_t worker_count = workers != status.end() && workers->is_array() ? workers->size() : 0;
  const auto count = [&](const Json& json, const char* name) { return text_at(json, name); };
  std::vector<std::vector<std::string>> rows = {
      {"uturn", text_at(status, "version") + ", pid " + count(status, "pid") + ", up for " +
                    time_text(number_at(status, "uptime"))},
      {"state", state_text(status)},
      {"workers", std::to_string(worker_count) + " (" + text_at(status, "io") + ")"},
      {"listeners", list_at(status, "listeners")},
      {"relay", list_at(relay, "addresses") + " ports " + text_at(relay, "ports") + ", " +
                    count(relay, "ports_held") + " of " + count(relay, "ports_total") + " held"},
      {"allocations", count(status, "allocations") + " (at most " +
                          count(status, "allocation_limit") + "), " +
                          count(totals, "allocations_made") + " since the start"},
      {"to peers", byte_text(number_at(totals, "bytes_to_peers")) + " in " +
                       count(totals, "packets_to_peers") + " packets"},
      {"to clients", byte_text(number_at(totals, "bytes_to_clients")) + " in " +
                         count(totals, "packets_to_clients") + " packets"},
      {"dropped", count(totals, "drops") + " packets"},
      {"errors", errors_text(object_at(totals, "errors"))},
  };
  const Json reload = object_at(status, "last_reload");
  if (!reload.empty()) {
    const std::string error = text_at(reload, "error");
    rows.push_back({"last reload", time_text(number_at(reload, "since")) + " ago" +
                                       (error.empty() ? "" : ", refused: " + error)});
  }
  return table_text(rows);
}

std::vector<std::string> session_heading() {
  return {"ID", "USER", "CLIENT", "BY", "RELAYED", "AGE", "IDLE", "LEFT", "TO PEERS", "TO CLIENT"};
}

std::vector<std::string> session_row(const Json& session) {
  const std::string user = text_at(session, "user");
  return {text_at(session, "id"),
          user.empty() ? "-" : user,
          text_at(session, "client"),
          text_at(session, "transport"),
          list_at(session, "relayed"),
          time_text(number_at(session, "age")),
          time_text(number_at(session, "idle")),
          time_text(number_at(session, "expires_in")),
          byte_text(number_at(session, "bytes_to_peers")),
          byte_text(number_at(session, "bytes_to_client"))};
}

std::string levels_text(const Json& answer, const std::string& component) {
  const Json components = answer.value("components", Json::object());
  if (!component.empty()) return text_at(components, component.c_str()) + "\n";
  const std::string common = text_at(answer, "level");
  std::string text = common + "\n";
  for (const auto& [name, level] : components.items()) {
    const std::string its = text_at(components, name.c_str());
    if (its != common) text += name + " " + its + "\n";
  }
  return text;
}

std::string reload_text(const Json& answer) {
  std::string text;
  const auto changed = answer.find("changed");
  if (changed != answer.end() && changed->is_array()) {
    for (const Json& change : *changed) {
      text += text_at(change, "key") + ": " + text_at(change, "from") + " -> " +
              text_at(change, "to") + "\n";
    }
  }
  if (text.empty()) text = "nothing has changed\n";
  const std::string waiting = list_at(answer, "needs_restart");
  if (!waiting.empty()) text += "with the next start only: " + waiting + "\n";
  return text;
}

}  // namespace uturn
