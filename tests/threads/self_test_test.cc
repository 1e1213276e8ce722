// The self-test names what failed and why.
#include "server/self_test.h"

#include <gmock/gmock.h>

#include "tests/threads/running_server.h"
#include "tests/threads/udp_end.h"

namespace uturn {
namespace {

using testing::StartsWith;

TEST(SelfTest, AHealthyServerPasses) {
  RunningServer server(loopback_config(IoWish::epoll, 1));
  ASSERT_TRUE(server.is_running());
  const std::vector<ListenerUri> listeners = {{Transport::udp, server.address()}};
  EXPECT_EQ(self_test(listeners, "alice", "secret"), "binding ok, allocate ok, relay loop ok");
  EXPECT_EQ(self_test(listeners, "", ""), "binding ok");
}

TEST(SelfTest, TheStepThatFailedIsNamedWithItsCause) {
  RunningServer server(loopback_config(IoWish::epoll, 1));
  ASSERT_TRUE(server.is_running());
  const std::string said = self_test({{Transport::udp, server.address()}}, "alice", "wrong");
  EXPECT_THAT(said, StartsWith("failed: allocate: "));
  EXPECT_GT(said.size(), std::string{"failed: allocate: "}.size());
}

TEST(SelfTest, SilenceIsAFailedBindingWithinASecond) {
  const UdpEnd silent;
  const auto began = std::chrono::steady_clock::now();
  EXPECT_THAT(self_test({{Transport::udp, silent.address()}}, "alice", "secret"),
              StartsWith("failed: binding: "));
  EXPECT_LT(std::chrono::steady_clock::now() - began, 2s);
}

}  // namespace
}  // namespace uturn
