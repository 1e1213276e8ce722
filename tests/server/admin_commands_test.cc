// What the admin commands ask, and how they print the answers.
#include "server/admin/admin_commands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <nlohmann/json.hpp>
#include <sstream>

#include "server/admin/admin_texts.h"
#include "server/admin/session.h"
#include "server/admin/top.h"

namespace uturn {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Json = nlohmann::ordered_json;

/// The server that answers these tests.
struct Played {
  std::vector<std::string> asked;  ///< "METHOD target body"
  std::deque<AdminAnswer> answers;
};
Played played;

Result<AdminAnswer, std::string> ask_played(const std::string& socket, std::string_view method,
                                            std::string_view target, std::string_view body,
                                            Duration /*patience*/) {
  EXPECT_EQ(socket, "/a.sock");
  played.asked.push_back(std::string(method) + " " + std::string(target) + " " + std::string(body));
  if (played.answers.empty()) return Failure{std::string("/a.sock: no server runs here")};
  AdminAnswer answer = played.answers.front();
  played.answers.pop_front();
  return answer;
}

struct CommandResult {
  int status = 0;
  std::string out;
  std::string err;
};

CommandResult run(std::string_view command, AdminCommandOptions options,
                  std::deque<AdminAnswer> answers) {
  options.socket = "/a.sock";
  played = {{}, std::move(answers)};
  std::ostringstream out, err;
  const int status = run_admin_command(command, options, ask_played, out, err);
  return {status, out.str(), err.str()};
}

TEST(AdminCommands, SaySoWhereNoServerRuns) {
  const CommandResult result = run("status", {}, {});
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(result.err, "uturn status: /a.sock: no server runs here\n");
}

TEST(AdminCommands, SayWhatTheServerRefuses) {
  const CommandResult result = run("reload", {}, {{409, R"({"error": "a.yaml:2: nonsense"})"}});
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(result.err, "uturn reload: a.yaml:2: nonsense\n");
  EXPECT_EQ(run("status", {}, {{200, "garbage"}}).status, 1);
}

TEST(AdminCommands, SessionsAsksForWhatIsWantedAndGoesThroughThePages) {
  AdminCommandOptions options;
  options.user = "a b&c";
  options.min_idle = "30s";
  options.all = true;
  const CommandResult result =
      run("sessions", options,
          {{200, R"({"sessions": [{"id": "0-1-0", "user": "alice", "client": "192.0.2.1:4",
              "transport": "udp", "age": 61, "idle": 1, "expires_in": 599,
              "bytes_to_peers": 1500000, "bytes_to_client": 0}], "next": "0:256"})"},
           {200, R"({"sessions": [{"id": "1-1-0"}], "next": null})"}});
  EXPECT_EQ(result.status, 0);
  EXPECT_THAT(
      played.asked,
      ElementsAre("GET /v1/sessions?user=a%20b%26c&min_idle=30s&limit=1000 ",
                  "GET /v1/sessions?user=a%20b%26c&min_idle=30s&cursor=0%3A256&limit=1000 "));
  EXPECT_THAT(result.out, HasSubstr("alice"));
  EXPECT_THAT(result.out, HasSubstr("1m 1s"));
  EXPECT_THAT(result.out, HasSubstr("1.5 MB"));
  EXPECT_THAT(result.out, HasSubstr("1-1-0"));
}

TEST(AdminCommands, AUserNameCannotWriteToTheTerminal) {
  const CommandResult result =
      run("sessions", {}, {{200, R"({"sessions": [{"id": "0-1-0", "user": "\u001b[2Jx"}]})"}});
  EXPECT_EQ(result.out.find('\x1b'), std::string::npos);
}

TEST(AdminCommands, KickSaysIdsOrAFilter) {
  AdminCommandOptions options;
  options.ids = {"0-1-2", "0-3-4"};
  EXPECT_EQ(run("kick", options, {{200, R"({"kicked": 2})"}}).out, "2 sessions were ended\n");
  EXPECT_THAT(played.asked, ElementsAre(R"(POST /v1/kick {"sessions":["0-1-2","0-3-4"]})"));
  AdminCommandOptions filter;
  filter.client = "192.0.2.0/24";
  filter.json = true;
  EXPECT_EQ(run("kick", filter, {{200, R"({"kicked": 0})"}}).out, "{\n  \"kicked\": 0\n}\n");
  EXPECT_THAT(played.asked, ElementsAre(R"(POST /v1/kick {"client":"192.0.2.0/24"})"));
}

TEST(AdminCommands, DrainWaitsUntilNobodyAnswers) {
  AdminCommandOptions options;
  options.wait = true;
  options.deadline = "10m";
  const CommandResult result =
      run("drain", options,
          {{200, R"({"state": "draining", "allocations": 2})"}, {200, R"({"allocations": 1})"}});
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.out, "draining, 2 allocations\n1 allocations are left\n");
  EXPECT_EQ(played.asked.front(), R"(POST /v1/drain {"deadline":"10m"})");
}

TEST(AdminCommands, LogLevelsAreShownOrSet) {
  const AdminAnswer answer{
      200, R"({"level": "info", "components": {"server": "info", "auth": "debug"}})"};
  EXPECT_EQ(run("log-level", {}, {answer}).out, "info\nauth debug\n");
  EXPECT_THAT(played.asked, ElementsAre("GET /v1/log-level "));
  const auto run_with = [&](std::vector<std::string> levels) {
    AdminCommandOptions options;
    options.levels = std::move(levels);
    return run("log-level", options, {answer}).out;
  };
  EXPECT_EQ(run_with({"auth"}), "debug\n");
  EXPECT_THAT(played.asked, ElementsAre("GET /v1/log-level "));
  EXPECT_EQ(run_with({"auth", "debug"}), "debug\n");
  EXPECT_THAT(played.asked,
              ElementsAre(R"(POST /v1/log-level {"component":"auth","level":"debug"})"));
  run_with({"info"});
  EXPECT_THAT(played.asked, ElementsAre(R"(POST /v1/log-level {"level":"info"})"));
}

TEST(AdminTexts, SizesRatesAndTimes) {
  EXPECT_EQ(byte_text(999), "999 B");
  EXPECT_EQ(byte_text(1'500'000), "1.5 MB");
  EXPECT_EQ(bit_rate_text(125'000), "1.0 Mbit/s");
  EXPECT_EQ(time_text(0.2), "0s");
  EXPECT_EQ(time_text(3'725), "1h 2m");
  EXPECT_EQ(time_text(90'000), "1d 1h");
}

TEST(AdminTexts, AnAnswerWithoutAnythingIsShownAllTheSame) {
  EXPECT_THAT(status_text(Json::object()), HasSubstr("allocations"));
  EXPECT_EQ(session_row(Json::object()).size(), session_heading().size());
  EXPECT_EQ(reload_text(Json::object()), "nothing has changed\n");
}

TEST(SessionId, IsReadBackAndNothingElseIs) {
  const SessionId id{3, {70'000, 12}};
  EXPECT_EQ(id.to_string(), "3-70000-12");
  EXPECT_EQ(SessionId::parse("3-70000-12"), id);
  for (const char* text : {"", "3", "3-1", "3-1-", "-1-1-1", "3-1-1x", "256-1-1", " 3-1-1"}) {
    EXPECT_FALSE(SessionId::parse(text)) << text;
  }
}

Json totals(double bytes) {
  return {{"totals", {{"bytes_to_peers", bytes}, {"packets_to_peers", bytes / 100}}},
          {"allocations", 2}};
}
Json two_sessions(double alice, double bob) {
  return {{"sessions", Json::array({{{"id", "0-1-0"}, {"user", "alice"}, {"bytes_to_peers", alice}},
                                    {{"id", "0-2-0"}, {"user", "bob"}, {"bytes_to_peers", bob}}})}};
}

TEST(Top, ShowsRatesAsDifferencesAndTheBusiestFirst) {
  TopView view;
  view.look(totals(1'000'000), two_sessions(900'000, 100'000), 0);
  view.look(totals(1'250'000), two_sessions(900'000, 350'000), 2);
  const std::string screen = view.screen(100, 20);
  EXPECT_THAT(screen, HasSubstr("to peers 1.0 Mbit/s"));
  EXPECT_THAT(screen, HasSubstr("1250 packets/s"));
  EXPECT_LT(screen.find("bob"), screen.find("alice"));
}

TEST(Top, FitsIntoAnyTerminal) {
  TopView view;
  view.look(totals(1), two_sessions(1, 2), 0);
  for (const int columns : {1, 20, 200}) {
    for (const int rows : {1, 3, 5, 50}) {
      const std::string screen = view.screen(columns, rows);
      EXPECT_LE(std::ranges::count(screen, '\n'), rows - 1);
      size_t longest = 0;
      std::istringstream lines(screen);
      for (std::string line; std::getline(lines, line);) {
        longest = std::max(longest, line.substr(0, line.find('\x1b')).size());
      }
      EXPECT_LE(longest, static_cast<size_t>(columns));
    }
  }
}

}  // namespace
}  // namespace uturn
