// UringReceiver where the kernel had no memory for a completion: it is lost, and nobody says which.
#include "io/uring_receiver.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "io/udp_socket.h"
#include "io/uring_loop.h"
#include "tests/io/loop_harness.h"

namespace uturn {
namespace {

// A receiver on a ring of its own, whose completions the test can lose.
class LostCompletions : public testing::Test {
 protected:
  static LoopSettings small_settings() {
    LoopSettings settings;
    settings.max_sockets = 3'000;  // more than are questioned in one pass
    settings.small_buffers = 64;
    settings.large_buffers = 4;
    return settings;
  }

  void SetUp() override {
    if (const auto possible = probe_uring(); !possible) GTEST_SKIP() << possible.error();
    auto made = Ring::create(1'024, 4'096);
    ASSERT_TRUE(made) << made.error();
    ring_ = std::move(*made);
    ASSERT_EQ(receiver_.register_with(*ring_), 0);
    ring_->enable();
  }
  void TearDown() override { ring_.reset(); }

  SocketId open() {
    UdpSocketSpec spec;
    spec.address = at("127.0.0.1:0");
    auto socket = UdpSocket::open(spec, false);
    CHECK(socket);
    const auto id = sockets_.add({.fd = socket->fd(), .address = socket->local_address()});
    CHECK(id);
    open_.push_back(std::move(*socket));
    receiver_.begin(*id);
    return *id;
  }
  TransportAddress address_of(SocketId id) { return sockets_.find(id)->address; }

  void lose_completions() {
    ring_->poll();
    ring_->for_each_completion([this](const io_uring_cqe&) { ++lost_; });
  }
  void collect() {
    ring_->poll();
    ring_->for_each_completion([this](const io_uring_cqe& completion) {
      const UserData data = UserData::decode(completion.user_data);
      if (data.request != RingRequest::cancel) return receiver_.on_completion(data, completion);
      receiver_.on_cancel_refused(data.socket, completion.res);
    });
  }
  void pass() {
    receiver_.question_doubted(*ring_);
    receiver_.arm_wanting(*ring_);
    collect();
    for (const ReceivedDatagram& d : receiver_.take_batch()) {
      heard_.push_back(as_string(d.packet.bytes()));
    }
    receiver_.give_back();
  }
  // Whether what is sent to the socket is heard within some passes.
  bool hears(SocketId id, const std::string& text) {
    stranger_->send(address_of(id), text);
    for (int i = 0; i < 400 && std::ranges::count(heard_, text) == 0; ++i) pass();
    return std::ranges::count(heard_, text) == 1;
  }
  // Its receive ends with an empty datagram, and the completion that says so is lost.
  void make_deaf(SocketId id) {
    stranger_->send(address_of(id), "");
    lose_completions();
  }

  std::vector<UdpSocket> open_;
  LoopCounters counters_;
  SocketTable sockets_{small_settings().max_sockets};
  UringReceiver receiver_{small_settings(), sockets_, counters_};
  std::unique_ptr<Ring> ring_;
  std::unique_ptr<Stranger> stranger_ = kernel_stranger("127.0.0.1");
  std::vector<std::string> heard_;
  int lost_ = 0;
};

TEST_F(LostCompletions, LeaveNoSocketDeafOnceTheyAreNoticed) {
  const SocketId deaf = open();
  const SocketId healthy = open();
  pass();
  make_deaf(deaf);
  EXPECT_EQ(lost_, 1);
  EXPECT_FALSE(hears(deaf, "nobody listens"));
  receiver_.on_completions_lost();
  pass();
  ASSERT_TRUE(hears(deaf, "listening again"));
  EXPECT_EQ(heard_.front(), "nobody listens") << "what the socket had queued meanwhile";
  EXPECT_TRUE(hears(healthy, "and I never stopped"));
  EXPECT_FALSE(receiver_.has_doubted());
  EXPECT_FALSE(receiver_.has_wanting());
}

TEST_F(LostCompletions, AreAskedAboutInPortionsAndOnlyOnce) {
  std::vector<SocketId> ids;
  for (int i = 0; i < 2'100; ++i) ids.push_back(open());
  while (receiver_.has_wanting()) pass();
  make_deaf(ids.back());
  receiver_.on_completions_lost();
  pass();
  EXPECT_TRUE(receiver_.has_doubted()) << "all in one pass";
  receiver_.on_completions_lost();  // more of them, meanwhile: from the beginning
  for (int i = 0; i < 3; ++i) pass();
  EXPECT_FALSE(receiver_.has_doubted());
  for (const size_t i : {size_t{0}, size_t{1'500}, ids.size() - 1}) {
    EXPECT_TRUE(hears(ids[i], "socket " + std::to_string(i)));
  }
}

TEST_F(LostCompletions, KeepNoSocketFromBeingClosed) {
  const SocketId deaf = open();
  pass();
  make_deaf(deaf);
  receiver_.on_completions_lost();
  receiver_.prepare_cancel(*ring_, deaf);
  collect();
  EXPECT_FALSE(receiver_.is_armed(deaf));
  receiver_.close(deaf);
  EXPECT_FALSE(receiver_.has_wanting());
}

}  // namespace
}  // namespace uturn
