// The loop contract, sending: runs are an optimisation that no receiver can see.
#include <gmock/gmock.h>

#include "tests/io/loop_harness.h"

namespace uturn {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;

class LoopSend : public LoopContract {
 protected:
  // What a stranger hears next, `count` times.
  static std::vector<std::string> hear(Stranger& stranger, size_t count) {
    std::vector<std::string> texts;
    while (texts.size() < count) {
      const auto heard = stranger.hear();
      if (!heard) break;
      texts.push_back(heard->bytes);
    }
    return texts;
  }
};

TEST_P(LoopSend, ARunArrivesAsSingleDatagramsInOrder) {
  const SocketId relay = open("127.0.0.1:0");
  const auto peer = stranger();
  std::vector<std::string> sent;
  for (unsigned i = 0; i < 150; ++i) sent.push_back(pattern(1'000, i));
  for (const std::string& text : sent) send(relay, peer->address(), text);
  loop->flush();
  EXPECT_EQ(hear(*peer, 150), sent);
  EXPECT_TRUE(peer->has_heard_nothing());
  EXPECT_EQ(loop->counters().datagrams_out, 150u);
  EXPECT_EQ(loop->counters().bytes_out, 150'000u);
  if (world_has().segmentation) {
    EXPECT_GT(loop->counters().gso_sends, 0u);
    EXPECT_GT(loop->counters().gso_datagrams, loop->counters().gso_sends);
  }
}

TEST_P(LoopSend, WithoutGsoTheSameArrives) {
  LoopSettings settings = small_settings();
  settings.gso = false;
  restart(settings);
  const SocketId relay = open("127.0.0.1:0");
  const auto peer = stranger();
  for (int i = 0; i < 5; ++i) send(relay, peer->address(), "one by one");
  loop->flush();
  EXPECT_EQ(hear(*peer, 5).size(), 5u);
  EXPECT_EQ(loop->counters().gso_sends, 0u);
}

TEST_P(LoopSend, InterleavedDestinationsEachHearTheirOwnInOrder) {
  const SocketId relay = open("127.0.0.1:0");
  std::vector<std::unique_ptr<Stranger>> peers;
  for (int i = 0; i < 5; ++i) peers.push_back(stranger());
  std::vector<std::vector<std::string>> sent(5);
  for (unsigned i = 0; i < 100; ++i) {
    sent[i % 5].push_back(pattern(300, i));
  }
  for (size_t round = 0; round < 20; ++round) {
    for (size_t i = 0; i < 5; ++i) send(relay, peers[i]->address(), sent[i][round]);
  }
  loop->flush();
  for (size_t i = 0; i < 5; ++i) EXPECT_EQ(hear(*peers[i], 20), sent[i]) << i;
}

TEST_P(LoopSend, TwoSocketsToOneDestinationAreNotMixedUp) {
  const SocketId one = open("127.0.0.1:0");
  const SocketId two = open("127.0.0.1:0");
  const auto peer = stranger();
  for (int i = 0; i < 10; ++i) {
    send(one, peer->address(), "one");
    send(two, peer->address(), "two");
  }
  loop->flush();
  for (int i = 0; i < 20; ++i) {
    const auto heard = peer->hear();
    ASSERT_TRUE(heard);
    EXPECT_EQ(heard->from, address_of(heard->bytes == "one" ? one : two));
  }
}

TEST_P(LoopSend, UnequalLengthsArriveAsTheyWereSent) {
  const SocketId relay = open("127.0.0.1:0");
  const auto peer = stranger();
  std::vector<std::string> sent;
  for (const size_t size :
       {100, 100, 50, 100, 200, 200, 1, 1, 1, 9'000, 65'507, 3, 60'000, 60'000}) {
    sent.push_back(pattern(size, static_cast<unsigned>(sent.size())));
  }
  for (const std::string& text : sent) send(relay, peer->address(), text);
  loop->flush();
  const auto heard = hear(*peer, sent.size());
  ASSERT_EQ(heard.size(), sent.size());
  for (size_t i = 0; i < sent.size(); ++i) EXPECT_TRUE(heard[i] == sent[i]) << i;
}

TEST_P(LoopSend, AnEmptyPayloadInsideARunIsADatagramOfItsOwn) {
  const SocketId relay = open("127.0.0.1:0");
  const auto peer = stranger();
  for (const char* text : {"aa", "bb", "", "cc", "", "", "dd"}) send(relay, peer->address(), text);
  loop->flush();
  EXPECT_THAT(hear(*peer, 7), ElementsAre("aa", "bb", "", "cc", "", "", "dd"));
  EXPECT_TRUE(peer->has_heard_nothing());
}

TEST_P(LoopSend, HeaderAndPayloadAreOneDatagramWhereverTheyLie) {
  const SocketId relay = open("127.0.0.1:0");
  const auto peer = stranger();
  const std::string payload = "payload";
  const std::string together = "headerpayload";
  for (int i = 0; i < 4; ++i) {
    const MutableBytes header = loop->lend(6);
    std::memcpy(header.data(), "header", 6);
    loop->send({relay, peer->address(), header.first(6), bytes_of(payload), {}});
    loop->send(
        {relay, peer->address(), bytes_of(together).first(6), bytes_of(together).subspan(6), {}});
    loop->send({relay, peer->address(), bytes_of(together), {}, {}});
  }
  loop->flush();
  EXPECT_EQ(hear(*peer, 12), std::vector<std::string>(12, together));
}

// A Data indication ends with the zero bytes that its payload leaves to a multiple of four.
TEST_P(LoopSend, PaddingArrivesBehindThePayloadAlsoWithinARun) {
  for (const char* address : {"127.0.0.1", "::1"}) {
    const SocketId relay = open(std::string_view(address) == "::1" ? "[::1]:0" : "127.0.0.1:0");
    const auto peer = stranger(address);
    const std::string head = "head";
    const std::string body = "abcdefgh";
    std::vector<std::string> sent;
    const auto send_padded = [&](size_t size) {
      const auto padding = static_cast<uint8_t>((4 - size % 4) % 4);
      loop->send({relay, peer->address(), bytes_of(head), bytes_of(body).first(size), {}, padding});
      sent.push_back(head + body.substr(0, size) + std::string(padding, '\0'));
    };
    for (size_t size = 0; size <= 8; ++size) send_padded(size);  // runs of 5 to 8 share a length
    for (int i = 0; i < 20; ++i) send_padded(5);
    send_padded(2);
    loop->flush();
    EXPECT_EQ(hear(*peer, sent.size()), sent) << address;
    EXPECT_TRUE(peer->has_heard_nothing());
  }
  if (world_has().segmentation) {
    EXPECT_GT(loop->counters().gso_datagrams, 20u);
  }
}

TEST_P(LoopSend, DscpEcnAndTtlAreSetPerDatagram) {
  for (const char* address : {"127.0.0.1", "::1"}) {
    const bool v6 = std::string_view(address) == "::1";
    const SocketId relay = open(v6 ? "[::1]:0" : "127.0.0.1:0");
    const auto peer = stranger(address);
    const std::vector<IpFields> wanted = {{.dscp = 46, .ecn = 1, .ttl = 9},
                                          {.dscp = 46, .ecn = 1, .ttl = 9},
                                          {.dscp = 0, .ecn = 2, .ttl = 1},
                                          {.dscp = 63, .ecn = 3, .ttl = 255},
                                          {.dscp = 63, .ecn = 0, .ttl = 255}};
    for (const IpFields& fields : wanted) send(relay, peer->address(), "fields", fields);
    send(relay, peer->address(), "default");
    loop->flush();
    for (const IpFields& fields : wanted) {
      const auto heard = peer->hear();
      ASSERT_TRUE(heard);
      EXPECT_EQ(heard->dscp, fields.dscp);
      EXPECT_EQ(heard->ecn, fields.ecn);
      EXPECT_EQ(heard->ttl, fields.ttl);
    }
    const auto heard = peer->hear();
    ASSERT_TRUE(heard);
    EXPECT_EQ(heard->dscp, 0);
    EXPECT_EQ(heard->ecn, 0);
    EXPECT_GE(heard->ttl, 32) << "0 asks for the system's default";
  }
}

TEST_P(LoopSend, EachDatagramLeavesFromTheSourceItNames) {
  const SocketId listener = open_listener("0.0.0.0:0");
  const auto client = stranger();
  for (const char* source : {"127.0.0.5", "127.0.0.5", "127.0.0.6", "127.0.0.5"}) {
    IpFields fields;
    fields.source = ip(source);
    send(listener, client->address(), source, fields);
  }
  loop->flush();
  for (int i = 0; i < 4; ++i) {
    const auto heard = client->hear();
    ASSERT_TRUE(heard);
    EXPECT_EQ(heard->from, (TransportAddress{ip(heard->bytes), address_of(listener).port}));
  }
}

TEST_P(LoopSend, NothingLeavesBeforeTheFlushAndEverythingBeforeTheNextPassWaits) {
  const SocketId relay = open("127.0.0.1:0");
  const auto peer = stranger();
  send(relay, peer->address(), "queued");
  EXPECT_TRUE(peer->has_heard_nothing());
  pass();
  EXPECT_FALSE(peer->has_heard_nothing());
}

TEST_P(LoopSend, WhatTheHandlerQueuedLeavesWhenItsPassEnds) {
  const SocketId relay = open("127.0.0.1:0");
  const auto peer = stranger();
  notebook.on_datagram = echo_on(*loop);
  peer->send(address_of(relay), "there and back");
  loop->run_pass(notebook, loop->now().monotonic + 3s);
  while (notebook.received.empty()) loop->run_pass(notebook, loop->now().monotonic + 3s);
  EXPECT_THAT(hear(*peer, 1), ElementsAre("there and back"));
}

TEST_P(LoopSend, AFullQueueIsFlushedEarlyAndLosesNothing) {
  LoopSettings settings = small_settings();
  settings.send_queue = 8;
  restart(settings);
  const SocketId relay = open("127.0.0.1:0");
  const auto peer = stranger();
  std::vector<std::string> sent;
  for (int i = 0; i < 50; ++i) sent.push_back("number " + std::to_string(i));
  for (const std::string& text : sent) send(relay, peer->address(), text);
  EXPECT_GE(loop->counters().datagrams_out, 40u);
  loop->flush();
  EXPECT_EQ(hear(*peer, 50), sent);
}

TEST_P(LoopSend, LendingMoreThanTheQueueIsLongOverwritesNothing) {
  LoopSettings settings = small_settings();
  settings.send_queue = 8;
  restart(settings);
  const SocketId relay = open("127.0.0.1:0");
  const auto peer = stranger();
  std::vector<std::string> sent;
  for (unsigned i = 0; i < 100; ++i) {
    sent.push_back(pattern(i % 2 ? 2'048 : 40, i));
    const MutableBytes answer = loop->lend(sent.back().size());
    ASSERT_GE(answer.size(), sent.back().size());
    std::memcpy(answer.data(), sent.back().data(), sent.back().size());
    loop->send({relay, peer->address(), {}, answer.first(sent.back().size()), {}});
  }
  loop->flush();
  EXPECT_EQ(hear(*peer, 100), sent);
}

TEST_P(LoopSend, AStaleIdIsIgnoredAndCounted) {
  const SocketId relay = open("127.0.0.1:0");
  const auto peer = stranger();
  loop->close(relay);
  send(relay, peer->address(), "from the grave");
  send(SocketId{}, peer->address(), "from nowhere");
  loop->flush();
  EXPECT_TRUE(peer->has_heard_nothing());
  EXPECT_EQ(loop->counters().send_error_drops, 2u);
  EXPECT_EQ(loop->counters().datagrams_out, 0u);
}

TEST_P(LoopSend, ASocketClosedAfterItsSendWasQueuedHurtsNobody) {
  const SocketId gone = open("127.0.0.1:0");
  const SocketId stays = open("127.0.0.1:0");
  const auto peer = stranger();
  send(gone, peer->address(), "last words");
  send(stays, peer->address(), "still here");
  loop->close(gone);
  const SocketId reused = open("127.0.0.1:0");  // perhaps the same slot and descriptor
  loop->flush();
  std::vector<Heard> heard;
  while (heard.empty() || heard.back().bytes != "still here") {
    const auto next = peer->hear();
    ASSERT_TRUE(next);
    EXPECT_NE(next->from, address_of(reused)) << "another socket spoke the last words";
    heard.push_back(*next);
  }
}

TEST_P(LoopSend, ASendThatFailsIsCountedAndTheOthersLeave) {
  const SocketId relay = open("127.0.0.1:0");
  const auto peer = stranger();
  send(relay, peer->address(), "before");
  send(relay, at("127.0.0.1:0"), "to port zero");
  send(relay, at("[::1]:4000"), "of another family");
  send(relay, peer->address(), pattern(65'508, 0));
  send(relay, peer->address(), "after");
  loop->flush();
  EXPECT_THAT(hear(*peer, 2), ElementsAre("before", "after"));
  EXPECT_EQ(loop->counters().send_error_drops, 3u);
  EXPECT_EQ(loop->counters().datagrams_out, 2u);
  EXPECT_EQ(loop->counters().bytes_out, 11u);
}

INSTANTIATE_TEST_SUITE_P(Worlds, LoopSend, testing::ValuesIn(all_worlds()), name_of_world);

}  // namespace
}  // namespace uturn
