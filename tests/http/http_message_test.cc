// Targets and routes, without a socket.
#include "server/http/http_message.h"

#include <gtest/gtest.h>

namespace uturn {
namespace {

HttpResponse nothing(const HttpRequest& /*request*/) { return {}; }

TEST(HttpTarget, PathAndQueryAreDecoded) {
  const auto target = parse_target("/v1/a%20b?user=al%2Bice+x&empty=&flag&&k=1=2#part");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->path, "/v1/a b");
  EXPECT_EQ(target->query,
            (HttpFields{{"user", "al+ice x"}, {"empty", ""}, {"flag", ""}, {"k", "1=2"}}));
}

TEST(HttpTarget, APlusInThePathStaysOne) { EXPECT_EQ(parse_target("/a+b")->path, "/a+b"); }

TEST(HttpTarget, WhatIsMalformedIsNone) {
  for (const char* target : {"", "*", "http://host/", "/%", "/%4", "/%zz", "/%00", "/?a=%00"}) {
    EXPECT_FALSE(parse_target(target)) << target;
  }
}

TEST(HttpRoutes, TheExactPathIsFoundBeforeThePrefix) {
  const std::vector<HttpRoute> routes = {
      {"GET", "/files/*", nothing}, {"GET", "/files/special", nothing}, {"POST", "/x", nothing}};
  EXPECT_EQ(find_route(routes, "GET", "/files/a/b").route, &routes[0]);
  EXPECT_EQ(find_route(routes, "GET", "/files/special").route, &routes[1]);
  EXPECT_EQ(find_route(routes, "GET", "/files").refusal.status, 404);
  EXPECT_EQ(find_route(routes, "GET", "/other").refusal.status, 404);
}

TEST(HttpRoutes, AnotherMethodIsToldWhichOnesThereAre) {
  const std::vector<HttpRoute> routes = {{"GET", "/x", nothing}, {"POST", "/x", nothing}};
  const HttpMatch match = find_route(routes, "DELETE", "/x");
  EXPECT_EQ(match.refusal.status, 405);
  EXPECT_EQ(match.refusal.headers, (HttpFields{{"Allow", "GET, POST"}}));
}

TEST(HttpRequest, HeadersAreFoundWithoutCaseAndParametersWithIt) {
  HttpRequest request;
  request.headers = {{"authorization", "Bearer x"}};
  request.query = {{"user", "first"}, {"user", "second"}};
  EXPECT_EQ(request.header("Authorization"), "Bearer x");
  EXPECT_EQ(request.header("Host"), "");
  EXPECT_EQ(request.parameter("user"), "first");
  EXPECT_FALSE(request.parameter("User"));
}

TEST(HttpError, IsJsonWhateverIsWrong) {
  EXPECT_EQ(http_error(400, "a \"b\" \xff").body, "{\"error\":\"a \\\"b\\\" \xEF\xBF\xBD\"}\n");
}

}  // namespace
}  // namespace uturn
