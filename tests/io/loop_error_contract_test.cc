// The loop contract, ICMP: errors are told, and cost nobody else anything.
#include <gmock/gmock.h>

#include <algorithm>
#include <set>

#include "tests/io/loop_harness.h"

namespace uturn {
namespace {

class LoopErrors : public LoopContract {
 protected:
  // An address where nobody listens any more.
  TransportAddress dead(std::string_view ip = "127.0.0.1") const { return stranger(ip)->address(); }

  // Passes in which nothing is under way any more; an idle loop sleeps through them.
  int passes_within(Duration time) {
    int passes = 0;
    const Instant end = loop->now().monotonic + time;
    for (; !is_past(end, loop->now()); ++passes) loop->run_pass(notebook, end);
    return passes;
  }
};

TEST_P(LoopErrors, AnUnreachablePortIsToldWithItsDestination) {
  const SocketId relay = open("127.0.0.1:0", 77);
  const TransportAddress nobody = dead();
  send(relay, nobody, "anybody there?");
  ASSERT_TRUE(pass_until([&] { return !notebook.errors.empty(); }));
  EXPECT_EQ(notebook.errors[0].socket, relay);
  EXPECT_EQ(notebook.errors[0].tag, 77u);
  EXPECT_EQ(notebook.errors[0].destination, nobody);
  EXPECT_EQ(notebook.errors[0].type, 3);  // destination unreachable
  EXPECT_EQ(notebook.errors[0].code, 3);  // port unreachable
  EXPECT_EQ(loop->counters().icmp_errors, 1u);
}

TEST_P(LoopErrors, OnIpv6TooAnUnreachablePortIsToldWithItsDestination) {
  const SocketId relay = open("[::1]:0", 78);
  const TransportAddress nobody = dead("::1");
  send(relay, nobody, "anybody there?");
  ASSERT_TRUE(pass_until([&] { return !notebook.errors.empty(); }));
  EXPECT_EQ(notebook.errors[0].tag, 78u);
  EXPECT_EQ(notebook.errors[0].destination, nobody);
  EXPECT_EQ(notebook.errors[0].type, 1);
  EXPECT_EQ(notebook.errors[0].code, 4);
}

TEST_P(LoopErrors, OneDeadPeerLosesNothingToALiveOne) {
  const SocketId relay = open("127.0.0.1:0");
  const TransportAddress nobody = dead();
  const auto alive = stranger();
  std::vector<std::string> sent;
  for (unsigned i = 0; i < 100; ++i) {
    sent.push_back(pattern(200, i));
    send(relay, nobody, "into the void");
    send(relay, alive->address(), sent.back());
    send(relay, nobody, pattern(i, i));
    if (i % 7 == 0) pass();
  }
  pass();
  for (const std::string& text : sent) {
    const auto heard = alive->hear();
    ASSERT_TRUE(heard);
    EXPECT_EQ(heard->bytes, text);
  }
  EXPECT_EQ(loop->counters().send_error_drops, 0u);
  if (loop->name() == "io_uring") {  // sendmmsg stops at the error and goes on, unasked
    EXPECT_GT(loop->counters().send_soft_retries, 0u);
  }
}

TEST_P(LoopErrors, WhatALivePeerSendsIsReceivedWhileADeadOneRefuses) {
  const SocketId relay = open("127.0.0.1:0");
  const TransportAddress nobody = dead();
  const auto alive = stranger();
  for (size_t i = 1; i <= 50; ++i) {
    send(relay, nobody, "into the void");
    loop->flush();
    alive->send(address_of(relay), "still here");
    ASSERT_TRUE(receive(i)) << "after " << i << " errors";
  }
  EXPECT_FALSE(notebook.errors.empty());
}

TEST_P(LoopErrors, ErrorsAreReportedInPortionsAndAllOfThem) {
  LoopSettings settings = small_settings();
  settings.icmp_errors_per_pass = 4;
  restart(settings);
  const SocketId relay = open("127.0.0.1:0");
  std::set<TransportAddress> nobodies;
  while (nobodies.size() < 20) nobodies.insert(dead());
  for (const TransportAddress& nobody : nobodies) send(relay, nobody, "hello?");
  loop->flush();
  std::set<TransportAddress> reported;
  ASSERT_TRUE(pass_until([&] {
    EXPECT_LE(notebook.errors.size(), 4u) << "in one pass";
    for (const IcmpError& error : notebook.errors) reported.insert(error.destination);
    notebook.errors.clear();
    return reported.size() == nobodies.size();
  }));
  EXPECT_EQ(reported, nobodies);
}

TEST_P(LoopErrors, ASocketFullOfErrorsDelaysNobody) {
  LoopSettings settings = small_settings();
  settings.icmp_errors_per_pass = 1;
  restart(settings);
  const SocketId troubled = open("127.0.0.1:0");
  const SocketId other = open("127.0.0.1:0", 5);
  const TransportAddress nobody = dead();
  const auto peer = stranger();
  for (unsigned i = 0; i < 40; ++i) send(troubled, nobody, pattern(10 + i, i));
  loop->flush();
  send(other, nobody, "me too");
  peer->send(address_of(other), "hello");
  ASSERT_TRUE(receive(1));
  ASSERT_TRUE(pass_until([&] {
    return std::ranges::any_of(notebook.errors, [](const IcmpError& e) { return e.tag == 5; });
  }));
  peer->send(address_of(troubled), "after the storm");
  ASSERT_TRUE(receive(2));
}

TEST_P(LoopErrors, ALoopThatWasToldOfErrorsSleepsAgain) {
  const SocketId relay = open("127.0.0.1:0");
  const TransportAddress nobody = dead();
  for (unsigned i = 0; i < 10; ++i) send(relay, nobody, pattern(10 + i, i));
  loop->flush();
  ASSERT_TRUE(pass_until([&] { return notebook.errors.size() >= 10; }));
  settle();
  EXPECT_LE(passes_within(100ms), 100) << "a loop that does not sleep makes thousands";
}

TEST_P(LoopErrors, AClosedSocketsErrorsAreNotTold) {
  const SocketId relay = open("127.0.0.1:0");
  send(relay, dead(), "hello?");
  loop->flush();
  loop->close(relay);
  const SocketId other = open("127.0.0.1:0");
  settle();
  for (const IcmpError& error : notebook.errors) EXPECT_EQ(error.socket, other);
  EXPECT_TRUE(notebook.errors.empty());
}

INSTANTIATE_TEST_SUITE_P(Worlds, LoopErrors, testing::ValuesIn(all_worlds()), name_of_world);

}  // namespace
}  // namespace uturn
