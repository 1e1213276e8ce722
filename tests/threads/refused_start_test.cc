// Starts on a kernel that refuses something.
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <cerrno>
#include <filesystem>

#include "tests/threads/blocking_client.h"
#include "tests/threads/refusing_kernel.h"
#include "tests/threads/running_server.h"

namespace uturn {
namespace {

using testing::HasSubstr;

constexpr const char* kNeedsRoot = "needs root, for a network namespace of its own";

TEST(RefusedStart, WithoutIpv6TheDefaultListenersAreThoseOfIpv4) {
  const bool ran = run_refused({{SYS_socket, AF_INET6, EAFNOSUPPORT}}, [] {
    Config config = loopback_config(IoWish::epoll, 1);
    config.listeners = default_listeners();
    RunningServer server(config);
    ASSERT_TRUE(server.is_running()) << server.problem();
    EXPECT_EQ(server.address().to_string(), "0.0.0.0:3478");
    BlockingClient alice(*TransportAddress::parse("127.0.0.1:3478"));
    EXPECT_TRUE(alice.allocate());
  });
  if (!ran) GTEST_SKIP() << kNeedsRoot;
}

TEST(RefusedStart, AListenerSomebodyNamedIsNotLeftOut) {
  const bool ran = run_refused({{SYS_socket, AF_INET6, EAFNOSUPPORT}}, [] {
    Config config = loopback_config(IoWish::epoll, 1);
    config.listeners = {*ListenerUri::parse("udp://127.0.0.1:0"),
                        *ListenerUri::parse("udp://[::]:0")};
    const auto began = std::chrono::steady_clock::now();
    RunningServer server(config);
    ASSERT_FALSE(server.is_running());
    EXPECT_THAT(server.problem(), HasSubstr("udp://[::]:0: "));
    EXPECT_LT(std::chrono::steady_clock::now() - began, 10s) << "waiting would change nothing";
  });
  if (!ran) GTEST_SKIP() << kNeedsRoot;
}

// As in a sandbox whose RestrictAddressFamilies= lacks AF_NETLINK: a wildcard's addresses would be
// no server's own, and nobody told.
TEST(RefusedStart, WithoutTheAddressesOfItsInterfacesItSaysSo) {
  const bool ran = run_refused({{SYS_socket, AF_NETLINK, EAFNOSUPPORT}}, [] {
    RunningServer server(loopback_config(IoWish::epoll, 1));
    ASSERT_FALSE(server.is_running());
    EXPECT_THAT(server.problem(), HasSubstr("addresses of this machine cannot be read"));
    EXPECT_THAT(server.problem(), HasSubstr("AF_NETLINK"));
  });
  if (!ran) GTEST_SKIP() << kNeedsRoot;
}

TEST(RefusedStart, WithoutThreadsNothingIsLeftBehind) {
  const bool ran = run_refused({{SYS_clone, {}, EAGAIN}, {SYS_clone3, {}, EAGAIN}}, [] {
    const TemporaryDirectory directory;
    const size_t before = count_descriptors();
    Config config = loopback_config(IoWish::epoll, 2);
    config.start.ready_file = directory.path("ready");
    RunningServer server(config);
    ASSERT_FALSE(server.is_running());
    EXPECT_THAT(server.problem(), HasSubstr("the thread of worker 1 of 2 cannot be started: "));
    EXPECT_FALSE(std::filesystem::exists(config.start.ready_file));
    EXPECT_LE(count_descriptors(), before + 1) << "but for the signals'";
  });
  if (!ran) GTEST_SKIP() << kNeedsRoot;
}

}  // namespace
}  // namespace uturn
