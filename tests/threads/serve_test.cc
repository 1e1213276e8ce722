// `uturn serve` as a process: its signals, its end, its starts that fail, and what it survives.
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <filesystem>
#include <thread>

#include "auth/random.h"
#include "client/tools/client_socket.h"
#include "io/make_loop.h"
#include "protocol/message_builder.h"
#include "tests/threads/blocking_client.h"
#include "tests/threads/serve_process.h"

namespace uturn {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

std::vector<std::string> with(std::vector<std::string> arguments,
                              const std::vector<std::string>& more) {
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

class ServeTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    const auto choice = choose_io(GetParam() == "epoll" ? IoWish::epoll : IoWish::uring);
    if (!choice) GTEST_SKIP() << choice.error();
  }
  static std::vector<std::string> arguments(const std::vector<std::string>& more = {}) {
    return with(ServeProcess::loopback_arguments(GetParam()), more);
  }
};
INSTANTIATE_TEST_SUITE_P(BothLoops, ServeTest, testing::Values("epoll", "uring"),
                         [](const auto& info) { return info.param; });

TEST_P(ServeTest, EndsWithinASecondOfATermSignal) {
  for (const int number : {SIGTERM, SIGINT}) {
    ServeProcess server(arguments({"--workers", "4"}));
    ASSERT_TRUE(server.becomes_ready()) << server.output();
    BlockingClient alice(server.address());
    UdpEnd peer;
    ASSERT_TRUE(alice.allocate());
    ASSERT_TRUE(alice.bind_channel(peer.address()));
    server.signal(number);
    EXPECT_EQ(server.wait_for_end(1s), 0) << server.output();
    EXPECT_THAT(server.output(), HasSubstr("allocations=3")) << "two are the self-test's";
  }
}

TEST_P(ServeTest, OtherSignalsAreHeededAndCostNobodyHisAllocation) {
  ServeProcess server(arguments());
  ASSERT_TRUE(server.becomes_ready()) << server.output();
  BlockingClient alice(server.address());
  ASSERT_TRUE(alice.allocate());
  for (const auto& [number, said] : {std::pair{SIGHUP, "the configuration was reloaded"},
                                     {SIGUSR1, "draining"},
                                     {SIGUSR2, "SIGUSR2"}}) {
    server.signal(number);
    EXPECT_TRUE(server.says(said)) << server.output();
    EXPECT_TRUE(alice.refresh());
  }
  EXPECT_TRUE(server.is_running());
}

TEST_P(ServeTest, QuickStartShowsNoPasswordOfTheOperator) {
  ServeProcess server(arguments());
  ASSERT_TRUE(server.says("Ctrl-C stops the server.")) << server.output();
  EXPECT_THAT(server.output(), HasSubstr("\"credential\": \"the password of alice\""));
  EXPECT_THAT(server.output(), Not(HasSubstr("\"secret\"")));
  EXPECT_THAT(server.output(), HasSubstr("self-test  binding ok, allocate ok, relay loop ok"));
}

TEST_P(ServeTest, QuickStartShowsTheCredentialItMade) {
  ServeProcess server(
      {"--listen", "udp://127.0.0.1:0", "--relay-ip", "127.0.0.1", "--io", GetParam()});
  ASSERT_TRUE(server.says("Ctrl-C stops the server.")) << server.output();
  EXPECT_THAT(server.output(), ContainsRegex("\"credential\": \"[A-Za-z0-9]{22}\""));
}

// What is open stays, what is asked anew is refused, and once there is room again it is granted.
TEST_P(ServeTest, WithoutDescriptorsItAnswers508AndLivesOn) {
  // Only a process of the same user may have its limits changed from outside.
  ServeProcess server(arguments({"--run-as", "root"}));
  ASSERT_TRUE(server.becomes_ready()) << server.output();
  BlockingClient alice(server.address());
  ASSERT_TRUE(alice.allocate());

  rlimit before{};
  ASSERT_EQ(::prlimit(server.pid(), RLIMIT_NOFILE, nullptr, &before), 0);
  const rlimit none{3, before.rlim_max};
  ASSERT_EQ(::prlimit(server.pid(), RLIMIT_NOFILE, &none, nullptr), 0);
  for (int i = 0; i < 20; ++i) {
    BlockingClient bob(server.address());
    EXPECT_FALSE(bob.allocate());
    ASSERT_EQ(bob.error_code(), 508) << server.output();
  }
  UdpEnd peer;
  ASSERT_TRUE(alice.permit(peer.address()));
  ASSERT_TRUE(alice.send(peer.address(), "still there"));
  EXPECT_TRUE(peer.receive());

  ASSERT_EQ(::prlimit(server.pid(), RLIMIT_NOFILE, &before, nullptr), 0);
  BlockingClient carol(server.address());
  EXPECT_TRUE(carol.allocate()) << carol.error_code();
}

/// What a stranger sends: noise, halves of messages, Binding and Allocate from everywhere.
class Flood {
 public:
  explicit Flood(const TransportAddress& server) : server_(server) {}

  void send(int datagrams) {
    for (int i = 0; i < datagrams; ++i) {
      // A new source now and then: 127.0.0.0/8 is all ours, so no two need to be alike.
      if (i % 50 == 0) end_.emplace(next_source());
      send_one(*end_, i);
    }
  }

 private:
  std::string next_source() {
    ++source_;
    return "127." + std::to_string(source_ % 250 + 1) + "." + std::to_string(source_ / 250 % 250) +
           ".7";
  }

  void send_one(UdpEnd& end, int i) {
    std::array<uint8_t, 256> bytes;
    random_.fill(bytes);
    if (i % 4 == 0) return end.send(server_, Bytes{bytes}.first(random_.below(bytes.size())));
    TransactionId id;
    random_.fill(id.bytes);
    MessageBuilder builder(bytes, i % 4 == 1 ? Method::binding : Method::allocate,
                           MessageClass::request, id);
    if (i % 4 == 3) {  // a name nobody has, a nonce nobody gave out, a signature of nothing
      builder.add_text(AttributeType::username, "mallory" + std::to_string(random_.below(1'000)));
      builder.add_text(AttributeType::realm, "uturn").add_text(AttributeType::nonce, "obMatJos2");
      builder.add_integrity(id.bytes);
    }
    const Bytes message = builder.finish();
    end.send(server_, i % 16 == 5 ? message.first(message.size() - 3) : message);
  }

  TransportAddress server_;
  CsprngRandom random_;
  std::optional<UdpEnd> end_;
  uint32_t source_ = 0;
};

// The first flood warms up whatever is kept and bounded; the second, twice as long, adds nothing.
TEST_P(ServeTest, AFloodOfStrangersTakesNoMemoryAndStarvesNobody) {
  ServeProcess server(arguments());
  ASSERT_TRUE(server.becomes_ready()) << server.output();
  BlockingClient alice(server.address());
  ASSERT_TRUE(alice.allocate());

  constexpr int kDatagrams = 60'000;
  Flood flood(server.address());
  flood.send(kDatagrams);
  ASSERT_TRUE(alice.refresh());
  const uint64_t before = server.resident_bytes();

  std::atomic<bool> done = false;
  std::thread strangers([&] {
    flood.send(2 * kDatagrams);
    done = true;
  });
  uint64_t served = 0;
  while (!done) {
    EXPECT_TRUE(alice.refresh()) << "starved";
    ++served;
  }
  strangers.join();
  EXPECT_GT(served, 5U);
  EXPECT_TRUE(alice.refresh());
  EXPECT_LT(server.resident_bytes(), before + (8U << 20));

  server.signal(SIGTERM);
  EXPECT_EQ(server.wait_for_end(1s), 0);
  EXPECT_THAT(server.output(), HasSubstr("401:"));
}

struct BadStart {
  std::string name;
  std::vector<std::string> arguments;
  int status;
  std::string sentence;
};

class BadStartTest : public testing::TestWithParam<BadStart> {};

TEST_P(BadStartTest, SaysWhyInOneSentence) {
  const auto arguments = with({"--log-level", "warn"}, GetParam().arguments);
  ServeProcess server(arguments);
  EXPECT_EQ(server.wait_for_end(kPatience), GetParam().status) << server.output();
  EXPECT_FALSE(server.has_ready_file());
  const std::string output = server.output();
  EXPECT_THAT(output, HasSubstr(GetParam().sentence));
  EXPECT_EQ(std::ranges::count(output, '\n'), 1) << output;
}

std::vector<std::string> alice_and(const std::vector<std::string>& more) {
  return with(
      {"--listen", "udp://127.0.0.1:0", "--relay-ip", "127.0.0.1", "--user", "alice:secret"}, more);
}

INSTANTIATE_TEST_SUITE_P(
    Serve, BadStartTest,
    testing::Values(
        BadStart{"UnknownFlag", {"--lisen", "udp://127.0.0.1:0"}, 2, "--lisen"},
        BadStart{"NoSuchFile", {"-c", "/nonexistent/uturn.yaml"}, 2, "/nonexistent/uturn.yaml"},
        BadStart{"ListenerIsNoUri", {"--listen", "127.0.0.1"}, 2, "--listen"},
        BadStart{"PortsBackwards", alice_and({"--relay-ports", "60000-50000"}), 2, "--relay-ports"},
        BadStart{"UnknownIo", alice_and({"--io", "fast"}), 2, "--io"},
        BadStart{"UserWithoutPassword", {"--user", "alice"}, 2, "--user"},
        BadStart{
            "RelayAddressOfNobody",
            {"--listen", "udp://127.0.0.1:0", "--user", "alice:secret", "--relay-ip", "192.0.2.1"},
            1,
            "no relay socket can be bound to 192.0.2.1"},
        BadStart{"TwoRelayAddressesSeenAsOne",
                 {"--listen", "udp://127.0.0.1:0", "--listen", "udp://127.0.0.2:0", "--user",
                  "alice:secret", "--external-ip", "203.0.113.7"},
                 1,
                 "seen as 203.0.113.7"},
        BadStart{"ExternalOfAnAddressNotChosen",
                 {"--listen", "udp://127.0.0.1:0", "--user", "alice:secret", "--external-ip",
                  "203.0.113.7/10.9.8.7"},
                 1,
                 "203.0.113.7/10.9.8.7 maps none"},
        BadStart{"LogFileOfNobody", alice_and({"--set", "log.file=/proc/uturn/log"}), 1,
                 "/proc/uturn/log"}),
    [](const auto& info) { return info.param.name; });

TEST(Serve, APortInUseEndsTheStart) {
  const UdpEnd occupant;
  ServeProcess server({"--listen", "udp://" + occupant.address().to_string(), "--log-level", "warn",
                       "--user", "alice:secret", "--relay-ip", "127.0.0.1"});
  EXPECT_EQ(server.wait_for_end(kPatience), 1);
  EXPECT_THAT(server.output(), HasSubstr("address in use"));
  EXPECT_EQ(std::ranges::count(server.output(), '\n'), 1) << server.output();
  EXPECT_FALSE(server.has_ready_file());
}

TEST(Serve, PortsThatOnlyRootMayBindAreRefusedWhereRootIsGivenUp) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  ServeProcess server(alice_and({"--relay-ports", "100-60000", "--run-as", "65534"}));
  EXPECT_EQ(server.wait_for_end(kPatience), 1);
  EXPECT_THAT(server.output(), HasSubstr("relay.ports: those below 1024 need root"));
}

TEST(Serve, ChosenAddressesDecideTheDefaultFamily) {
  ServeProcess server({"--listen", "udp://[::1]:0", "--user", "alice:secret"});
  ASSERT_TRUE(server.becomes_ready()) << server.output();
  EXPECT_THAT(server.output(), HasSubstr("default_family=ipv6"));
  BlockingClient alice(server.address(), "::1");
  EXPECT_TRUE(alice.allocate()) << "without REQUESTED-ADDRESS-FAMILY";
}

TEST(Serve, AStartThatWaitsForAnAddressCanBeStopped) {
  ServeProcess server({"--listen", "udp://192.0.2.1:0", "--user", "alice:secret"});
  ASSERT_TRUE(server.says("not there yet")) << server.output();
  server.signal(SIGTERM);
  EXPECT_EQ(server.wait_for_end(1s), 1) << server.output();
  EXPECT_FALSE(server.has_ready_file());
}

}  // namespace
}  // namespace uturn
