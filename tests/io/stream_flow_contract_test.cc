// The contract of streams, bytes: nothing is lost, who does not read holds back who writes, and
// each way a connection ends is told as what it is.
#include <gmock/gmock.h>

#include "tests/io/stream_harness.h"

namespace uturn {
namespace {

class StreamFlow : public StreamContract {
 protected:
  // Writes on, from where it came to, until it would block.
  void write_more(SocketId id, std::string_view text, size_t& written) {
    while (written < text.size()) {
      const auto took = write(id, text.substr(written));
      if (!took) {
        EXPECT_EQ(took.error(), StreamError::would_block);
        return;
      }
      written += *took;
    }
  }
  bool is_told(SocketId id, bool StreamEvent::* what) {
    return until([&] { return book.told_of(id).*what; });
  }
};

TEST_P(StreamFlow, AReaderOfSingleBytesHoldsBackTheWriterAndLosesNothing) {
  const auto [here, there] = connection();
  const std::string text = pattern(24 << 20, 1);
  size_t written = 0;
  book.on_event = [&, id = here](const StreamEvent& e) {
    if (e.socket == id && e.writable) write_more(id, text, written);
  };
  streams().remind(here);
  pass();
  ASSERT_GT(written, 0u);
  ASSERT_LT(written, text.size());

  std::string heard;
  for (int i = 0; i < 2'000; ++i) {
    heard += there->read(1);
    pass();
  }
  EXPECT_LT(written, text.size()) << "the loop took what nobody reads";
  ASSERT_TRUE(until([&] {
    heard += there->read();
    return heard.size() == text.size();
  }));
  EXPECT_TRUE(heard == text);
  EXPECT_EQ(loop->counters().stream_bytes_out, text.size());
}

TEST_P(StreamFlow, WhatTheHandlerDoesNotReadHoldsBackTheOtherSide) {
  const auto [here, there] = connection();
  const std::string text = pattern(24 << 20, 2);
  size_t sent = 0;
  for (int i = 0; i < 1'000; ++i) {
    sent += there->write(std::string_view(text).substr(sent));
    pass();
  }
  ASSERT_LT(sent, text.size());
  EXPECT_EQ(loop->counters().stream_bytes_in, 0u);

  std::string heard;
  ASSERT_TRUE(until([&] {
    sent += there->write(std::string_view(text).substr(sent));
    heard += read_all(here);
    return heard.size() == text.size();
  }));
  EXPECT_TRUE(heard == text);
  EXPECT_EQ(loop->counters().stream_bytes_in, text.size());
}

TEST_P(StreamFlow, ManyPiecesLeaveInTheirOrderAsOne) {
  const auto [here, there] = connection();
  std::vector<std::string> texts;
  for (unsigned i = 0; i < 200; ++i) texts.push_back(pattern(i % 7 * 10, i));
  std::vector<Bytes> pieces;
  std::string all;
  for (const std::string& text : texts) {
    pieces.push_back(bytes_of(text));
    all += text;
  }
  const auto took = streams().write(here, pieces);
  ASSERT_TRUE(took);
  EXPECT_EQ(*took, all.size());
  EXPECT_TRUE(hears(*there, all));
  EXPECT_EQ(loop->counters().stream_writes, 1u);
}

TEST_P(StreamFlow, NothingToReadAndNothingToWriteAreNoErrors) {
  const auto [here, there] = connection();
  EXPECT_EQ(read_all(here), "");
  EXPECT_EQ(last_error, StreamError::would_block);
  const auto nothing = write(here, "");
  ASSERT_TRUE(nothing);
  EXPECT_EQ(*nothing, 0u);
  EXPECT_EQ(streams().error(here), StreamError::would_block);
}

TEST_P(StreamFlow, AnEdgeIsToldForEachArrival) {
  const auto [here, there] = connection();
  for (int i = 0; i < 5; ++i) {
    book.events.clear();
    there->write("again");
    ASSERT_TRUE(is_told(here, &StreamEvent::readable));
    EXPECT_TRUE(hears(here, "again"));
  }
}

TEST_P(StreamFlow, WhatIsReadyIsToldOnceAndAgainWhenReminded) {
  const auto [here, there] = connection();
  there->write("not read");
  ASSERT_TRUE(is_told(here, &StreamEvent::readable));
  passes(20);
  const size_t told = book.events.size();
  passes(20);
  EXPECT_EQ(book.events.size(), told);
  streams().remind(here);
  ASSERT_TRUE(until([&] { return book.events.size() > told; }));
  EXPECT_TRUE(book.events.back().readable);
  EXPECT_TRUE(book.events.back().writable);
}

TEST_P(StreamFlow, TheirEndIsReadAndOursCanStillBeWritten) {
  const auto [here, there] = connection();
  there->write("that is all");
  there->end_writing();
  ASSERT_TRUE(is_told(here, &StreamEvent::readable));
  ASSERT_TRUE(hears(here, "that is all"));
  ASSERT_TRUE(until([&] { return read_all(here).empty() && last_error == StreamError::ended; }));
  EXPECT_EQ(streams().error(here), StreamError::would_block) << "an end is no failure";
  ASSERT_TRUE(write(here, "thank you"));
  EXPECT_TRUE(hears(*there, "thank you"));
  streams().end_writing(here);
  EXPECT_TRUE(until([&] { return there->has_ended(); }));
}

TEST_P(StreamFlow, OurEndIsReadAndTheirsCanStillBeHeard) {
  const auto [here, there] = connection();
  ASSERT_TRUE(write(here, "that is all"));
  streams().end_writing(here);
  EXPECT_TRUE(hears(*there, "that is all"));
  EXPECT_TRUE(until([&] { return there->has_ended(); }));
  const auto more = write(here, "one more thing");
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error(), StreamError::ended);
  there->write("thank you");
  EXPECT_TRUE(hears(here, "thank you"));
  book.events.clear();
  there->end_writing();
  ASSERT_TRUE(is_told(here, &StreamEvent::readable));
  EXPECT_EQ(read_all(here), "");
  EXPECT_EQ(last_error, StreamError::ended);
}

TEST_P(StreamFlow, AResetIsToldAndNeverTakenForAnEnd) {
  const auto [here, there] = connection();
  there->write("last words");
  ASSERT_TRUE(is_told(here, &StreamEvent::readable));
  there->reset();
  ASSERT_TRUE(is_told(here, &StreamEvent::failed));
  EXPECT_EQ(read_all(here), "last words");
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(read_all(here), "");
    EXPECT_EQ(last_error, StreamError::reset);
    const auto written = write(here, "are you there?");
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error(), StreamError::reset);
    EXPECT_EQ(streams().error(here), StreamError::reset);
  }
}

TEST_P(StreamFlow, AClosedConnectionEndsAndOneThatIsToBeResetIsReset) {
  const auto [ending, sees_end] = connection();
  const auto [resetting, sees_reset] = connection();
  ASSERT_TRUE(write(ending, "goodbye"));
  ASSERT_TRUE(write(resetting, "never mind"));
  passes(3);
  streams().reset_on_close(resetting);
  streams().close(ending);
  streams().close(resetting);
  EXPECT_TRUE(hears(*sees_end, "goodbye"));
  EXPECT_TRUE(until([&] { return sees_end->has_ended(); }));
  EXPECT_FALSE(sees_end->was_reset());
  EXPECT_TRUE(until([&] { return sees_reset->read().empty() && sees_reset->was_reset(); }));
}

// A handler that reads a part of what there is in each pass, and says remind().
TEST_P(StreamFlow, AFirehoseStarvesNeitherDatagramsNorOtherStreams) {
  const auto [flooded, firehose] = connection();
  const auto [quiet, client] = connection();
  const SocketId relay = open("127.0.0.1:0");
  const auto peer = stranger();
  std::string heard;
  book.on_event = [&, busy = flooded, calm = quiet](const StreamEvent& e) {
    std::array<uint8_t, 16'384> part;
    if (e.socket == busy && streams().read(busy, part)) streams().remind(busy);
    if (e.socket == calm) heard += read_all(calm);
  };
  const std::string flood = pattern(1 << 20, 3);
  int rounds = 0;
  for (; rounds < 200 && (heard.size() < 7 || book.received.size() < 5); ++rounds) {
    firehose->write(flood);
    if (rounds == 1) {
      for (int i = 0; i < 5; ++i) peer->send(loop->local_address(relay), "me too");
      client->write("and me!");
    }
    pass();
  }
  EXPECT_EQ(heard, "and me!");
  EXPECT_EQ(book.received.size(), 5u);
  EXPECT_LT(rounds, 100);
}

TEST_P(StreamFlow, FloodedDatagramSocketsStarveNoStream) {
  LoopSettings settings = small_settings();
  settings.batch = 32;
  settings.large_buffers = 32;
  restart(settings);
  const auto [here, there] = connection();
  std::vector<SocketId> flooded;
  for (int i = 0; i < 40; ++i) flooded.push_back(open("127.0.0.1:0"));
  const auto attacker = stranger();
  std::string heard;
  book.on_event = [&, id = here](const StreamEvent& e) {
    if (e.socket == id) heard += read_all(id);
  };
  int rounds = 0;
  for (; rounds < 200 && heard.empty(); ++rounds) {
    for (const SocketId id : flooded) {
      for (int i = 0; i < 4; ++i) attacker->send(loop->local_address(id), "flood");
    }
    if (rounds == 1) there->write("me too");
    pass();
  }
  EXPECT_EQ(heard, "me too");
  EXPECT_LT(rounds, 100);
}

INSTANTIATE_TEST_SUITE_P(Worlds, StreamFlow, testing::ValuesIn(all_worlds()), name_of_world);

}  // namespace
}  // namespace uturn
