// The self-test names what failed and why.
#include "server/self_test.h"

#include <gmock/gmock.h>

#include "tests/threads/running_server.h"
#include "tests/threads/udp_end.h"

namespace uturn {
namespace {

using testing::EndsWith;
using testing::StartsWith;

TEST(SelfTest, AHealthyServerPasses) {
  RunningServer server(loopback_config(IoWish::epoll, 1));
  ASSERT_TRUE(server.is_running());
  const std::vector<ListenerUri> listeners = {{Transport::udp, server.address()}};
  EXPECT_EQ(self_test(listeners, false, "alice", "secret"),
            "binding ok, allocate ok, relay loop ok over udp");
  EXPECT_EQ(self_test(listeners, false, "", ""), "binding ok over udp");
}

Config on_every_transport() {
  Config config = loopback_config(IoWish::epoll, 1);
  config.listeners = {*ListenerUri::parse("udp://127.0.0.1:0"),
                      *ListenerUri::parse("tcp://127.0.0.1:0")};
  config.start.certificate_generated = true;
  return config;
}

TEST(SelfTest, TcpIsVisitedAndTlsWhereThereIsACertificate) {
  RunningServer server(on_every_transport());
  ASSERT_TRUE(server.is_running()) << server.problem();
  const std::vector<ListenerUri> listeners = {{Transport::udp, server.address(0)},
                                              {Transport::tcp, server.address(1)}};
  EXPECT_EQ(self_test(listeners, true, "alice", "secret"),
            "binding ok, allocate ok, relay loop ok over udp, tcp and tls");
  EXPECT_EQ(self_test(listeners, false, "alice", "secret"),
            "binding ok, allocate ok, relay loop ok over udp and tcp");
  EXPECT_EQ(self_test(listeners, true, "", ""), "binding ok over udp, tcp and tls");
}

// LOCAL: the proxy speaks for itself ("The PROXY protocol", Section 2.2).
TEST(SelfTest, WhoIsTakenForAProxySaysItsHeader) {
  Config config = on_every_transport();
  config.listeners.push_back(*ListenerUri::parse("dtls://127.0.0.1:0"));
  config.proxy.from = {*AddressRange::parse("127.0.0.0/8")};
  RunningServer server(config);
  ASSERT_TRUE(server.is_running()) << server.problem();
  const std::vector<ListenerUri> listeners = {{Transport::udp, server.address(0)},
                                              {Transport::tcp, server.address(1)},
                                              {Transport::dtls, server.address(2)}};
  EXPECT_EQ(self_test(listeners, true, "alice", "secret", config.proxy.from),
            "binding ok, allocate ok, relay loop ok over udp, tcp, tls and dtls");
  EXPECT_THAT(self_test({listeners[1]}, false, "alice", "secret", {}),
              StartsWith("failed over tcp: "))
      << "whoever says none is not served";
}

TEST(SelfTest, TheTransportThatFailedIsNamedBeforeTheOnesThatWork) {
  Config config = on_every_transport();
  config.start.certificate_generated = false;  // so it refuses TLS
  RunningServer server(config);
  ASSERT_TRUE(server.is_running()) << server.problem();
  const std::string said =
      self_test({{Transport::udp, server.address(0)}, {Transport::tcp, server.address(1)}}, true,
                "alice", "secret");
  EXPECT_THAT(said, StartsWith("failed over tls: connect: "));
  EXPECT_THAT(said, EndsWith("; binding ok, allocate ok, relay loop ok over udp and tcp"));
}

TEST(SelfTest, TheStepThatFailedIsNamedWithItsCause) {
  RunningServer server(loopback_config(IoWish::epoll, 1));
  ASSERT_TRUE(server.is_running());
  const std::string said = self_test({{Transport::udp, server.address()}}, false, "alice", "wrong");
  EXPECT_THAT(said, StartsWith("failed over udp: allocate: "));
  EXPECT_GT(said.size(), std::string{"failed over udp: allocate: "}.size());
}

TEST(SelfTest, SilenceIsAFailedBindingWithinASecond) {
  const UdpEnd silent;
  const auto began = std::chrono::steady_clock::now();
  EXPECT_THAT(self_test({{Transport::udp, silent.address()}}, false, "alice", "secret"),
              StartsWith("failed over udp: binding: "));
  EXPECT_LT(std::chrono::steady_clock::now() - began, 2s);
}

}  // namespace
}  // namespace uturn
