// The routes of the admin API.
#include "server/admin/admin_api.h"

#include <nlohmann/json.hpp>

#include "server/admin/user_totals.h"
#include "server/config_texts.h"
#include "server/config_values.h"

namespace uturn {
namespace {

using Json = nlohmann::ordered_json;

HttpResponse json_response(const Json& json) {
  return {.body = json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"};
}

double seconds_of(Duration duration) {
  return static_cast<double>(std::chrono::round<std::chrono::milliseconds>(duration).count()) /
         1000;
}

/// What somebody asked for, by name: from a query or from a body.
using Wishes = std::vector<std::pair<std::string, std::string>>;

/// Nothing, where the text is none of a filter's; or the sentence about what is wrong with it.
std::optional<std::string> read_wish(const std::string& name, const std::string& text,
                                     SessionFilter& filter, bool& is_known) {
  is_known = true;
  if (name == "user") {
    filter.user = text;
  } else if (name == "realm") {
    filter.realm = text;
  } else if (name == "client") {
    filter.client = AddressRange::parse(text);
    if (!filter.client) return "client: expected an address or a CIDR";
  } else if (name == "min_age" || name == "min_idle") {
    const auto duration = parse_duration(text);
    if (!duration) return name + ": expected a duration like 90s or 10m";
    (name == "min_age" ? filter.min_age : filter.min_idle) = *duration;
  } else {
    is_known = false;
  }
  return std::nullopt;
}

/// The object of a request's body; an empty body is an empty object.
std::optional<Json> read_object(const HttpRequest& request) {
  if (request.body.empty()) return Json::object();
  Json json = Json::parse(request.body, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  return json;
}

HttpResponse no_object() { return http_error(400, "expected a JSON object"); }

Json sum_of(const std::vector<ShardReport>& reports, uint64_t RelayCounters::* counter) {
  uint64_t sum = 0;
  for (const ShardReport& report : reports) sum += report.counters.*counter;
  return sum;
}

Json totals_of(const std::vector<ShardReport>& reports) {
  Json totals;
  constexpr std::pair<const char*, uint64_t RelayCounters::*> kTotals[] = {
      {"bindings", &RelayCounters::bindings},
      {"challenges", &RelayCounters::challenges},
      {"allocations_made", &RelayCounters::allocations_made},
      {"allocations_deleted", &RelayCounters::allocations_deleted},
      {"allocations_expired", &RelayCounters::allocations_expired},
      {"allocations_disconnected", &RelayCounters::allocations_disconnected},
      {"allocations_kicked", &RelayCounters::allocations_kicked},
      {"packets_to_peers", &RelayCounters::to_peers},
      {"packets_to_clients", &RelayCounters::to_clients},
      {"bytes_to_peers", &RelayCounters::bytes_to_peers},
      {"bytes_to_clients", &RelayCounters::bytes_to_clients},
      {"peers_denied", &RelayCounters::peers_denied},
      {"ports_exhausted", &RelayCounters::ports_exhausted},
  };
  for (const auto& [name, counter] : kTotals) totals[name] = sum_of(reports, counter);
  uint64_t drops = 0;
  Json errors = Json::object();
  for (size_t code = 0; code < RelayCounters{}.errors.size(); ++code) {
    uint64_t sum = 0;
    for (const ShardReport& report : reports) sum += report.counters.errors[code];
    if (sum > 0) errors[std::to_string(code)] = sum;
  }
  for (const ShardReport& report : reports) {
    for (const uint64_t count : report.counters.drops) drops += count;
  }
  totals["drops"] = drops;
  totals["errors"] = std::move(errors);
  return totals;
}

Json json_of_worker(const ShardReport& report) {
  return {{"allocations", report.allocations},
          {"packets_to_peers", report.counters.to_peers},
          {"packets_to_clients", report.counters.to_clients},
          {"bytes_to_peers", report.counters.bytes_to_peers},
          {"bytes_to_clients", report.counters.bytes_to_clients}};
}

HttpResponse status(AdminSubject& subject) {
  const auto reports = read_reports(subject.shards());
  if (!reports) return http_error(503, reports.error());
  Json json = subject.describe();
  constexpr std::pair<const char*, uint64_t ShardReport::*> kSums[] = {
      {"allocations", &ShardReport::allocations},
      {"reservations", &ShardReport::reservations},
      {"pending_requests", &ShardReport::pending},
      {"tcp_connections", &ShardReport::tcp_connections},
  };
  for (const auto& [name, member] : kSums) {
    uint64_t sum = 0;
    for (const ShardReport& report : *reports) sum += report.*member;
    json[name] = sum;
  }
  json["totals"] = totals_of(*reports);
  Json workers = Json::array();
  for (const ShardReport& report : *reports) workers.push_back(json_of_worker(report));
  json["workers"] = std::move(workers);
  return json_response(json);
}

HttpResponse sessions(AdminSubject& subject, const HttpRequest& request) {
  SessionFilter filter;
  SessionCursor cursor;
  size_t limit = kSessionsPerPage;
  bool by_traffic = false;
  for (const auto& [name, text] : request.query) {
    bool is_known = false;
    if (const auto wrong = read_wish(name, text, filter, is_known)) return http_error(400, *wrong);
    if (is_known) continue;
    if (name == "limit") {
      const auto count = parse_count(text);
      if (!count || *count < 1 || *count > kMaxSessionsPerPage) {
        return http_error(400, "limit: expected 1 to 1000");
      }
      limit = *count;
    } else if (name == "cursor") {
      const auto parsed = SessionCursor::parse(text);
      if (!parsed) return http_error(400, "cursor: expected what an earlier answer called next");
      cursor = *parsed;
    } else if (name == "sort") {
      if (text != "traffic") return http_error(400, "sort: expected traffic");
      by_traffic = true;
    } else {
      return http_error(400, "there is no parameter '" + name + "'");
    }
  }
  const auto page = by_traffic ? read_busiest(subject.shards(), filter, limit)
                               : read_sessions(subject.shards(), filter, cursor, limit);
  if (!page) return http_error(503, page.error());
  Json all = Json::array();
  for (const Session& session : page->sessions) all.push_back(json_of(session, subject));
  Json json{{"sessions", std::move(all)}, {"next", nullptr}};
  if (page->next) json["next"] = page->next->to_string();
  return json_response(json);
}

HttpResponse users(AdminSubject& subject, const HttpRequest& request) {
  size_t limit = kUsersPerPage;
  for (const auto& [name, text] : request.query) {
    if (name != "limit") return http_error(400, "there is no parameter '" + name + "'");
    const auto count = parse_count(text);
    if (!count || *count < 1 || *count > kMaxSessionsPerPage) {
      return http_error(400, "limit: expected 1 to 1000");
    }
    limit = *count;
  }
  const auto totals = read_user_totals(subject.shards(), limit);
  if (!totals) return http_error(503, totals.error());
  Json all = Json::array();
  for (const UserTotal& total : totals->users) {
    all.push_back({{"user", total.name},
                   {"sessions", total.sessions},
                   {"bytes_to_peers", total.bytes_to_peers},
                   {"bytes_to_clients", total.bytes_to_clients}});
  }
  return json_response({{"users", std::move(all)}, {"all", totals->all}});
}

Asker asker_of(const HttpRequest& request, const AdminSubject& subject) {
  if (!request.peer) return {"dashboard", subject.show(request.client)};
  return {"admin socket", "uid " + std::to_string(request.peer->user) + " pid " +
                              std::to_string(request.peer->process)};
}

/// "user bob, client 192.0.2.0/24"
std::string text_of(const SessionFilter& filter, const AdminSubject& subject) {
  std::string text;
  const auto add = [&](std::string_view name, const std::string& value) {
    text += (text.empty() ? "" : ", ") + std::string(name) + " " + value;
  };
  if (filter.user) add("user", *filter.user);
  if (filter.realm) add("realm", *filter.realm);
  if (filter.client) add("client", subject.show(*filter.client));
  if (filter.min_age) add("min_age", print_duration(*filter.min_age));
  if (filter.min_idle) add("min_idle", print_duration(*filter.min_idle));
  return text;
}

/// Ids, or what a filter matches, or all: never all by an empty wish.
HttpResponse kick_sessions(AdminSubject& subject, const HttpRequest& request) {
  const auto body = read_object(request);
  if (!body) return no_object();
  SessionFilter filter;
  std::vector<SessionId> ids;
  bool all = false;
  for (const auto& [name, value] : body->items()) {
    if (name == "all" && value.is_boolean()) {
      all = value.get<bool>();
    } else if (name == "sessions" && value.is_array()) {
      for (const Json& text : value) {
        const auto id = text.is_string() ? SessionId::parse(text.get<std::string>()) : std::nullopt;
        if (!id) return http_error(400, "sessions: expected ids as a list of sessions names them");
        ids.push_back(*id);
      }
      if (ids.size() > kMaxSessionsPerPage) return http_error(400, "sessions: at most 1000");
    } else {
      bool is_known = false;
      if (!value.is_string()) return http_error(400, name + ": expected a text");
      if (const auto wrong = read_wish(name, value.get<std::string>(), filter, is_known)) {
        return http_error(400, *wrong);
      }
      if (!is_known) return http_error(400, "there is no key '" + name + "'");
    }
  }
  const int ways = (all ? 1 : 0) + (ids.empty() ? 0 : 1) + (filter.is_empty() ? 0 : 1);
  if (ways != 1) return http_error(400, "expected sessions, or a filter, or all: one of them");
  const auto kicked = ids.empty() ? kick(subject.shards(), filter) : kick(subject.shards(), ids);
  if (!kicked) return http_error(503, kicked.error());
  subject.note_kick(*kicked,
                    all           ? "all"
                    : ids.empty() ? text_of(filter, subject)
                                  : std::to_string(ids.size()) + " ids",
                    asker_of(request, subject));
  return json_response({{"kicked", *kicked}});
}

HttpResponse drain(AdminSubject& subject, const HttpRequest& request) {
  const auto body = read_object(request);
  if (!body) return no_object();
  std::optional<Duration> deadline;
  bool cancels = false;
  for (const auto& [name, value] : body->items()) {
    if (name == "cancel" && value.is_boolean()) {
      cancels = value.get<bool>();
    } else if (name == "deadline" && value.is_string()) {
      deadline = parse_duration(value.get<std::string>());
      if (!deadline) return http_error(400, "deadline: expected a duration like 10m");
    } else {
      return http_error(400, "expected deadline, a text, or cancel, a truth value");
    }
  }
  const auto done = subject.main_tasks().run(
      [&subject, cancels, deadline, asker = asker_of(request, subject)] {
        if (cancels) {
          subject.resume(asker);
        } else {
          subject.drain(deadline, asker);
        }
        return subject.describe();
      },
      kShardPatience);
  if (!done) return http_error(503, "the server does not answer");
  Json json;
  for (const char* name : {"state", "drain"}) {
    if (done->contains(name)) json[name] = done->at(name);
  }
  const auto left = count_allocations(subject.shards());
  json["allocations"] = left ? Json(*left) : Json(nullptr);
  return json_response(json);
}

HttpResponse reload(AdminSubject& subject, const HttpRequest& request) {
  const auto done = subject.main_tasks().run(
      [&subject, asker = asker_of(request, subject)] { return subject.reload(asker); },
      kReloadPatience);
  if (!done) return http_error(503, "the server does not answer");
  if (!*done) return http_error(409, done->error());
  return json_response(**done);
}

HttpResponse json_response(const std::optional<LogLevels>& levels) {
  if (!levels) return http_error(503, "the server does not answer");
  Json components = Json::object();
  for (const auto& [component, level] : levels->components) {
    components[std::string(name_of(component))] = print_word(kLogLevelWords, level);
  }
  return json_response({{"level", print_word(kLogLevelWords, levels->common)},
                        {"components", std::move(components)}});
}

HttpResponse log_levels(AdminSubject& subject) {
  return json_response(
      subject.main_tasks().run([&subject] { return subject.log_levels(); }, kShardPatience));
}

HttpResponse set_log_level(AdminSubject& subject, const HttpRequest& request) {
  const auto body = read_object(request);
  if (!body) return no_object();
  ComponentLevel wish;
  bool has_level = false, has_component = false;
  for (const auto& [name, value] : body->items()) {
    const std::string text = value.is_string() ? value.get<std::string>() : "";
    std::optional<std::string> wrong = "there is no such key";
    if (name == "level") {
      has_level = true;
      wrong = read_word(text, kLogLevelWords, wish.level);
    } else if (name == "component") {
      has_component = true;
      wrong = read_word(text, kLogComponentWords, wish.component);
    }
    if (wrong) return http_error(400, name + ": " + *wrong);
  }
  if (!has_level) return http_error(400, "expected {\"level\": \"debug\"}");
  const auto component = has_component ? std::optional{wish.component} : std::nullopt;
  return json_response(subject.main_tasks().run(
      [&subject, component, level = wish.level, asker = asker_of(request, subject)] {
        subject.set_log_level(component, level, asker);
        return subject.log_levels();
      },
      kShardPatience));
}

}  // namespace

Json json_of(const Session& session, const AdminSubject& subject) {
  constexpr std::string_view kTransports[] = {"udp", "tcp", "tls", "dtls"};
  Json relayed = Json::array();
  for (const auto& address : session.relayed) {
    if (address) relayed.push_back(address->to_string());
  }
  const Traffic& traffic = session.traffic;
  return {{"id", session.id.to_string()},
          {"user", session.user},
          {"realm", session.realm},
          {"client", subject.show(session.five_tuple.client)},
          {"server", session.five_tuple.server.to_string()},
          {"transport", kTransports[static_cast<size_t>(session.five_tuple.transport)]},
          {"relayed", std::move(relayed)},
          {"relayed_transport", session.relays_tcp ? "tcp" : "udp"},
          {"worker", session.id.shard},
          {"age", seconds_of(session.age)},
          {"idle", seconds_of(session.idle)},
          {"expires_in", seconds_of(session.expires_in)},
          {"permissions", session.permissions},
          {"channels", session.channels},
          {"tcp_connections", session.tcp_connections},
          {"packets_to_peers", traffic.packets_to_peers},
          {"bytes_to_peers", traffic.bytes_to_peers},
          {"packets_to_client", traffic.packets_to_client},
          {"bytes_to_client", traffic.bytes_to_client}};
}

std::vector<HttpRoute> admin_routes(AdminSubject& subject) {
  return {
      {"GET", "/v1/status", [&](const HttpRequest&) { return status(subject); }},
      {"GET", "/v1/sessions", [&](const HttpRequest& r) { return sessions(subject, r); }},
      {"GET", "/v1/users", [&](const HttpRequest& r) { return users(subject, r); }},
      {"POST", "/v1/kick", [&](const HttpRequest& r) { return kick_sessions(subject, r); }},
      {"POST", "/v1/drain", [&](const HttpRequest& r) { return drain(subject, r); }},
      {"POST", "/v1/reload", [&](const HttpRequest& r) { return reload(subject, r); }},
      {"GET", "/v1/log-level", [&](const HttpRequest&) { return log_levels(subject); }},
      {"POST", "/v1/log-level", [&](const HttpRequest& r) { return set_log_level(subject, r); }},
  };
}

}  // namespace uturn
