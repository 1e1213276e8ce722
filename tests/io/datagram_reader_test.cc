// DatagramReader where a datagram says nothing of its sender.
#include "io/datagram_reader.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "io/udp_socket.h"

namespace uturn {
namespace {

// Local sockets of a pair have no names; UDP's always do.
TEST(DatagramReader, ADatagramWithoutASourceAddressIsACountedDrop) {
  std::array<int, 2> pair{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair.data()), 0);
  const UdpSocket nameless(pair[0]);
  const UdpSocket receiving(pair[1]);
  ASSERT_EQ(::send(nameless.fd(), "who?", 4, 0), 4);

  LoopSettings settings;
  settings.small_buffers = settings.large_buffers = settings.batch = 4;
  LoopCounters counters;
  DatagramReader reader(settings, counters);
  OpenSocket socket{.fd = receiving.fd()};
  EXPECT_EQ(reader.read(SocketId{}, socket, 4), 0u);
  EXPECT_FALSE(reader.has_undelivered());
  EXPECT_EQ(counters.control_truncated_drops, 1u);
}

}  // namespace
}  // namespace uturn
