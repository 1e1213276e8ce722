// Commands for a running server.
#include "server/admin/admin_commands.h"

#include <chrono>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>
#include <thread>

#include "server/admin/admin_socket.h"
#include "server/admin/admin_texts.h"
#include "server/config_values.h"

namespace uturn {
namespace {

using Json = nlohmann::ordered_json;

constexpr Duration kPatience = std::chrono::seconds(40);
constexpr std::chrono::milliseconds kDrainLook{500};

/// One run of a command.
class AdminRun {
 public:
  AdminRun(std::string_view command, const AdminCommandOptions& options, AskAdmin ask,
           std::ostream& out, std::ostream& err)
      : command_(command), options_(options), ask_(ask), out_(out), err_(err) {
    socket_ =
        options.socket.empty() ? find_admin_socket(std::getenv("XDG_RUNTIME_DIR")) : options.socket;
  }

  int run() {
    if (command_ == "status") return status();
    if (command_ == "sessions") return sessions();
    if (command_ == "kick") return kick();
    if (command_ == "drain") return drain();
    if (command_ == "reload") return reload();
    return log_level();
  }

 private:
  // The answer's object, or nothing after `err_` was told.
  std::optional<Json> ask(std::string_view method, const std::string& target,
                          const Json& body = Json::object()) {
    const auto answer =
        ask_(socket_, method, target, method == "GET" ? "" : body.dump(), kPatience);
    if (!answer) return fail(answer.error());
    Json json = Json::parse(answer->body, nullptr, false);
    if (!json.is_object()) return fail("the server's answer is no JSON");
    if (answer->status == 200) return json;
    const auto error = json.find("error");
    return fail(error != json.end() && error->is_string() ? error->get<std::string>()
                                                          : "the server refuses");
  }

  std::nullopt_t fail(const std::string& why) {
    err_ << "uturn " << command_ << ": " << why << "\n";
    return std::nullopt;
  }

  int print(const std::optional<Json>& json, const std::string& text) {
    if (!json) return 1;
    out_ << (options_.json ? json->dump(2) + "\n" : text);
    return 0;
  }

  int status() {
    const auto json = ask("GET", "/v1/status");
    return print(json, json ? status_text(*json) : "");
  }

  std::string sessions_target(const std::string& cursor) const {
    std::string query;
    const auto add = [&](std::string_view name, const std::string& value) {
      if (value.empty()) return;
      query += (query.empty() ? "?" : "&") + std::string(name) + "=" + query_value(value);
    };
    add("user", options_.user);
    add("realm", options_.realm);
    add("client", options_.client);
    add("min_age", options_.min_age);
    add("min_idle", options_.min_idle);
    add("cursor", cursor);
    if (options_.all) {
      add("limit", "1000");
    } else if (options_.limit > 0) {
      add("limit", std::to_string(options_.limit));
    }
    return "/v1/sessions" + query;
  }

  int sessions() {
    Json all = Json::array();
    std::string cursor = options_.cursor;
    do {
      const auto page = ask("GET", sessions_target(cursor));
      if (!page) return 1;
      for (const Json& session : page->value("sessions", Json::array())) all.push_back(session);
      const auto next = page->find("next");
      cursor = next != page->end() && next->is_string() ? next->get<std::string>() : "";
    } while (options_.all && !cursor.empty());

    Json json{{"sessions", all}, {"next", nullptr}};
    if (!cursor.empty()) json["next"] = cursor;
    std::vector<std::vector<std::string>> rows{session_heading()};
    for (const Json& session : all) rows.push_back(session_row(session));
    std::string text = table_text(rows);
    if (!cursor.empty()) text += "there are more: --cursor " + cursor + ", or --all\n";
    return print(json, text);
  }

  int kick() {
    Json body = Json::object();
    if (!options_.ids.empty()) body["sessions"] = options_.ids;
    if (!options_.user.empty()) body["user"] = options_.user;
    if (!options_.realm.empty()) body["realm"] = options_.realm;
    if (!options_.client.empty()) body["client"] = options_.client;
    if (!options_.min_age.empty()) body["min_age"] = options_.min_age;
    if (!options_.min_idle.empty()) body["min_idle"] = options_.min_idle;
    if (options_.all) body["all"] = true;
    const auto json = ask("POST", "/v1/kick", body);
    return print(json,
                 json ? json->value("kicked", Json(0)).dump() + " sessions were ended\n" : "");
  }

  int drain() {
    Json body = Json::object();
    if (!options_.deadline.empty()) body["deadline"] = options_.deadline;
    if (options_.cancel) body["cancel"] = true;
    const auto json = ask("POST", "/v1/drain", body);
    if (!json) return 1;
    const std::string state = json->value("state", "");
    const int printed =
        print(json, state + ", " + json->value("allocations", Json()).dump() + " allocations\n");
    return options_.wait && !options_.cancel ? wait_for_end() : printed;
  }

  // Until nobody answers there any more: it has stopped.
  int wait_for_end() {
    std::string told;
    for (;;) {
      const auto answer = ask_(socket_, "GET", "/v1/status", "", kPatience);
      if (!answer || answer->status != 200) return 0;
      const Json json = Json::parse(answer->body, nullptr, false);
      const std::string left = json.is_object() ? json.value("allocations", Json()).dump() : "";
      if (left != told && !options_.json) out_ << left << " allocations are left\n" << std::flush;
      told = left;
      std::this_thread::sleep_for(kDrainLook);
    }
  }

  int reload() {
    const auto json = ask("POST", "/v1/reload");
    return print(json, json ? reload_text(*json) : "");
  }

  int log_level() {
    const auto& said = options_.levels;
    LogComponent component{};
    const bool is_component =
        !said.empty() && !read_word(said.front(), kLogComponentWords, component);
    std::optional<Json> json;
    if (said.empty() || (said.size() == 1 && is_component)) {
      json = ask("GET", "/v1/log-level");
    } else if (said.size() == 1) {
      json = ask("POST", "/v1/log-level", {{"level", said.front()}});
    } else {
      json = ask("POST", "/v1/log-level", {{"component", said.front()}, {"level", said.back()}});
    }
    return print(json, json ? levels_text(*json, is_component ? said.front() : "") : "");
  }

  const std::string command_;
  const AdminCommandOptions& options_;
  AskAdmin ask_;
  std::ostream& out_;
  std::ostream& err_;
  std::string socket_;
};

void add_filter(CLI::App& app, AdminCommandOptions& options) {
  app.add_option("--user", options.user, "Of this user; one that ends in * is a prefix")
      ->type_name("U");
  app.add_option("--realm", options.realm, "Of this realm")->type_name("R");
  app.add_option("--client", options.client, "From this address or CIDR")->type_name("CIDR");
  app.add_option("--min-age", options.min_age, "At least so old, like 10m")->type_name("D");
  app.add_option("--min-idle", options.min_idle, "Silent for at least so long")->type_name("D");
}

}  // namespace

void add_admin_arguments(std::string_view command, CLI::App& app, AdminCommandOptions& options) {
  app.add_option("--admin-socket", options.socket, "Where the server is asked")->type_name("PATH");
  if (command == "top") {
    app.add_option("--interval", options.interval, "Seconds between two looks")
        ->type_name("S")
        ->check(CLI::Range(1, 3'600));
    return;
  }
  app.add_flag("--json", options.json, "JSON instead of text");
  if (command == "sessions") {
    add_filter(app, options);
    app.add_option("--limit", options.limit, "At most so many (default 100)")
        ->type_name("N")
        ->check(CLI::Range(1, 1'000));
    app.add_option("--cursor", options.cursor, "Go on where an earlier list ended")
        ->type_name("CURSOR");
    app.add_flag("--all", options.all, "All of them, however many");
  } else if (command == "kick") {
    add_filter(app, options);
    app.add_option("ID", options.ids, "Sessions, as `uturn sessions` names them");
    app.add_flag("--all", options.all, "Every session");
  } else if (command == "drain") {
    app.add_option("--deadline", options.deadline, "Stop after so long, whoever is left")
        ->type_name("D");
    app.add_flag("--cancel", options.cancel, "Serve new clients again");
    app.add_flag("--wait", options.wait, "Tell how many are left until the server has stopped");
  } else if (command == "log-level") {
    app.add_option("LEVEL", options.levels,
                   "trace, debug, info, warn, error or off; before it a component, for its level "
                   "alone: " +
                       list_words(Words<LogComponent>(kLogComponentWords)))
        ->type_name("[COMPONENT] [LEVEL]")
        ->expected(0, 2);
  }
}

int run_admin_command(std::string_view command, const AdminCommandOptions& options, AskAdmin ask,
                      std::ostream& out, std::ostream& err) {
  return AdminRun(command, options, ask, out, err).run();
}

}  // namespace uturn
