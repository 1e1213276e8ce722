// The loop contract, receiving: everything that arrives is delivered once, whole, with what its
// header said and with room in front.
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <map>

#include "io/udp_socket.h"
#include "tests/io/loop_harness.h"

namespace uturn {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::Le;

class LoopReceive : public LoopContract {};

constexpr size_t kLargest = 65'507;  // what an IPv4 datagram can carry

TEST_P(LoopReceive, ADatagramIsAnsweredInTheSamePassFromTheAddressItCameTo) {
  const SocketId listener = open_listener("0.0.0.0:0");
  const uint16_t port = address_of(listener).port;
  notebook.on_datagram = echo_on(*loop);
  const auto client = stranger();
  for (const char* server : {"127.0.0.1", "127.0.0.2", "127.0.0.77", "127.1.2.3"}) {
    client->send({ip(server), port}, "where am I?");
    while (notebook.received.empty()) loop->run_pass(notebook, loop->now().monotonic + 3s);
    const auto answer = client->hear();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->from, (TransportAddress{ip(server), port}));
    EXPECT_EQ(notebook.received[0].to, ip(server));
    EXPECT_EQ(notebook.received[0].from, client->address());
    notebook.received.clear();
  }
}

TEST_P(LoopReceive, OnIpv6TooADatagramIsAnsweredFromTheAddressItCameTo) {
  const SocketId listener = open_listener("[::]:0", 6);
  notebook.on_datagram = echo_on(*loop);
  const auto client = stranger("::1");
  client->send({ip("::1"), address_of(listener).port}, "six");
  ASSERT_TRUE(receive(1));
  const auto answer = client->hear();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->from, (TransportAddress{ip("::1"), address_of(listener).port}));
  EXPECT_EQ(notebook.received[0].to, ip("::1"));
  EXPECT_EQ(notebook.received[0].from, client->address());
  EXPECT_EQ(notebook.received[0].tag, 6u);
}

TEST_P(LoopReceive, ASocketBoundToOneAddressSaysItWhereTheDatagramCameTo) {
  const SocketId relay = open("127.0.0.9:0", 99);
  const auto peer = stranger();
  peer->send(address_of(relay), "hello");
  ASSERT_TRUE(receive(1));
  EXPECT_EQ(notebook.received[0].to, ip("127.0.0.9"));
  EXPECT_EQ(notebook.received[0].socket, relay);
  EXPECT_EQ(notebook.received[0].tag, 99u);
}

TEST_P(LoopReceive, EmptyDatagramsAreReceivedAndReceptionGoesOn) {
  for (const SocketKind kind : {SocketKind::listener, SocketKind::relay}) {
    const SocketId socket = open("127.0.0.1:0", 0, kind);
    const auto peer = stranger();
    for (const char* text : {"", "a", "", "", "b", ""}) peer->send(address_of(socket), text);
    ASSERT_TRUE(receive(6));
    EXPECT_THAT(notebook.texts(), ElementsAre("", "a", "", "", "b", ""));
    peer->send(address_of(socket), "c");  // after a pass that ended with an empty one
    ASSERT_TRUE(receive(7));
    notebook.received.clear();
  }
}

TEST_P(LoopReceive, EmptyDatagramsAreRelayed) {
  const SocketId relay = open("127.0.0.1:0");
  const auto peer = stranger();
  notebook.on_datagram = echo_on(*loop);
  peer->send(address_of(relay), "");
  ASSERT_TRUE(receive(1));
  const auto answer = peer->hear();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->bytes, "");
}

TEST_P(LoopReceive, TheLargestDatagramIsRelayedAfterTheFirstMovedItsSocketToLargeBuffers) {
  const SocketId relay = open("127.0.0.1:0");
  const auto peer = stranger();
  peer->send(address_of(relay), pattern(kLargest, 0));
  ASSERT_TRUE(pass_until([&] { return loop->counters().truncated_drops == 1; }));
  notebook.on_datagram = echo_on(*loop);
  for (unsigned i = 1; i <= 3; ++i) {
    peer->send(address_of(relay), pattern(kLargest, i));
    ASSERT_TRUE(receive(i));
    EXPECT_TRUE(notebook.received.back().bytes == pattern(kLargest, i));
    const auto back = peer->hear();
    ASSERT_TRUE(back);
    EXPECT_TRUE(back->bytes == pattern(kLargest, i));
  }
  peer->send(address_of(relay), "small again");
  ASSERT_TRUE(receive(4));
  EXPECT_EQ(loop->counters().truncated_drops, 1u);
}

TEST_P(LoopReceive, ATruncatedDatagramIsNeverDelivered) {
  const SocketId relay = open("127.0.0.1:0");
  const auto peer = stranger();
  peer->send(address_of(relay), pattern(4'000, 0));
  peer->send(address_of(relay), "whole");
  ASSERT_TRUE(receive(1));
  settle();
  EXPECT_THAT(notebook.texts(), ElementsAre("whole"));
  EXPECT_EQ(loop->counters().truncated_drops, 1u);
}

TEST_P(LoopReceive, AListenerTakesTheLargestDatagramAtOnce) {
  const SocketId listener = open_listener("127.0.0.1:0");
  const auto client = stranger();
  client->send(address_of(listener), pattern(kLargest, 3));
  ASSERT_TRUE(receive(1));
  EXPECT_TRUE(notebook.received[0].bytes == pattern(kLargest, 3));
  EXPECT_EQ(loop->counters().truncated_drops, 0u);
}

TEST_P(LoopReceive, ATrainIsSplitIntoItsDatagrams) {
  const SocketId listener = open_listener("127.0.0.1:0");
  const auto client = stranger();
  const std::string train = pattern(9 * 1'200 + 700, 1);
  client->send_train(address_of(listener), train, 1'200);
  ASSERT_TRUE(receive(10));
  settle();
  ASSERT_EQ(notebook.received.size(), 10u);
  for (size_t i = 0; i < 10; ++i) {
    EXPECT_EQ(notebook.received[i].bytes, train.substr(i * 1'200, 1'200)) << i;
    EXPECT_EQ(notebook.received[i].from, client->address());
  }
  EXPECT_EQ(loop->counters().datagrams_in, 10u);
  EXPECT_EQ(loop->counters().bytes_in, train.size());
}

TEST_P(LoopReceive, HeadersInFrontOfATrainsDatagramsDoNotDamageTheirNeighbours) {
  const SocketId listener = open_listener("127.0.0.1:0");
  const auto client = stranger();
  notebook.on_datagram = [&](ReceivedDatagram& d) {
    const MutableBytes header = d.packet.header(kHeadroom);
    std::ranges::fill(header, static_cast<uint8_t>(notebook.received.size()));
    loop->send({d.socket, d.from, header, d.packet.bytes(), {}});
  };
  const std::string train = pattern(20 * 500, 1);
  client->send_train(address_of(listener), train, 500);
  ASSERT_TRUE(receive(20));
  for (size_t i = 0; i < 20; ++i) {
    const auto answer = client->hear();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->bytes,
              std::string(kHeadroom, static_cast<char>(i + 1)) + train.substr(i * 500, 500));
  }
}

TEST_P(LoopReceive, EveryDatagramHasRoomInFront) {
  const SocketId listener = open_listener("[::1]:0");
  const SocketId relay = open("127.0.0.1:0");
  notebook.on_datagram = [&](ReceivedDatagram& d) {
    const std::string before = as_string(d.packet.bytes());
    std::ranges::fill(d.packet.header(kHeadroom), uint8_t{0xff});
    EXPECT_TRUE(as_string(d.packet.bytes()) == before);
  };
  const auto six = stranger("::1");
  const auto four = stranger();
  six->send(address_of(listener), "");
  six->send(address_of(listener), pattern(60'000, 1));
  four->send(address_of(relay), "");
  four->send(address_of(relay), pattern(2'000, 1));
  ASSERT_TRUE(receive(4));
}

TEST_P(LoopReceive, DscpEcnAndTtlAreReadPerDatagram) {
  for (const bool v6 : {false, true}) {
    const SocketId listener = open_listener(v6 ? "[::]:0" : "0.0.0.0:0");
    const SocketId relay = open(v6 ? "[::1]:0" : "127.0.0.1:0");
    const auto peer = stranger(v6 ? "::1" : "127.0.0.1");
    for (const SocketId socket : {listener, relay}) {
      const TransportAddress to{ip(v6 ? "::1" : "127.0.0.1"), address_of(socket).port};
      peer->send(to, "expedited", {.dscp = 46, .ecn = 1, .ttl = 17});
      peer->send(to, "congested", {.dscp = 0, .ecn = 3, .ttl = 64});
      peer->send(to, "low", {.dscp = 8, .ecn = 0, .ttl = 1});
      ASSERT_TRUE(receive(3));
      const auto& r = notebook.received;
      EXPECT_THAT((std::vector<int>{r[0].dscp, r[0].ecn, r[0].ttl}), ElementsAre(46, 1, 17));
      EXPECT_THAT((std::vector<int>{r[1].dscp, r[1].ecn, r[1].ttl}), ElementsAre(0, 3, 64));
      EXPECT_THAT((std::vector<int>{r[2].dscp, r[2].ecn, r[2].ttl}), ElementsAre(8, 0, 1));
      notebook.received.clear();
    }
  }
}

TEST_P(LoopReceive, APassBringsNoMoreThanABatch) {
  LoopSettings settings = small_settings();
  settings.batch = 16;
  restart(settings);
  const SocketId relay = open("127.0.0.1:0");
  const auto peer = stranger();
  std::vector<std::string> sent;
  for (int i = 0; i < 100; ++i) {
    sent.push_back(std::to_string(i));
    peer->send(address_of(relay), sent.back());
  }
  for (size_t before = 0; before < 100;) {
    loop->run_pass(notebook, loop->now().monotonic + 3s);
    ASSERT_LE(notebook.received.size() - before, 16u);
    ASSERT_GT(notebook.received.size(), before) << "a pass with work to do did nothing";
    before = notebook.received.size();
  }
  EXPECT_THAT(notebook.texts(), ElementsAreArray(sent));
}

TEST_P(LoopReceive, ATrainLongerThanABatchIsDeliveredOverSeveralPasses) {
  LoopSettings settings = small_settings();
  settings.batch = 8;
  restart(settings);
  const SocketId listener = open_listener("127.0.0.1:0");
  notebook.on_datagram = echo_on(*loop);
  const auto client = stranger();
  const std::string trains = pattern(2 * 30 * 400, 5);
  client->send_train(address_of(listener), std::string_view(trains).substr(0, 30 * 400), 400);
  client->send_train(address_of(listener), std::string_view(trains).substr(30 * 400), 400);
  ASSERT_TRUE(receive(60));
  EXPECT_THAT(notebook.batches, Each(Le(8u)));
  for (size_t i = 0; i < 60; ++i) {
    EXPECT_EQ(notebook.received[i].bytes, trains.substr(i * 400, 400)) << i;
    const auto answer = client->hear();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->bytes, trains.substr(i * 400, 400)) << i;
  }
}

TEST_P(LoopReceive, AFloodedSocketDoesNotStarveAnother) {
  LoopSettings settings = small_settings();
  settings.batch = 32;
  restart(settings);
  const SocketId flooded = open("127.0.0.1:0");
  const SocketId quiet = open("127.0.0.1:0");
  const auto peer = stranger();
  for (int i = 0; i < 800; ++i) peer->send(address_of(flooded), "flood");
  peer->send(address_of(quiet), "me too");
  ASSERT_TRUE(pass_until([&] { return !notebook.texts_of(quiet).empty(); }));
  EXPECT_LT(notebook.received.size(), 400u);
  ASSERT_TRUE(receive(801));
}

TEST_P(LoopReceive, MoreDatagramsThanBuffersLoseNothingButTime) {
  LoopSettings settings = small_settings();
  settings.small_buffers = 16;
  settings.large_buffers = 16;
  restart(settings);
  std::vector<SocketId> sockets;
  for (int i = 0; i < 4; ++i) sockets.push_back(open("127.0.0.1:0", 0, SocketKind::relay));
  for (int i = 0; i < 2; ++i) sockets.push_back(open_listener("127.0.0.1:0"));
  const auto peer = stranger();
  std::vector<std::string> sent;
  for (int i = 0; i < 100; ++i) {
    sent.push_back(std::to_string(i));
    for (const SocketId socket : sockets) peer->send(address_of(socket), sent.back());
  }
  ASSERT_TRUE(receive(600));
  settle();
  for (const SocketId socket : sockets) {
    EXPECT_THAT(notebook.texts_of(socket), ElementsAreArray(sent));
  }
  if (loop->name() == "io_uring") {
    EXPECT_GT(loop->counters().buffers_exhausted, 0u);
    EXPECT_GT(loop->counters().rearms, 0u);
  }
}

TEST_P(LoopReceive, EveryBufferComesBackOneDatagramAtATime) {
  LoopSettings settings = small_settings();
  settings.small_buffers = 4;
  settings.large_buffers = 4;
  restart(settings);
  const SocketId relay = open("127.0.0.1:0");
  const SocketId listener = open_listener("127.0.0.1:0");
  const auto peer = stranger();
  for (size_t i = 0; i < 40; i += 2) {
    peer->send(address_of(relay), i % 4 ? "x" : "");
    ASSERT_TRUE(receive(i + 1)) << "buffers were lost";
    peer->send(address_of(listener), i % 4 ? "" : "x");
    ASSERT_TRUE(receive(i + 2)) << "buffers were lost";
  }
}

TEST_P(LoopReceive, AThousandSocketsWithADatagramEachAreAllHeard) {
  std::vector<SocketId> sockets;
  for (uint64_t i = 0; i < 1'000; ++i) sockets.push_back(open("127.0.0.1:0", i));
  for (int round = 1; round <= 2; ++round) {  // armed for the first time, and armed already
    const auto peer = stranger();
    for (const SocketId socket : sockets) peer->send(address_of(socket), "you");
    ASSERT_TRUE(receive(1'000 * round));
  }
  settle();
  std::map<uint64_t, int> heard;
  for (const Received& r : notebook.received) {
    EXPECT_EQ(r.socket, sockets[r.tag]);
    ++heard[r.tag];
  }
  ASSERT_EQ(heard.size(), 1'000u);
  for (const auto& [tag, times] : heard) EXPECT_EQ(times, 2) << tag;
}

TEST_P(LoopReceive, WhatTheKernelDroppedIsCounted) {
  UdpSocketSpec spec;
  spec.address = at("127.0.0.1:0");
  spec.receive_buffer = 8'192;
  const auto relay = loop->open(spec, 0);
  ASSERT_TRUE(relay);
  pass();
  const auto peer = stranger();
  for (int i = 0; i < 300; ++i) peer->send(address_of(*relay), pattern(1'000, 0));
  settle();
  peer->send(address_of(*relay), "the next one says how many were dropped");
  ASSERT_TRUE(pass_until([&] { return notebook.received.back().bytes.size() < 1'000; }));
  EXPECT_GT(loop->counters().kernel_drops, 0u);
  EXPECT_EQ(loop->counters().kernel_drops + notebook.received.size(), 301u);
}

TEST_P(LoopReceive, WhatTheKernelDroppedIsCountedEvenWhereATruncatedDatagramSaysIt) {
  UdpSocketSpec spec;
  spec.address = at("127.0.0.1:0");
  spec.receive_buffer = 16'384;
  const auto relay = loop->open(spec, 0);
  ASSERT_TRUE(relay);
  pass();
  const auto peer = stranger();
  for (int i = 0; i < 300; ++i) peer->send(address_of(*relay), pattern(500, 0));
  settle();
  peer->send(address_of(*relay), pattern(3'000, 0));
  ASSERT_TRUE(pass_until([&] { return loop->counters().truncated_drops == 1; }));
  EXPECT_GT(loop->counters().kernel_drops, 0u);
  EXPECT_EQ(loop->counters().kernel_drops + notebook.received.size(), 300u);
}

// More is asked of the kernel than the control area has room for.
TEST_P(LoopReceive, ADatagramWhoseControlMessagesWereCutIsACountedDrop) {
  if (!world_has().descriptors) GTEST_SKIP() << "a simulated datagram has no control messages";
  UdpSocketSpec spec;
  spec.address = at("[::1]:0");
  auto socket = UdpSocket::open(spec, false);
  ASSERT_TRUE(socket);
  const int fd = socket->release();
  const auto say_more = [fd](int on) {
    EXPECT_EQ(::setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on), 0);
    EXPECT_EQ(::setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on), 0);
    EXPECT_EQ(::setsockopt(fd, IPPROTO_IPV6, IPV6_RECVORIGDSTADDR, &on, sizeof on), 0);
  };
  say_more(1);
  const auto relay = loop->adopt({fd}, spec, 0, false);
  ASSERT_TRUE(relay);
  const auto peer = stranger("::1");
  peer->send(address_of(*relay), "where does this one end?");
  ASSERT_TRUE(pass_until([&] { return loop->counters().control_truncated_drops == 1; }));

  say_more(0);
  peer->send(address_of(*relay), "whole");
  ASSERT_TRUE(receive(1));
  EXPECT_THAT(notebook.texts(), ElementsAre("whole"));
  EXPECT_EQ(loop->counters().control_truncated_drops, 1u);
  EXPECT_EQ(loop->counters().truncated_drops, 0u);
}

TEST_P(LoopReceive, ViewsStayValidUntilThePassEndsWhateverIsSentMeanwhile) {
  LoopSettings settings = small_settings();
  settings.send_queue = 4;
  settings.small_buffers = 64;
  restart(settings);
  const SocketId relay = open("127.0.0.1:0");
  const auto peer = stranger();
  std::vector<std::pair<Bytes, std::string>> views;
  notebook.on_datagram = [&](ReceivedDatagram& d) {
    views.emplace_back(d.packet.bytes(), as_string(d.packet.bytes()));
    // To the socket itself, so that buffers are in demand while the batch is handled.
    for (int i = 0; i < 8 && notebook.received.size() < 200; ++i) {
      send(relay, address_of(relay), "more and more");
    }
    for (const auto& [view, text] : views) EXPECT_EQ(as_string(view), text);
  };
  for (unsigned i = 0; i < 32; ++i) peer->send(address_of(relay), pattern(100, i));
  ASSERT_TRUE(pass_until([&] {
    views.clear();
    return notebook.received.size() >= 200;
  }));
}

INSTANTIATE_TEST_SUITE_P(Worlds, LoopReceive, testing::ValuesIn(all_worlds()), name_of_world);

}  // namespace
}  // namespace uturn
