// The dashboard: who may ask what, how often, and what its pages come with.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "auth/rest_secrets.h"
#include "server/admin/dashboard_pages.h"
#include "server/admin/dashboard_server.h"
#include "server/config_checks.h"
#include "tests/server/config_reading.h"

namespace uturn {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Pair;

constexpr Instant kStart = Instant{} + std::chrono::hours(1);
const Secret kToken{"correct horse battery staple"};

HttpRequest request_of(const std::string& authorization, const std::string& from = "198.51.100.1") {
  HttpRequest request;
  request.method = "GET";
  if (!authorization.empty()) request.headers = {{"Authorization", authorization}};
  request.client = *TransportAddress::parse(from + ":5000");
  return request;
}

int status_of(const std::optional<HttpResponse>& refusal) {
  return refusal ? refusal->status : 200;
}

TEST(DashboardGuard, TheTokenAloneOpens) {
  DashboardGuard guard(kToken);
  const std::string right = "Bearer " + kToken.reveal();
  EXPECT_EQ(status_of(guard.refuse(request_of(right), kStart)), 200);
  for (const std::string& wrong :
       {std::string(), std::string("Bearer "), std::string("Bearer"), kToken.reveal(),
        "Basic " + kToken.reveal(), right + "x", right.substr(0, right.size() - 1),
        std::string("Bearer Correct horse battery staple")}) {
    const auto refusal = DashboardGuard(kToken).refuse(request_of(wrong), kStart);
    ASSERT_EQ(status_of(refusal), 401) << wrong;
    EXPECT_EQ(refusal->body, "");
    EXPECT_THAT(refusal->headers, testing::ElementsAre(Pair("WWW-Authenticate", "Bearer")));
  }
}

TEST(DashboardGuard, AnEmptyTokenOpensNothing) {
  DashboardGuard guard{Secret()};
  for (const char* shown : {"", "Bearer ", "Bearer x"}) {
    EXPECT_EQ(status_of(guard.refuse(request_of(shown), kStart)), 401) << shown;
  }
}

TEST(DashboardGuard, ANewTokenReplacesTheFormer) {
  DashboardGuard guard(kToken);
  guard.set_token(Secret("another horse, another staple"));
  EXPECT_EQ(status_of(guard.refuse(request_of("Bearer " + kToken.reveal()), kStart)), 401);
  EXPECT_EQ(status_of(guard.refuse(request_of("Bearer another horse, another staple"), kStart)),
            200);
}

TEST(DashboardGuard, WhoGuessesIsSlowedDownAndNobodyElseIs) {
  DashboardGuard guard(kToken);
  const HttpRequest guess = request_of("Bearer is it this one, or that");
  int guesses = 0;
  while (status_of(guard.refuse(guess, kStart)) == 401) ++guesses;
  EXPECT_LE(guesses, 10);
  // The right one among many guesses would be refused like them.
  const std::string right = "Bearer " + kToken.reveal();
  EXPECT_EQ(status_of(guard.refuse(request_of(right), kStart)), 429);
  EXPECT_EQ(status_of(guard.refuse_haste(guess, kStart)), 429);
  EXPECT_EQ(status_of(guard.refuse(request_of(right, "198.51.100.2"), kStart)), 200);
  const Instant later = kStart + std::chrono::seconds(10);
  EXPECT_EQ(status_of(guard.refuse(request_of(right), later)), 200);
}

TEST(DashboardGuard, PatienceAllowsLessThanAGuessASecond) {
  for (const std::chrono::milliseconds pause :
       {std::chrono::milliseconds(10), std::chrono::milliseconds(60),
        std::chrono::milliseconds(900)}) {
    DashboardGuard guard(kToken);
    const HttpRequest guess = request_of("Bearer is it this one, or that");
    int guesses = 0;
    for (Duration passed{}; passed < std::chrono::minutes(1); passed += pause) {
      if (status_of(guard.refuse(guess, kStart + passed)) == 401) ++guesses;
    }
    EXPECT_LE(guesses, 70) << pause.count() << " ms";
    EXPECT_GE(guesses, 50) << pause.count() << " ms";
  }
}

TEST(DashboardGuard, AnOpenPageIsNoHaste) {
  DashboardGuard guard(kToken);
  const HttpRequest right = request_of("Bearer " + kToken.reveal());
  for (int second = 0; second < 600; ++second) {
    for (int i = 0; i < 10; ++i) {
      ASSERT_EQ(status_of(guard.refuse(right, kStart + std::chrono::seconds(second))), 200);
    }
  }
}

HttpResponse answer_of(const std::vector<HttpRoute>& routes, const std::string& path,
                       const HttpRequest& request = request_of("")) {
  const HttpMatch match = find_route(routes, "GET", path);
  return match.route ? match.route->handle(request) : match.refusal;
}

TEST(DashboardPages, ComeWithAPolicyThatNamesNobodyElse) {
  const auto pages = dashboard_pages();
  for (const char* path : {"/", "/test", "/style.css", "/common.js", "/dashboard.js", "/test.js",
                           "/uplot.js", "/uplot.css"}) {
    const HttpResponse page = answer_of(pages, path);
    ASSERT_EQ(page.status, 200) << path;
    EXPECT_FALSE(page.body.empty()) << path;
    EXPECT_THAT(page.headers,
                Contains(Pair(
                    "Content-Security-Policy",
                    AllOf(HasSubstr("default-src 'none'"), HasSubstr("frame-ancestors 'none'"),
                          Not(HasSubstr("unsafe")), Not(HasSubstr("http")), Not(HasSubstr("*"))))))
        << path;
  }
  EXPECT_EQ(answer_of(pages, "/").type, "text/html; charset=utf-8");
  EXPECT_EQ(answer_of(pages, "/style.css").type, "text/css; charset=utf-8");
  EXPECT_EQ(answer_of(pages, "/test.js").type, "text/javascript; charset=utf-8");
  EXPECT_EQ(answer_of(pages, "/index.html").status, 404);
}

// The policy forbids both, and a page that relied on them would stand there naked.
TEST(DashboardPages, HaveNoInlineScriptAndLoadFromNowhereElse) {
  for (const DashboardFile& file : dashboard_files()) {
    if (!file.name.ends_with(".html")) continue;
    const std::string text(file.content);
    EXPECT_THAT(text, Not(HasSubstr("<style"))) << file.name;
    EXPECT_THAT(text, Not(HasSubstr("<script>"))) << file.name;
    EXPECT_THAT(text, Not(HasSubstr("style=\""))) << file.name;
    EXPECT_THAT(text, Not(HasSubstr("onclick"))) << file.name;
    EXPECT_THAT(text, Not(HasSubstr("://"))) << file.name;
  }
}

TEST(DashboardPages, AreNotSentAgainToWhoeverHasThem) {
  const auto pages = dashboard_pages();
  const auto tag_of = [](const HttpResponse& response) {
    for (const auto& [name, value] : response.headers) {
      if (name == "ETag") return value;
    }
    return std::string();
  };
  const std::string tag = tag_of(answer_of(pages, "/dashboard.js"));
  ASSERT_GT(tag.size(), 16U);
  EXPECT_NE(tag, tag_of(answer_of(pages, "/test.js")));
  HttpRequest again = request_of("");
  again.headers = {{"If-None-Match", "W/" + tag}};
  const HttpResponse kept = answer_of(pages, "/dashboard.js", again);
  EXPECT_EQ(kept.status, 304);
  EXPECT_EQ(kept.body, "");
  again.headers = {{"If-None-Match", "\"something else\""}};
  EXPECT_EQ(answer_of(pages, "/dashboard.js", again).status, 200);
}

/// A server that nobody gets to ask.
class AskedByNobody final : public AdminSubject {
 public:
  Shards shards() override { return {channel_, 1}; }
  nlohmann::ordered_json describe() const override { return {}; }
  std::string show(const TransportAddress& /*address*/) const override { return {}; }
  std::string show(const AddressRange& /*range*/) const override { return {}; }
  void note_kick(uint64_t /*sessions*/, const std::string& /*wish*/,
                 const Asker& /*asker*/) override {}
  MainTasks& main_tasks() override { return tasks_; }
  Result<nlohmann::ordered_json, std::string> reload(const Asker& /*asker*/) override {
    return Failure{std::string()};
  }
  void drain(std::optional<Duration> /*deadline*/, const Asker& /*asker*/) override {}
  void resume(const Asker& /*asker*/) override {}
  LogLevels log_levels() const override { return {LogLevel::info, {}}; }
  void set_log_level(std::optional<LogComponent> /*component*/, LogLevel /*level*/,
                     const Asker& /*asker*/) override {}
  ShardChannel& channel() { return channel_; }

 private:
  ShardChannel channel_{1, [](uint8_t) {}};
  MainTasks tasks_;
};

TEST(DashboardRoutes, NeedTheTokenAllButThePages) {
  AskedByNobody subject;
  Sampler sampler(subject.channel(), 1, 0, [](ServerSample&) {});
  const Clock clock;
  DashboardGuard guard(kToken);
  const DashboardSources sources{subject, sampler, {}, [] { return TestFacts{}; }};
  size_t closed = 0, open = 0;
  for (const HttpRoute& route : dashboard_routes(sources, guard, clock)) {
    // Each from an address of its own: guesses add up.
    const HttpResponse answer =
        route.handle(request_of("", "192.0.2." + std::to_string(closed + 1)));
    const bool is_data = route.path.starts_with("/v1/") || route.path == "/metrics" ||
                         route.path == "/livez" || route.path == "/readyz";
    EXPECT_EQ(answer.status, is_data ? 401 : 200) << route.path;
    EXPECT_EQ(answer.body.empty(), is_data) << route.path;
    ++(is_data ? closed : open);
  }
  EXPECT_EQ(closed, 12U);
  EXPECT_EQ(open, dashboard_files().size());
}

TEST(TestCredentials, AreSignedForTenMinutes) {
  const CalendarTime now{std::chrono::seconds(1'800'000'000)};
  const TestFacts facts{.urls = {"stun:192.0.2.1", "turn:192.0.2.1?transport=udp"},
                        .secrets = {Secret("shared"), Secret("older")}};
  const auto json = nlohmann::json::parse(make_test_credentials(facts, now).body);
  EXPECT_EQ(json["urls"], nlohmann::json::array({"turn:192.0.2.1?transport=udp"}));
  EXPECT_EQ(json["username"], "1800000600:dashboard-test");
  EXPECT_EQ(json["credential"], rest_password("shared", "1800000600:dashboard-test"));
  EXPECT_EQ(json["ttl"], 600);
}

TEST(TestCredentials, WithoutASecretSayWhyThereAreNone) {
  const auto json = nlohmann::json::parse(make_test_credentials({}, {}).body);
  EXPECT_TRUE(json["username"].is_null());
  EXPECT_THAT(json["because"].get<std::string>(), HasSubstr("auth.secrets"));
  const auto open = nlohmann::json::parse(
      make_test_credentials({.urls = {}, .secrets = {}, .needs_credential = false}, {}).body);
  EXPECT_TRUE(open["username"].is_string());
}

std::string contradictions_of(const std::string& admin) {
  const ReadConfig read =
      read_yaml("auth: {secrets: [s]}\nserver: {run_as: nobody}\nadmin: " + admin + "\n");
  std::string all = problem_of(read);
  for (const ConfigProblem& problem : find_contradictions(read.config)) all += problem.to_string();
  return all;
}

TEST(DashboardConfig, NeedsATokenAndBeyondLoopbackACertificate) {
  const std::string token = "token: correct horse battery staple";
  EXPECT_EQ(contradictions_of("{listen: 127.0.0.1:9642, " + token + "}"), "");
  EXPECT_THAT(contradictions_of("{listen: 127.0.0.1:9642}"), HasSubstr("admin.token is needed"));
  EXPECT_THAT(contradictions_of("{listen: 0.0.0.0:9642, " + token + "}"),
              HasSubstr("needs a certificate"));
  EXPECT_THAT(contradictions_of("{listen: 127.0.0.1:9642, certificate: /tmp/a.pem, " + token + "}"),
              HasSubstr("certificate and key go together"));
  EXPECT_EQ(contradictions_of("{listen: 0.0.0.0:9642, certificate: /tmp/a.pem, key: /tmp/a.key, " +
                              token + "}"),
            "");
}

TEST(DashboardConfig, TakesNoTokenThatAnybodyGuesses) {
  for (const std::string& token :
       {std::string("short"), std::string("fifteen letters"),
        std::string("\" leading space, long\""), std::string("\"with a\\ttab inside it\"")}) {
    EXPECT_THAT(problem_of(read_yaml("admin: {token: " + token + "}\n")),
                AllOf(HasSubstr("admin.token"), HasSubstr("expected 16 to 512 ASCII characters"),
                      Not(HasSubstr("letters"))))
        << token;
  }
}

}  // namespace
}  // namespace uturn
