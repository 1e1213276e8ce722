// The loop contract, fairness: whoever floods a socket delays others by passes, not for ever.
#include <gmock/gmock.h>

#include "tests/io/loop_harness.h"

namespace uturn {
namespace {

class LoopFairness : public LoopContract {
 protected:
  static LoopSettings small_batches() {
    LoopSettings settings = small_settings();
    settings.batch = 32;
    settings.large_buffers = 32;
    return settings;
  }
  // Keeps more waiting on `to` than one pass can take.
  static void flood(Stranger& stranger, const TransportAddress& to) {
    static const std::string train = pattern(50 * 100, 9);
    for (int i = 0; i < 30; ++i) stranger.send_train(to, train, 100);
  }
  // How many passes it takes until five datagrams to `quiet` are heard, which come after the flood
  // began and while it goes on.
  int passes_until_heard(SocketId quiet, const std::vector<SocketId>& flooded) {
    const auto attacker = stranger();
    const auto client = stranger();
    int passes = 0;
    for (; notebook.texts_of(quiet).size() < 5 && passes < 200; ++passes) {
      for (const SocketId id : flooded) flood(*attacker, address_of(id));
      if (passes == 1) {
        for (int i = 0; i < 5; ++i) client->send(address_of(quiet), "me too");
      }
      pass();
    }
    return passes;
  }
};

TEST_P(LoopFairness, ListenersFloodedByTrainsStarveNoRelaySocket) {
  restart(small_batches());
  const SocketId one = open_listener("127.0.0.1:0");
  const SocketId two = open_listener("127.0.0.1:0");
  const SocketId quiet = open("127.0.0.1:0");
  EXPECT_LT(passes_until_heard(quiet, {one, two}), 100);
}

TEST_P(LoopFairness, AListenerFloodedByTrainsStarvesNoOtherListener) {
  restart(small_batches());
  const SocketId flooded = open_listener("127.0.0.1:0");
  const SocketId quiet = open_listener("127.0.0.1:0");
  EXPECT_LT(passes_until_heard(quiet, {flooded}), 100);
}

TEST_P(LoopFairness, ManyFloodedRelaySocketsStarveNoListener) {
  restart(small_batches());
  std::vector<SocketId> flooded;
  for (int i = 0; i < 40; ++i) flooded.push_back(open("127.0.0.1:0"));
  const SocketId quiet = open_listener("127.0.0.1:0");
  EXPECT_LT(passes_until_heard(quiet, flooded), 100);
}

TEST_P(LoopFairness, AFloodDelaysNoWake) {
  restart(small_batches());
  const SocketId flooded = open_listener("127.0.0.1:0");
  const auto attacker = stranger();
  for (int i = 0; i < 50; ++i) flood(*attacker, address_of(flooded));
  loop->wake();
  for (int i = 0; i < 50 && notebook.wakes == 0; ++i) pass();
  EXPECT_EQ(notebook.wakes, 1);
}

INSTANTIATE_TEST_SUITE_P(Worlds, LoopFairness, testing::ValuesIn(all_worlds()), name_of_world);

}  // namespace
}  // namespace uturn
