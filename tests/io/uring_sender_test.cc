// UringSender where the completions of its sends were lost: it neither waits for them nor forgets
// them.
#include "io/uring_sender.h"

#include <gtest/gtest.h>

#include "io/udp_socket.h"
#include "io/uring_loop.h"
#include "tests/io/loop_harness.h"

namespace uturn {
namespace {

TEST(UringSender, SendsWhoseCompletionsWereLostCountAsDrops) {
  if (const auto possible = probe_uring(); !possible) GTEST_SKIP() << possible.error();
  LoopSettings settings;
  settings.max_sockets = 4;
  settings.small_buffers = settings.large_buffers = 4;
  LoopCounters counters;
  SocketTable sockets(settings.max_sockets);
  UringReceiver receiver(settings, sockets, counters);
  UringSender sender(settings, receiver, counters);
  auto ring = Ring::create(64, 4'096);
  ASSERT_TRUE(ring) << ring.error();
  (*ring)->enable();

  UdpSocketSpec spec;
  spec.address = at("127.0.0.1:0");
  auto socket = UdpSocket::open(spec, false);
  ASSERT_TRUE(socket);
  const OpenSocket open{.fd = socket->fd(), .address = socket->local_address()};
  const auto known = kernel_stranger("127.0.0.1");
  const auto lost = kernel_stranger("127.0.0.1");
  const std::string text = "same length";
  sender.queue().add(open, {{0, 0}, known->address(), {}, bytes_of(text), {}}, Instant{});
  for (int i = 0; i < 5; ++i) {  // one run
    sender.queue().add(open, {{0, 0}, lost->address(), {}, bytes_of(text), {}}, Instant{});
  }

  sender.submit(**ring);
  (*ring)->poll();
  (*ring)->for_each_completion([&](const io_uring_cqe& completion) {
    const uint32_t run = UserData::decode(completion.user_data).socket.slot;
    if (run == 0) sender.on_completion(run, completion.res);
  });
  ASSERT_EQ(sender.under_way(), 1u);
  sender.on_completions_lost();
  EXPECT_EQ(sender.under_way(), 0u);
  sender.settle(Instant{});
  EXPECT_EQ(counters.datagrams_out, 1u);
  EXPECT_EQ(counters.bytes_out, text.size());
  EXPECT_EQ(counters.gso_sends + counters.gso_datagrams, 0u);
  EXPECT_EQ(counters.send_error_drops, 5u);
  EXPECT_TRUE(sender.queue().empty());
}

}  // namespace
}  // namespace uturn
