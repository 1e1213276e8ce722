// The loop contract: sockets that hold their port and are read by nobody yet.
#include <gmock/gmock.h>

#include "tests/io/loop_harness.h"

namespace uturn {
namespace {

using testing::ElementsAre;

class LoopReceivesLater : public LoopContract {};

// What was dropped before is nobody's loss: nobody was permitted to send it.
TEST_P(LoopReceivesLater, ASocketThatReceivesLaterIsSilentUntilThen) {
  UdpSocketSpec spec;
  spec.address = at("127.0.0.1:0");
  spec.receives_later = true;
  const auto relay = loop->open(spec, 7);
  ASSERT_TRUE(relay);
  const auto peer = stranger();
  for (int i = 0; i < 100; ++i) peer->send(address_of(*relay), "too early");
  settle();
  EXPECT_TRUE(notebook.received.empty());

  ASSERT_TRUE(loop->begin_receiving(*relay, spec));
  EXPECT_FALSE(loop->begin_receiving(*relay, spec)) << "once";
  settle();
  for (int i = 0; i < 20; ++i) peer->send(address_of(*relay), "hello");
  ASSERT_TRUE(receive(20));
  settle();
  for (const Received& r : notebook.received) {
    EXPECT_EQ(r.bytes, "hello");
    EXPECT_EQ(r.socket, *relay);
    EXPECT_EQ(r.tag, 7u);
    EXPECT_NE(r.ttl, 0);
  }
  EXPECT_EQ(notebook.received.size(), 20u);
  EXPECT_EQ(loop->counters().kernel_drops, 0u);
  EXPECT_EQ(loop->counters().datagrams_in, 20u);
}

TEST_P(LoopReceivesLater, ASocketThatNeverReceivedIsClosedLikeAnyOther) {
  UdpSocketSpec spec;
  spec.address = at("127.0.0.1:0");
  spec.receives_later = true;
  const auto relay = loop->open(spec, 0);
  ASSERT_TRUE(relay);
  pass();
  spec.address = address_of(*relay);
  loop->close(*relay);
  EXPECT_FALSE(loop->begin_receiving(*relay, spec)) << "it is gone";

  const auto again = loop->open(spec, 0);
  ASSERT_TRUE(again) << "its port is free at once";
  const LooseSocket loose = loop->detach(*again);
  const auto adopted = loop->adopt(loose, spec, 1, false);
  ASSERT_TRUE(adopted);
  const auto peer = stranger();
  peer->send(spec.address, "too early");
  settle();
  ASSERT_TRUE(loop->begin_receiving(*adopted, spec));
  peer->send(spec.address, "hello");
  ASSERT_TRUE(receive(1));
  EXPECT_THAT(notebook.texts(), ElementsAre("hello"));
}

INSTANTIATE_TEST_SUITE_P(Worlds, LoopReceivesLater, testing::ValuesIn(all_worlds()), name_of_world);

}  // namespace
}  // namespace uturn
