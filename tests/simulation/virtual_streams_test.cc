// The virtual network's TCP behaves as the kernel's does: same bytes in the same order, whatever
// the weather; back-pressure, half-closed streams, resets, refusals, TIME_WAIT.
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "tests/simulation/world/simulated_loop.h"
#include "tests/simulation/world/virtual_network.h"

namespace uturn {
namespace {

TransportAddress at(std::string_view text) { return *TransportAddress::parse(text); }

std::string pattern(size_t size) {
  std::string bytes(size, '\0');
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 31 + (i >> 8));
  return bytes;
}

/// A machine with one loop. Reads whatever comes, unless it is told to let it wait; writes what it
/// has to say as far as there is room.
class Host final : public LoopHandler {
 public:
  explicit Host(VirtualNetwork& network) : loop(network, LoopSettings{}) {}

  Streams& streams() { return loop.streams(); }
  SocketId listen(std::string_view address) {
    StreamSpec spec;
    spec.address = at(address);
    spec.reuse_address = true;
    return *streams().listen(spec, 1);
  }
  SocketId connect(std::string_view from, std::string_view to) {
    StreamSpec spec;
    spec.address = at(from);
    return *streams().connect(spec, at(to), 2);
  }
  void say(SocketId id, const std::string& words) {
    to_say[id.slot] += words;
    write(id);
  }
  void read(SocketId id) {
    std::array<uint8_t, 1'000> buffer;
    for (;;) {
      const auto size = streams().read(id, buffer);
      if (!size) {
        if (size.error() != StreamError::would_block) ends[id.slot] = size.error();
        return;
      }
      heard[id.slot] += text_of(Bytes{buffer}.first(*size));
    }
  }
  void write(SocketId id) {
    std::string& words = to_say[id.slot];
    while (!words.empty()) {
      const Bytes pieces[] = {bytes_of(words)};
      const auto size = streams().write(id, pieces);
      if (!size) return;
      words.erase(0, *size);
    }
  }

  void on_datagrams(std::span<ReceivedDatagram>) override {}
  void on_icmp_error(const IcmpError&) override {}
  void on_wake() override {}
  void on_accepted(std::span<const AcceptedStream> batch) override {
    accepted.insert(accepted.end(), batch.begin(), batch.end());
  }
  void on_stream_events(std::span<const StreamEvent> batch) override {
    for (const StreamEvent& event : batch) {
      events.push_back(event);
      if (event.failed) failures[event.socket.slot] = streams().error(event.socket);
      if (event.readable && reads) read(event.socket);
      if (event.writable) write(event.socket);
    }
  }

  SimulatedLoop loop;
  bool reads = true;
  std::vector<AcceptedStream> accepted;
  std::vector<StreamEvent> events;
  std::map<uint32_t, std::string> to_say, heard;  // by slot
  std::map<uint32_t, StreamError> ends, failures;
};

class VirtualStreams : public testing::Test {
 protected:
  VirtualStreams() {
    network.set_weather({.lost = 100,
                         .shortest_delay = std::chrono::milliseconds(1),
                         .longest_delay = std::chrono::milliseconds(50)});
  }
  void run_for(Duration duration) {
    const Instant end = network.now().monotonic + duration;
    do {
      for (Host* host : {&server, &client}) {
        while (host->loop.is_ready()) host->loop.run_pass(*host, network.now().monotonic);
      }
    } while (network.step(end));
    network.run_until(end);
  }
  /// The client's end of a connection that stands.
  SocketId connected() {
    listener = server.listen("192.0.2.10:3478");
    const SocketId id = client.connect("203.0.113.1:4000", "192.0.2.10:3478");
    run_for(5s);
    CHECK(server.accepted.size() == 1);
    accepted = server.accepted[0].socket;
    return id;
  }

  VirtualNetwork network{1};
  Host server{network};
  Host client{network};
  SocketId listener, accepted;
};

TEST_F(VirtualStreams, AnyWeatherAndSegmentationGiveTheSameBytes) {
  const SocketId id = connected();
  EXPECT_EQ(server.accepted[0].from, at("203.0.113.1:4000"));
  EXPECT_EQ(server.accepted[0].to, at("192.0.2.10:3478"));
  client.say(id, pattern(300'000));
  server.say(accepted, pattern(100'000));
  run_for(600s);
  EXPECT_EQ(server.heard[accepted.slot], pattern(300'000));
  EXPECT_EQ(client.heard[id.slot], pattern(100'000));
}

TEST_F(VirtualStreams, WhoHasEndedWritingStillReads) {
  const SocketId id = connected();
  client.say(id, "the last word");
  client.streams().end_writing(id);
  run_for(5s);
  EXPECT_EQ(server.heard[accepted.slot], "the last word");
  EXPECT_EQ(server.ends[accepted.slot], StreamError::ended);

  server.say(accepted, "not quite");
  run_for(5s);
  EXPECT_EQ(client.heard[id.slot], "not quite");
  server.streams().close(accepted);
  run_for(5s);
  EXPECT_EQ(client.ends[id.slot], StreamError::ended);
}

TEST_F(VirtualStreams, WhoDoesNotReadHoldsTheSenderBack) {
  const SocketId id = connected();
  server.reads = false;
  client.say(id, pattern(300'000));
  run_for(600s);
  const size_t held_back = client.to_say[id.slot].size();
  EXPECT_GE(held_back, 300'000 - 2 * StreamEnd::kDefaultBuffer);

  server.reads = true;
  server.read(accepted);
  run_for(600s);
  EXPECT_EQ(server.heard[accepted.slot], pattern(300'000));
}

TEST_F(VirtualStreams, AnEdgeIsToldOnce) {
  const SocketId id = connected();
  server.reads = false;
  server.events.clear();
  client.say(id, "one");
  run_for(5s);
  client.say(id, "two");
  run_for(5s);
  EXPECT_EQ(server.events.size(), 1u);

  server.read(accepted);
  client.say(id, "three");
  run_for(5s);
  EXPECT_EQ(server.events.size(), 2u);
}

// A writer that waits after a write which took a part, and does not try again at once.
TEST_F(VirtualStreams, ARoomThatCameBackIsTold) {
  const SocketId id = connected();
  const std::string words = pattern(200'000);
  size_t said = 0;
  while (said < words.size()) {
    client.events.clear();
    const Bytes rest[] = {bytes_of(words).subspan(said)};
    const auto size = client.streams().write(id, rest);
    ASSERT_TRUE(size) << said;
    said += *size;
    run_for(60s);
    ASSERT_TRUE(said == words.size() || !client.events.empty()) << said;
  }
  EXPECT_EQ(server.heard[accepted.slot], words);
}

TEST_F(VirtualStreams, AReminderIsAnEvent) {
  connected();
  server.events.clear();
  server.streams().remind(accepted);
  run_for(1s);
  ASSERT_EQ(server.events.size(), 1u);
  EXPECT_TRUE(server.events[0].readable && server.events[0].writable);
}

TEST_F(VirtualStreams, WhereNobodyListensIsRefused) {
  const SocketId id = client.connect("203.0.113.1:4000", "192.0.2.10:3478");
  run_for(5s);
  EXPECT_EQ(client.failures[id.slot], StreamError::refused);
}

TEST_F(VirtualStreams, WhoNeverAnswersTimesOut) {
  network.streams().swallow(*IpAddress::parse("192.0.2.10"));
  const SocketId id = client.connect("203.0.113.1:4000", "192.0.2.10:3478");
  run_for(120s);
  EXPECT_TRUE(client.failures.empty());
  run_for(10s);
  EXPECT_EQ(client.failures[id.slot], StreamError::timed_out);
}

TEST_F(VirtualStreams, AResetComesBehindWhatWasReceived) {
  const SocketId id = connected();
  client.reads = false;
  server.say(accepted, "so far");
  run_for(5s);
  server.streams().reset_on_close(accepted);
  server.streams().close(accepted);
  run_for(5s);
  EXPECT_EQ(client.failures[id.slot], StreamError::reset);
  client.read(id);
  EXPECT_EQ(client.heard[id.slot], "so far");
  EXPECT_EQ(client.ends[id.slot], StreamError::reset);
}

TEST_F(VirtualStreams, ClosingOverUnreadBytesResets) {
  const SocketId id = connected();
  server.reads = false;
  client.say(id, "unheard");
  run_for(5s);
  server.streams().close(accepted);
  run_for(5s);
  EXPECT_EQ(client.failures[id.slot], StreamError::reset);
}

TEST_F(VirtualStreams, WhatWasWrittenArrivesAfterTheClose) {
  const SocketId id = connected();
  client.say(id, pattern(50'000));
  ASSERT_TRUE(client.to_say[id.slot].empty());
  client.streams().close(id);
  run_for(60s);
  EXPECT_EQ(server.heard[accepted.slot], pattern(50'000));
  EXPECT_EQ(server.ends[accepted.slot], StreamError::ended);
}

TEST_F(VirtualStreams, TheFourTupleOfWhoClosedFirstRestsForAMinute) {
  client.streams().close(connected());
  run_for(5s);
  server.streams().close(accepted);
  StreamSpec again;
  again.address = at("203.0.113.1:4000");
  again.reuse_address = true;
  const TransportAddress to = at("192.0.2.10:3478");
  EXPECT_EQ(client.streams().connect(again, to, 0).error(), StreamError::address_not_available);
  run_for(60s);
  EXPECT_TRUE(client.streams().connect(again, to, 0).has_value());
}

TEST_F(VirtualStreams, WithoutDescriptorsConnectionsWait) {
  server.loop.set_trouble({.no_descriptors = 1'000});
  server.listen("192.0.2.10:3478");
  client.connect("203.0.113.1:4000", "192.0.2.10:3478");
  run_for(5s);
  EXPECT_TRUE(server.accepted.empty());
  EXPECT_GT(server.loop.counters().streams_refused, 1u);
  server.loop.set_trouble({});
  run_for(1s);
  EXPECT_EQ(server.accepted.size(), 1u);
}

TEST_F(VirtualStreams, WhatComesBetweenTwoLoopsIsNotLost) {
  const SocketId id = connected();
  const LooseSocket loose = server.streams().detach(accepted);
  client.say(id, "on the way");
  run_for(5s);
  const SocketId adopted = *client.streams().adopt(loose, 7);
  run_for(5s);
  EXPECT_EQ(client.heard[adopted.slot], "on the way");
}

TEST_F(VirtualStreams, NothingRemains) {
  const SocketId id = connected();
  client.say(id, pattern(50'000));
  run_for(60s);
  client.streams().close(id);
  run_for(5s);
  server.streams().close(accepted);
  server.streams().close(listener);
  run_for(300s);
  EXPECT_EQ(network.streams().size(), 0u);
  EXPECT_EQ(server.loop.open_streams(), 0u);
  EXPECT_EQ(server.loop.counters().streams, 0u);
  EXPECT_TRUE(network.is_silent());
}

TEST(VirtualStreamsBySeed, TheSameSeedIsTheSameRun) {
  const auto run = [](uint64_t seed) {
    VirtualNetwork network(seed);
    Host host{network};
    host.listen("192.0.2.10:3478");
    const SocketId id = host.connect("203.0.113.1:4000", "192.0.2.10:3478");
    host.say(id, pattern(10'000));
    do {
      while (host.loop.is_ready()) host.loop.run_pass(host, network.now().monotonic);
    } while (network.step(network.now().monotonic + 1s));
    return network.trace();
  };
  EXPECT_EQ(run(5), run(5));
  EXPECT_NE(run(5), run(6));
}

}  // namespace
}  // namespace uturn
