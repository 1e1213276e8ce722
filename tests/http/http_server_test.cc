// The HTTP server and its clients: polite, slow, greedy, and gone.
#include "server/http/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <thread>
#include <vector>

#include "tests/http/http_end.h"
#include "tests/http/test_routes.h"

namespace uturn {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

std::unique_ptr<HttpServer> served(const HttpLimits& limits = {},
                                   std::vector<HttpRoute> its_routes = test_routes()) {
  auto server = HttpServer::open(kLoopback, limits);
  CHECK(server);
  CHECK((*server)->serve(std::move(its_routes)));
  return std::move(*server);
}

TEST(HttpServer, AnswersRequestAfterRequestOnOneConnection) {
  const auto server = served();
  auto client = HttpEnd::to(server->address());
  for (int i = 0; i < 3; ++i) {
    const auto answer = client.ask(get("/hello"));
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(answer->body, "hi\n");
    EXPECT_EQ(answer->header("Content-Type"), "text/plain");
    EXPECT_EQ(answer->header("Cache-Control"), "no-store");
    EXPECT_THAT(answer->header("Date"), HasSubstr("GMT"));
  }
  EXPECT_EQ(server->counters().connections, 1U);
  EXPECT_EQ(server->counters().requests, 3U);
}

TEST(HttpServer, RequestsInOneSegmentAreAnsweredInTheirOrder) {
  const auto server = served();
  auto client = HttpEnd::to(server->address());
  client.send(get("/hello") + get("/query?user=alice") + post("/echo", "body"));
  EXPECT_EQ(client.answer()->body, "hi\n");
  EXPECT_EQ(client.answer()->body, "alice");
  EXPECT_EQ(client.answer()->body, "body");
}

TEST(HttpServer, ARequestMayComeByteByByte) {
  const auto server = served();
  auto client = HttpEnd::to(server->address());
  for (const char byte : post("/echo", "slow")) client.send({&byte, 1});
  EXPECT_EQ(client.answer()->body, "slow");
}

TEST(HttpServer, ABodyMayComeInChunks) {
  const auto server = served();
  const auto answer = HttpEnd::to(server->address())
                          .ask(
                              "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
                              "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
  EXPECT_EQ(answer->body, "abcde");
}

TEST(HttpServer, AHeadGetsTheHeadersOfAGet) {
  const auto server = served();
  auto client = HttpEnd::to(server->address());
  const auto answer = client.ask("HEAD /hello HTTP/1.1\r\n\r\n");
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->header("Content-Length"), "3");
  EXPECT_EQ(client.ask(get("/hello"))->body, "hi\n");
}

TEST(HttpServer, AClientThatAsksFirstIsToldToGoOn) {
  const auto server = served();
  auto client = HttpEnd::to(server->address());
  client.send("POST /echo HTTP/1.1\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.answer()->status, 100);
  EXPECT_EQ(client.ask("body")->body, "body");
}

TEST(HttpServer, AnHttp10ClientIsAnsweredAndClosed) {
  const auto server = served();
  auto client = HttpEnd::to(server->address());
  EXPECT_EQ(client.ask("GET /hello HTTP/1.0\r\n\r\n")->body, "hi\n");
  EXPECT_TRUE(client.is_closed());
}

TEST(HttpServer, WhatIsNotThereIsRefused) {
  const auto server = served();
  auto client = HttpEnd::to(server->address());
  EXPECT_EQ(client.ask(get("/nothing"))->status, 404);
  const auto answer = client.ask(post("/hello", ""));
  EXPECT_EQ(answer->status, 405);
  EXPECT_EQ(answer->header("Allow"), "GET");
  EXPECT_EQ(client.ask(get("/%zz"))->status, 400);
  EXPECT_EQ(server->counters().refused, 3U);
}

TEST(HttpServer, AHandlerThatFailsHarmsNobodyElse) {
  const auto server = served();
  auto client = HttpEnd::to(server->address());
  EXPECT_EQ(client.ask(get("/throws"))->status, 500);
  EXPECT_EQ(client.ask(get("/hello"))->status, 200);
}

TEST(HttpServer, HeadersOfOneNameAreAllSent) {
  const auto server = served();
  const auto answer = HttpEnd::to(server->address()).ask(get("/links"));
  EXPECT_THAT(answer->head, HasSubstr("Link: <a>\r\n"));
  EXPECT_THAT(answer->head, HasSubstr("Link: <b>\r\n"));
}

TEST(HttpServer, WhatIsNoHttpIsRefusedAndClosed) {
  const auto server = served();
  for (const char* junk :
       {"\x16\x03\x01\x02\r\n\r\n", "hello there, how are you\r\n\r\n",
        "GET /hello HTTP/9.9\r\n\r\n", "POST /echo HTTP/1.1\r\nContent-Length: -1\r\n\r\n"}) {
    auto client = HttpEnd::to(server->address());
    const auto answer = client.ask(junk);
    ASSERT_TRUE(answer) << junk;
    EXPECT_EQ(answer->status, 400);
    EXPECT_TRUE(client.is_closed());
  }
}

TEST(HttpServer, HeadersThatAreTooLongAreRefused) {
  const auto server = served({.header_size = 1'024});
  for (const std::string& request :
       {"GET /" + std::string(2'000, 'a') + " HTTP/1.1\r\n\r\n",
        "GET /hello HTTP/1.1\r\nX: " + std::string(2'000, 'a') + "\r\n\r\n",
        "GET /hello HTTP/1.1\r\nX: " + std::string(1U << 19, 'a')}) {
    auto client = HttpEnd::to(server->address());
    const auto answer = client.ask(request);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 431);
    EXPECT_TRUE(client.is_closed());
  }
}

TEST(HttpServer, ABodyThatIsTooLongIsRefusedBeforeItIsKept) {
  const auto server = served({.body_size = 1'000});
  auto announced = HttpEnd::to(server->address());
  EXPECT_EQ(announced.ask(post("/echo", std::string(1U << 19, 'x')))->status, 413);
  EXPECT_TRUE(announced.is_closed());
  auto chunked = HttpEnd::to(server->address());
  const auto answer =
      chunked.ask("POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n" +
                  std::string(2'000, 'x') + "\r\n0\r\n\r\n");
  EXPECT_EQ(answer->status, 413);
  EXPECT_EQ(HttpEnd::to(server->address()).ask(post("/echo", std::string(1'000, 'x')))->status,
            201);
}

TEST(HttpServer, WhoeverTricklesIsClosedAndKeepsNobodyElseWaiting) {
  const auto server = served({.workers = 1, .request_timeout = milliseconds(300)});
  std::vector<HttpEnd> slow;
  for (int i = 0; i < 20; ++i) {
    slow.push_back(HttpEnd::to(server->address()));
    slow.back().send("GET /hel");
  }
  EXPECT_EQ(HttpEnd::to(server->address()).ask(get("/hello"))->status, 200);
  for (HttpEnd& client : slow) EXPECT_TRUE(client.is_closed());
}

TEST(HttpServer, AnIdleConnectionIsClosed) {
  const auto server = served({.idle_timeout = milliseconds(50)});
  auto client = HttpEnd::to(server->address());
  EXPECT_EQ(client.ask(get("/hello"))->status, 200);
  EXPECT_TRUE(client.is_closed());
}

TEST(HttpServer, ThoseWhoKeepItWaitingLongestMakeRoom) {
  const auto server = served({.connections = 8});
  std::vector<HttpEnd> silent;
  for (int i = 0; i < 30; ++i) silent.push_back(HttpEnd::to(server->address()));
  EXPECT_EQ(HttpEnd::to(server->address()).ask(get("/hello"))->status, 200);
  EXPECT_TRUE(silent.front().is_closed());
  EXPECT_GE(server->counters().evicted, 23U);
}

/// Handlers that wait until they are let go.
struct Gate {
  std::latch entered{1};
  std::latch open{1};
  std::vector<HttpRoute> routes() {
    auto all = test_routes();
    all.push_back({"GET", "/gate", [this](const HttpRequest&) {
                     entered.count_down();
                     open.wait();
                     return HttpResponse{200, "through"};
                   }});
    return all;
  }
};

TEST(HttpServer, AFullLineIsSaidAtOnce) {
  Gate gate;
  const auto server = served({.workers = 1, .queue = 1}, gate.routes());
  auto first = HttpEnd::to(server->address());
  first.send(get("/gate"));
  gate.entered.wait();

  // Of these one finds the place in line, and the others none.
  std::vector<HttpEnd> others;
  for (int i = 0; i < 3; ++i) {
    others.push_back(HttpEnd::to(server->address()));
    others.back().send(get("/hello"));
  }
  while (server->counters().refused < 2) std::this_thread::yield();
  gate.open.count_down();
  EXPECT_EQ(first.answer()->body, "through");
  int served_count = 0;
  for (HttpEnd& client : others) {
    const auto answer = client.answer();
    if (answer->status == 200) {
      ++served_count;
    } else {
      EXPECT_EQ(answer->status, 503);
      EXPECT_EQ(answer->header("Retry-After"), "1");
    }
  }
  EXPECT_EQ(served_count, 1);
}

TEST(HttpServer, AClientThatLeavesAmidItsAnswerHarmsNobody) {
  const auto server = served({.workers = 1});
  for (int i = 0; i < 5; ++i) {
    auto client = HttpEnd::to(server->address());
    client.send(get("/large"));
    client.close();
  }
  EXPECT_EQ(HttpEnd::to(server->address()).ask(get("/large"))->body.size(), 32U << 20);
}

TEST(HttpServer, AClientThatDoesNotTakeItsAnswerIsGivenUp) {
  const auto server = served({.answer_timeout = milliseconds(100)});
  auto client = HttpEnd::to(server->address());
  client.send(get("/large"));
  EXPECT_EQ(HttpEnd::to(server->address()).ask(get("/hello"))->status, 200);
  while (server->counters().given_up == 0) std::this_thread::yield();
  EXPECT_FALSE(client.answer());
}

TEST(HttpServer, StopLetsAHandlerEndAndItsClientHaveTheAnswer) {
  Gate gate;
  const auto server = served({}, gate.routes());
  auto client = HttpEnd::to(server->address());
  client.send(get("/gate"));
  gate.entered.wait();
  std::thread stopper([&] { server->stop(); });
  while (HttpEnd::to(server->address()).is_connected()) std::this_thread::yield();
  gate.open.count_down();
  const auto answer = client.answer();
  stopper.join();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->body, "through");
  EXPECT_EQ(answer->header("Connection"), "close");
}

TEST(HttpServer, StopUnderLoadAnswersInWholeOrNotAtAll) {
  const auto server = served();
  const TransportAddress address = server->address();
  std::atomic<int> answered = 0;
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([&] {
      for (;;) {
        auto client = HttpEnd::to(address);
        if (!client.is_connected()) return;
        while (const auto answer = client.ask(get("/query?user=alice"))) {
          if (answer->status == 503) continue;
          EXPECT_EQ(answer->body, "alice");
          ++answered;
        }
      }
    });
  }
  std::vector<HttpEnd> silent;
  for (int i = 0; i < 10; ++i) silent.push_back(HttpEnd::to(address));
  while (answered < 200) std::this_thread::yield();
  server->stop();
  for (std::thread& client : clients) client.join();
  for (HttpEnd& client : silent) EXPECT_TRUE(client.is_closed());
  EXPECT_FALSE(HttpEnd::to(address).is_connected());
}

TEST(HttpServer, AnAddressInUseIsSaid) {
  const auto server = served();
  const auto second = HttpServer::open(server->address(), HttpLimits{});
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error(), HasSubstr("in use"));
}

TEST(HttpServer, IPv6IsServed) {
  auto server = HttpServer::open(*TransportAddress::parse("[::1]:0"), HttpLimits{});
  if (!server) GTEST_SKIP() << "no IPv6 here: " << server.error();
  ASSERT_TRUE((*server)->serve(test_routes()));
  EXPECT_EQ(HttpEnd::to((*server)->address()).ask(get("/who"))->body, "::1");
}

}  // namespace
}  // namespace uturn
