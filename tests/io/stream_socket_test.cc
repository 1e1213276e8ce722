// The options of stream sockets, what a connection inherits of them, and groups of listeners.
#include "io/stream_socket.h"

#include <gmock/gmock.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/epoll_loop.h"
#include "tests/io/stream_harness.h"

namespace uturn {
namespace {

int option_of(int fd, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  EXPECT_EQ(::getsockopt(fd, level, name, &value, &size), 0);
  return value;
}

StreamSpec spec_of(std::string_view address) {
  StreamSpec spec;
  spec.address = at(address);
  return spec;
}

void close_all(const StreamListenerGroup& group) {
  for (const LooseSocket& socket : group.sockets) ::close(socket.handle);
}

TEST(StreamSocket, AConnectionInheritsWhatItsListenerWasGiven) {
  StreamSpec spec = spec_of("127.0.0.1:0");
  spec.unsent_low_water = 40'000;
  spec.receive_buffer = 50'000;
  const auto group = open_stream_listener_group(spec, 1);
  ASSERT_TRUE(group);
  const int listener = group->sockets[0].handle;
  const auto client = kernel_stream_strangers()->connect("127.0.0.1", group->address);
  const int connection = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK);
  for (const int fd : {listener, connection}) {
    ASSERT_GE(fd, 0);
    EXPECT_NE(option_of(fd, IPPROTO_TCP, TCP_NODELAY), 0);
    EXPECT_EQ(option_of(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT), 40'000);
    EXPECT_EQ(option_of(fd, SOL_SOCKET, SO_RCVBUF), 100'000) << "the kernel tells the double";
  }
  ::close(connection);
  close_all(*group);
}

// A port that is free over IPv6 may be somebody else's over IPv4: then another one is tried.
TEST(StreamSocket, BothFamiliesMayListenOnOnePort) {
  for (int attempt = 0; attempt < 50; ++attempt) {
    const auto v6 = open_stream_listener(spec_of("[::]:0"));
    ASSERT_TRUE(v6);
    sockaddr_in6 name{};
    socklen_t size = sizeof name;
    ASSERT_EQ(::getsockname(*v6, reinterpret_cast<sockaddr*>(&name), &size), 0);
    EXPECT_EQ(option_of(*v6, IPPROTO_IPV6, IPV6_V6ONLY), 1);
    StreamSpec spec = spec_of("0.0.0.0:0");
    spec.address.port = ntohs(name.sin6_port);
    const auto v4 = open_stream_listener(spec);
    ::close(*v6);
    if (!v4) {
      ASSERT_EQ(v4.error(), StreamError::address_in_use);
      continue;
    }
    ::close(*v4);
    return;
  }
  FAIL() << "no port of 50 could be listened on by both families";
}

TEST(StreamSocket, AnAddressThatIsNotThereYetCanBeListenedOnIfAsked) {
  StreamSpec spec = spec_of("192.0.2.7:0");
  const auto refused = open_stream_listener(spec);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(), StreamError::address_not_available);
  spec.freebind = true;
  const auto listener = open_stream_listener(spec);
  ASSERT_TRUE(listener) << text_of(listener.error());
  ::close(*listener);
}

TEST(StreamListenerGroup, ASecondGroupIsAddressInUse) {
  const auto group = open_stream_listener_group(spec_of("127.0.0.1:0"), 3);
  ASSERT_TRUE(group);
  EXPECT_EQ(group->sockets.size(), 3u);
  EXPECT_NE(group->address.port, 0);
  StreamSpec same;
  same.address = group->address;
  const auto second = open_stream_listener_group(same, 3);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error(), StreamError::address_in_use);
  close_all(*group);
}

// A restart must not wait for the connections of before.
TEST(StreamListenerGroup, ConnectionsInTimeWaitAreNotInItsWay) {
  const auto group = open_stream_listener_group(spec_of("127.0.0.1:0"), 2);
  ASSERT_TRUE(group);
  const auto client = kernel_stream_strangers()->connect("127.0.0.1", group->address);
  for (const LooseSocket& socket : group->sockets) {
    const int connection = ::accept4(socket.handle, nullptr, nullptr, SOCK_NONBLOCK);
    if (connection >= 0) ::close(connection);  // the side that closes first waits
  }
  close_all(*group);
  client->end_writing();
  StreamSpec same;
  same.address = group->address;
  const auto next = open_stream_listener_group(same, 2);
  ASSERT_TRUE(next) << text_of(next.error());
  close_all(*next);
}

TEST(StreamListenerGroup, ItsShardsAcceptEveryConnectionBetweenThem) {
  const auto group = open_stream_listener_group(spec_of("127.0.0.1:0"), 2);
  ASSERT_TRUE(group);
  std::vector<std::unique_ptr<Loop>> loops;
  for (const LooseSocket& socket : group->sockets) {
    loops.push_back(make_epoll_loop({.max_sockets = 16, .large_buffers = 4, .max_streams = 256}));
    loops.back()->start();
    ASSERT_TRUE(loops.back()->streams().adopt_listener(socket, 0));
  }
  std::vector<std::unique_ptr<StreamStranger>> clients;
  for (int i = 0; i < 100; ++i) {
    clients.push_back(kernel_stream_strangers()->connect("127.0.0.1", group->address));
  }
  StreamNotebook one;
  StreamNotebook two;
  const Instant give_up = loops[0]->now().monotonic + 3s;
  while (one.accepted.size() + two.accepted.size() < 100 && !is_past(give_up, loops[0]->now())) {
    loops[0]->run_pass(one, loops[0]->now().monotonic);
    loops[1]->run_pass(two, loops[1]->now().monotonic);
  }
  EXPECT_EQ(one.accepted.size() + two.accepted.size(), 100u);
  EXPECT_GT(one.accepted.size(), 0u);
  EXPECT_GT(two.accepted.size(), 0u);
}

}  // namespace
}  // namespace uturn
