// Connections of clients in virtual time: what they say in pieces, how long they are waited for,
// and what a slow one costs.
#include <gtest/gtest.h>

#include "protocol/channel_data.h"
#include "tests/simulation/stream_visitor.h"

namespace uturn {
namespace {

constexpr std::string_view kPeer = "198.51.100.7:5000";

class ClientStreamsOver : public testing::TestWithParam<bool> {
 protected:
  Manners manners() const { return {.speaks_tls = GetParam()}; }
  StreamWorld world{stream_server()};
};

/// "hello" on a channel; nothing where it is no such message, whole.
std::string text_on_channel(const std::vector<uint8_t>& frame) {
  std::vector<uint8_t> bytes = frame;
  const auto message = parse_channel_data(bytes);
  return message && message->channel.value() == 0x4000 ? std::string{text_of(message->data)} : "";
}

// The weather cuts what is sent into segments by chance, and what is lost comes late.
TEST_P(ClientStreamsOver, DataGoesBothWaysHoweverItIsCut) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    StreamWorld stormy(stream_server(), seed);
    UdpPeer peer(stormy, kPeer);
    StreamVisitor alice(stormy, "203.0.113.1:4000", manners());
    const TransportAddress relayed = alice.allocate();
    alice.bind_channel(0x4000, kPeer);
    std::vector<std::string> said;
    for (size_t size = 0; size < 60; ++size) {
      said.emplace_back(size * size % 1'300, static_cast<char>('a' + size % 26));
      alice.send_channel_data(0x4000, said.back());
    }
    ASSERT_TRUE(stormy.run_until([&] { return peer.heard.size() > 45; }));
    for (const std::string& text : said) peer.send(relayed, text);
    ASSERT_TRUE(stormy.run_until([&] { return alice.frames.size() > 45; }));
    for (const auto& frame : alice.frames) {
      const std::string text = text_on_channel(frame);
      EXPECT_TRUE(std::ranges::find(said, text) != said.end()) << text.size();
    }
  }
}

TEST_P(ClientStreamsOver, AnAllocationEndsWithItsConnection) {
  StreamVisitor alice(world, "203.0.113.1:4000", manners());
  alice.allocate();
  EXPECT_EQ(world.allocations(), 1U);
  alice.leave();
  EXPECT_TRUE(world.run_until([&] { return world.allocations() == 0; }));
  EXPECT_EQ(world.counters().connections, 0U);

  StreamVisitor bob(world, "203.0.113.1:4001", manners());
  bob.allocate();
  bob.reset();
  EXPECT_TRUE(world.run_until([&] { return world.allocations() == 0; }));
}

// RFC 8656, Section 7.1: a client keeps its connection as long as it has its allocation; so do we.
TEST_P(ClientStreamsOver, IsKeptWhileItHasAnAllocationAndAWhileLonger) {
  StreamVisitor alice(world, "203.0.113.1:4000", manners());
  alice.allocate();
  world.run_for(590s);
  EXPECT_FALSE(alice.is_over()) << "silent for nearly ten minutes, and allocated";
  EXPECT_EQ(world.allocations(), 1U);
  world.run_for(30s);
  EXPECT_EQ(world.allocations(), 0U) << "expired: nobody refreshed it";
  EXPECT_FALSE(alice.is_over()) << "it may allocate anew";
  alice.allocate();
  alice.ask(Method::refresh, [](auto& m) { m.add_u32(AttributeType::lifetime, 0); });
  world.run_for(50s);
  EXPECT_FALSE(alice.is_over());
  world.run_for(150s);
  EXPECT_TRUE(alice.has_ended());
  EXPECT_EQ(world.closed_for(CloseReason::idle), 1U);
}

TEST_P(ClientStreamsOver, ASlowReaderLosesTheOldestDataAndOnlyWholeMessages) {
  StreamWorld slow(stream_server([](ServerSpec& spec) {
    spec.streams.queue_bytes = 128 * 1024;
    spec.streams.queue_age = std::chrono::hours(1);
  }));
  UdpPeer peer(slow, kPeer);
  Manners reads_little = manners();
  reads_little.receive_buffer = 4'096;
  StreamVisitor alice(slow, "203.0.113.1:4000", reads_little);
  const TransportAddress relayed = alice.allocate();
  alice.bind_channel(0x4000, kPeer);
  alice.reads = false;
  slow.network.set_weather({});
  for (int i = 0; i < 400; ++i) {
    peer.send(relayed, std::to_string(100'000 + i) + std::string(994, '.'));
    slow.run_for(std::chrono::milliseconds(1));
  }
  EXPECT_GT(slow.counters().dropped_full, 0U);
  alice.send_request(Method::binding);
  alice.read_on();
  EXPECT_TRUE(slow.run_until([&] { return alice.answer().has_value(); })) << "answers are kept";
  slow.run_for(20s);
  ASSERT_FALSE(alice.frames.empty());
  std::string last;
  for (const auto& frame : alice.frames) {
    const std::string text = text_on_channel(frame);
    ASSERT_EQ(text.size(), 1'000U) << "torn";
    EXPECT_LT(last, text) << "out of order";
    last = text;
  }
  EXPECT_LT(alice.frames.size(), 300U);
  EXPECT_EQ(last.substr(0, 6), "100399") << "the newest is the most useful";
}

TEST_P(ClientStreamsOver, WhoReadsAByteASecondCostsAQueueAndTearsNothing) {
  UdpPeer peer(world, kPeer);
  Manners reads_little = manners();
  reads_little.receive_buffer = 4'096;
  StreamVisitor alice(world, "203.0.113.1:4000", reads_little);
  const TransportAddress relayed = alice.allocate();
  alice.bind_channel(0x4000, kPeer);
  alice.reads = false;
  StreamVisitor bob(world, "203.0.113.2:4000", manners());
  for (int second = 0; second < 90; ++second) {
    for (int i = 0; i < 40; ++i) peer.send(relayed, std::string(1'200, 'x'));
    alice.read_part(1);
    world.run_for(1s);
    if (second % 30 == 0) {
      EXPECT_TRUE(bob.ask(Method::binding).is_success()) << "others notice nothing";
    }
  }
  EXPECT_FALSE(alice.is_over());
  EXPECT_GT(world.counters().dropped_old, 2'000U);
  alice.send_request(Method::binding);
  alice.read_on();
  EXPECT_TRUE(world.run_until([&] { return alice.answer().has_value(); }));
  for (const auto& frame : alice.frames) EXPECT_EQ(text_on_channel(frame).size(), 1'200U);
}

TEST_P(ClientStreamsOver, DataThatWaitsTooLongIsDroppedThoughNothingElseHappens) {
  UdpPeer peer(world, kPeer);
  Manners reads_little = manners();
  reads_little.receive_buffer = 4'096;
  StreamVisitor alice(world, "203.0.113.1:4000", reads_little);
  const TransportAddress relayed = alice.allocate();
  alice.bind_channel(0x4000, kPeer);
  alice.reads = false;
  for (int i = 0; i < 300; ++i) peer.send(relayed, std::string(1'200, 'x'));
  world.run_for(1s);
  EXPECT_EQ(world.counters().dropped_old, 0U);
  world.run_for(3s);
  const uint64_t dropped = world.counters().dropped_old;
  EXPECT_GT(dropped, 0U);
  alice.read_on();
  world.run_for(20s);
  EXPECT_EQ(world.counters().dropped_old, dropped);
  for (const auto& frame : alice.frames) EXPECT_EQ(text_on_channel(frame).size(), 1'200U);
}

INSTANTIATE_TEST_SUITE_P(Transports, ClientStreamsOver, testing::Bool(),
                         [](const auto& over) { return over.param ? "Tls" : "Tcp"; });

class ClientStreamsLife : public testing::Test {
 protected:
  StreamWorld world{stream_server()};
  /// That says these words, and no more.
  bool ends_within(Duration time, const std::string& words, CloseReason why) {
    StreamVisitor stranger(world, "203.0.113.9:" + std::to_string(next_port_++),
                           {.first_words = words});
    stranger.listen_to_bytes();
    const uint64_t before = world.closed_for(why);
    world.run_for(time);
    const bool is_closed = stranger.is_over() && world.closed_for(why) == before + 1;
    EXPECT_EQ(stranger.heard, "") << words;
    EXPECT_EQ(world.counters().connections, is_closed ? 0U : 1U);
    return is_closed;
  }
  uint16_t next_port_ = 1'000;
};

TEST_F(ClientStreamsLife, WhoDoesNotGetToThePointIsClosedInTime) {
  for (const std::string words : {"", "G", "\x01", "GE"}) {
    EXPECT_FALSE(ends_within(5s, words, CloseReason::no_first_message));
    world.run_for(1s);
    EXPECT_TRUE(ends_within(12s, words, CloseReason::no_first_message)) << words;
  }
  const std::string half_a_request("\x00\x01\x00\x00\x21\x12\xA4\x42", 8);
  EXPECT_TRUE(ends_within(12s, half_a_request, CloseReason::no_first_message));
  EXPECT_TRUE(ends_within(12s, "\x16\x03\x01", CloseReason::handshake_timeout));
}

TEST_F(ClientStreamsLife, WhatIsNotTurnIsClosedAtOnce) {
  EXPECT_TRUE(ends_within(1s, std::string(16, '\xFF'), CloseReason::not_turn));
  EXPECT_TRUE(
      ends_within(1s, std::string("\x00\x01\x00\x00\x21\x12\xA4\x43", 8), CloseReason::not_turn));
  EXPECT_TRUE(ends_within(1s, "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n", CloseReason::not_turn));
  EXPECT_TRUE(ends_within(1s, std::string("\x00\x01\xFF\xFC\x21\x12\xA4\x42", 8),
                          CloseReason::frame_too_long));
}

TEST_F(ClientStreamsLife, ALongFrameIsForThoseWithAnAllocation) {
  StreamVisitor alice(world, "203.0.113.1:4000");
  alice.allocate();
  alice.bind_channel(0x4000, kPeer);
  UdpPeer peer(world, kPeer);
  alice.send_channel_data(0x4000, std::string(60'000, 'x'));
  EXPECT_TRUE(world.run_until([&] { return !peer.heard.empty(); }));
  EXPECT_EQ(peer.heard.front().size(), 60'000U);
  alice.ask(Method::refresh, [](auto& m) { m.add_u32(AttributeType::lifetime, 0); });
  alice.send_channel_data(0x4000, std::string(60'000, 'x'));
  EXPECT_TRUE(world.run_until([&] { return alice.is_over(); }));
  EXPECT_EQ(world.closed_for(CloseReason::frame_too_long), 1U);
}

TEST_F(ClientStreamsLife, ABrowserIsToldThatThisIsNoWebServer) {
  StreamVisitor browser(world, "203.0.113.2:999",
                        {.first_words = "GET / HTTP/1.1\r\nHost: turn.example.org\r\n\r\n"});
  browser.listen_to_bytes();
  EXPECT_TRUE(world.run_until([&] { return browser.has_ended(); }));
  EXPECT_TRUE(browser.heard.starts_with("HTTP/1.1 400 Bad Request\r\n")) << browser.heard;
  browser.leave();
  EXPECT_TRUE(world.run_until([&] { return world.counters().connections == 0; }, 1s));
  EXPECT_EQ(world.closed_for(CloseReason::http), 1U);
}

TEST_F(ClientStreamsLife, WhoNeitherReadsTheFarewellNorLeavesIsClosedAllTheSame) {
  StreamVisitor browser(world, "203.0.113.2:999", {.first_words = "POST / HTTP/1.1\r\n"});
  browser.reads = false;
  world.run_for(1s);
  EXPECT_EQ(world.counters().connections, 1U);
  world.run_for(5s);
  EXPECT_EQ(world.counters().connections, 0U);
}

TEST_F(ClientStreamsLife, ARequestWithFinBehindItIsAnswered) {
  StreamVisitor alice(world, "203.0.113.1:4000");
  alice.ask(Method::binding);  // so that it is connected
  alice.send_request(Method::binding);
  alice.end_writing();
  EXPECT_TRUE(world.run_until([&] { return alice.has_ended(); }));
  ASSERT_TRUE(alice.answer());
  EXPECT_TRUE(alice.answer()->is_success());
}

TEST_F(ClientStreamsLife, AThousandRequestsAtOnceAreAllAnswered) {
  StreamVisitor alice(world, "203.0.113.1:4000");
  for (int i = 0; i < 1'000; ++i) alice.send_request(Method::binding);
  EXPECT_TRUE(world.run_until([&] { return alice.frames.size() == 999; }));
}

TEST(ClientStreamsLimits, OneSourceHasItsShareAndGivesItBack) {
  StreamWorld world(
      stream_server([](ServerSpec& spec) { spec.connections.connections_per_source = 2; }));
  auto one = std::make_unique<StreamVisitor>(world, "203.0.113.1:1");
  StreamVisitor two(world, "203.0.113.1:2");
  world.run_for(1s);
  StreamVisitor three(world, "203.0.113.1:3"), other(world, "203.0.113.2:3");
  world.run_for(1s);
  EXPECT_TRUE(three.was_reset());
  EXPECT_FALSE(two.is_over() || other.is_over());
  one.reset();
  world.run_for(1s);
  StreamVisitor four(world, "203.0.113.1:4");
  EXPECT_TRUE(four.ask(Method::binding).is_success());
  EXPECT_EQ(world.closed_for(CloseReason::too_many_of_source), 1U);
}

TEST(ClientStreamsLimits, HandshakesThatStandStillTakeNobodysPlaceForLong) {
  StreamWorld world(stream_server([](ServerSpec& spec) { spec.connections.handshakes = 4; }));
  std::vector<std::unique_ptr<StreamVisitor>> villains;
  const std::string hello("\x16\x03\x01\x00\xf0\x01\x00\x00\xec\x03\x03", 11);
  for (int i = 0; i < 20; ++i) {
    villains.push_back(std::make_unique<StreamVisitor>(
        world, "203.0.113.9:" + std::to_string(100 + i), Manners{.first_words = hello}));
  }
  world.run_for(1s);
  EXPECT_EQ(world.closed_for(CloseReason::too_many_handshakes), 16U);
  EXPECT_TRUE(StreamVisitor(world, "203.0.113.1:1").ask(Method::binding).is_success());
  world.run_for(12s);
  EXPECT_EQ(world.closed_for(CloseReason::handshake_timeout), 4U);
  StreamVisitor alice(world, "203.0.113.1:2", {.speaks_tls = true});
  EXPECT_TRUE(alice.ask(Method::binding).is_success());
}

TEST(ClientStreamsLimits, WithoutDescriptorsConnectionsWait) {
  StreamWorld world(stream_server());
  world.server.set_trouble({.no_descriptors = 500});
  for (int i = 0; i < 20; ++i) {
    StreamVisitor alice(world, "203.0.113.1:" + std::to_string(10 + i));
    EXPECT_TRUE(alice.ask(Method::binding).is_success());
  }
}

class ClientStreamsProxied : public testing::Test {
 protected:
  StreamWorld world{stream_server(
      [](ServerSpec& spec) { spec.streams.proxies = {*AddressRange::parse("203.0.113.80")}; })};
  static constexpr std::string_view kHeader = "PROXY TCP4 192.0.2.77 192.0.2.10 4000 3478\r\n";
};

TEST_F(ClientStreamsProxied, TheClientIsWhomTheHeaderAnnounces) {
  for (const bool tls : {false, true}) {
    StreamVisitor alice(world, "203.0.113.80:" + std::to_string(1 + tls),
                        {.speaks_tls = tls, .first_words = std::string{kHeader}});
    alice.address = *TransportAddress::parse("192.0.2.77:4000");
    alice.allocate();  // expects that address
  }
}

TEST_F(ClientStreamsProxied, WithoutAHeaderNobodyIsServed) {
  StreamVisitor alice(world, "203.0.113.80:1");
  alice.send_request(Method::binding);
  EXPECT_TRUE(world.run_until([&] { return alice.is_over(); }));
  EXPECT_FALSE(alice.answer());
  EXPECT_EQ(world.closed_for(CloseReason::proxy_header), 1U);
}

TEST_F(ClientStreamsProxied, ALaterConnectionOfOneAddressEndsTheEarlier) {
  const Manners proxied{.first_words = std::string{kHeader}};
  StreamVisitor first(world, "203.0.113.80:1", proxied);
  first.address = *TransportAddress::parse("192.0.2.77:4000");
  first.allocate();
  StreamVisitor second(world, "203.0.113.80:2", proxied);
  second.address = first.address;
  second.allocate();
  EXPECT_TRUE(first.is_over());
  EXPECT_EQ(world.allocations(), 1U) << "the second's";
  first.leave();
  world.run_for(5s);
  EXPECT_EQ(world.allocations(), 1U) << "the end of the first is none of the second";
}

}  // namespace
}  // namespace uturn
