// The table of a loop's sockets: an id names one socket, or none.
#include "io/socket_table.h"

#include <gtest/gtest.h>

namespace uturn {
namespace {

TEST(SocketTable, AnIdNeverNamesALaterSocket) {
  SocketTable table(2);
  const auto first = table.add({.fd = 3});
  ASSERT_TRUE(first);
  ASSERT_TRUE(table.add({.fd = 4}));
  EXPECT_FALSE(table.add({.fd = 5})) << "full";
  table.remove(*first);
  EXPECT_EQ(table.find(*first), nullptr);
  const auto later = table.add({.fd = 6});
  ASSERT_TRUE(later);
  EXPECT_EQ(later->slot, first->slot);
  EXPECT_EQ(table.find(*first), nullptr);
  EXPECT_EQ(table.find(*later)->fd, 6);
  EXPECT_EQ(table.find(SocketId{}), nullptr);
}

TEST(OpenSocket, CountsWhatTheKernelDroppedSinceItLastSaidSo) {
  OpenSocket socket{.kernel_drops = UINT32_MAX - 1};
  EXPECT_EQ(socket.more_drops(UINT32_MAX), 1u);
  EXPECT_EQ(socket.more_drops(2), 3u) << "modulo 2^32";
  EXPECT_EQ(socket.more_drops(1), 0u) << "queued before the kernel was asked";
  EXPECT_EQ(socket.more_drops(2), 0u);
  EXPECT_EQ(socket.more_drops(5), 3u);
}

}  // namespace
}  // namespace uturn
