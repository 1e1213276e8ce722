// UDP sockets as the kernel gives them: options, errors, and the groups of a listener.
#include "io/udp_socket.h"

#include <gtest/gtest.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <map>
#include <set>
#include <thread>

#include "io/control_messages.h"
#include "tests/io/forbidden_call.h"

namespace uturn {
namespace {

UdpSocketSpec spec_on(const char* address, SocketKind kind = SocketKind::relay) {
  UdpSocketSpec spec;
  spec.kind = kind;
  spec.address = *TransportAddress::parse(address);
  return spec;
}

int option_of(int fd, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  EXPECT_EQ(::getsockopt(fd, level, name, &value, &size), 0);
  return value;
}

void send_byte(const UdpSocket& from, const TransportAddress& to, uint8_t byte) {
  SocketName name;
  const socklen_t size = write_name(to, name);
  ASSERT_EQ(::sendto(from.fd(), &byte, 1, 0, &name.any, size), 1);
}

/// What waits on a descriptor: loopback delivers before sendto returns.
std::vector<uint8_t> drain(int fd) {
  std::vector<uint8_t> bytes;
  uint8_t byte = 0;
  while (::recv(fd, &byte, 1, MSG_DONTWAIT) >= 0) bytes.push_back(byte);
  return bytes;
}

int read_limit(const char* path) {
  int limit = 0;
  std::ifstream(path) >> limit;
  EXPECT_GT(limit, 0) << path;
  return limit;
}

bool may_administrate_the_network() {
  const UdpSocket socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const int bytes = 65'536;
  return ::setsockopt(socket.fd(), SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) == 0;
}

/// Of this thread alone.
bool give_up_capabilities() {
  __user_cap_header_struct head{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> none{};
  return ::syscall(SYS_capset, &head, none.data()) == 0;
}

TEST(UdpSocket, RelaySocketHasItsOptions) {
  const auto socket = UdpSocket::open(spec_on("127.0.0.1:0"), true);
  ASSERT_TRUE(socket);
  EXPECT_NE(socket->local_address().port, 0);
  EXPECT_EQ(option_of(socket->fd(), IPPROTO_IP, IP_MTU_DISCOVER), IP_PMTUDISC_DONT);
  EXPECT_EQ(option_of(socket->fd(), IPPROTO_IP, IP_RECVERR), 1);
  EXPECT_EQ(option_of(socket->fd(), IPPROTO_IP, IP_PKTINFO), 0) << "it is bound to one address";
  EXPECT_EQ(option_of(socket->fd(), SOL_SOCKET, SO_REUSEADDR), 0);
  EXPECT_EQ(option_of(socket->fd(), SOL_SOCKET, SO_REUSEPORT), 0);
  EXPECT_EQ(option_of(socket->fd(), IPPROTO_UDP, UDP_GRO), 0);
}

// Whoever floods the ports of allocations that permit nobody shall not fill the kernel's memory.
TEST(UdpSocket, WhatReceivesLaterHoldsNextToNothingOfAFlood) {
  UdpSocketSpec spec = spec_on("127.0.0.1:0");
  spec.receives_later = true;
  const auto socket = UdpSocket::open(spec, true);
  ASSERT_TRUE(socket);
  const auto sender = UdpSocket::open(spec_on("127.0.0.1:0"), true);
  ASSERT_TRUE(sender);
  SocketName name;
  const socklen_t size = write_name(socket->local_address(), name);
  const std::array<uint8_t, 1'000> bytes{};
  const auto flood = [&] {
    for (int i = 0; i < 200; ++i) {
      ASSERT_EQ(::sendto(sender->fd(), bytes.data(), bytes.size(), 0, &name.any, size), 1'000);
    }
  };
  const auto held = [&] {
    std::array<uint8_t, 1'000> into{};
    int count = 0;
    while (::recv(socket->fd(), into.data(), into.size(), MSG_DONTWAIT) > 0) ++count;
    return count;
  };
  flood();
  EXPECT_LE(held(), 4);

  flood();
  const auto dropped = make_receiving(socket->fd(), spec);
  ASSERT_TRUE(dropped);
  EXPECT_GE(*dropped, 392u);
  EXPECT_EQ(held(), 0) << "what came before was thrown away";
  EXPECT_EQ(option_of(socket->fd(), IPPROTO_IP, IP_MTU_DISCOVER), IP_PMTUDISC_DONT);
  EXPECT_EQ(option_of(socket->fd(), IPPROTO_IP, IP_RECVERR), 1);
  EXPECT_EQ(option_of(socket->fd(), IPPROTO_IP, IP_RECVTTL), 1);
  flood();
  EXPECT_GT(held(), 50);
}

TEST(UdpSocket, ASocketBoundToEveryAddressIsToldWhereADatagramCameTo) {
  const auto v4 = UdpSocket::open(spec_on("0.0.0.0:0", SocketKind::listener), true);
  ASSERT_TRUE(v4);
  EXPECT_EQ(option_of(v4->fd(), IPPROTO_IP, IP_PKTINFO), 1);
  const auto v6 = UdpSocket::open(spec_on("[::]:0", SocketKind::listener), true);
  ASSERT_TRUE(v6);
  EXPECT_EQ(option_of(v6->fd(), IPPROTO_IPV6, IPV6_RECVPKTINFO), 1);
}

TEST(UdpSocket, ListenerReceivesTrainsAndReadsNoErrorQueue) {
  const auto socket = UdpSocket::open(spec_on("127.0.0.1:0", SocketKind::listener), true);
  ASSERT_TRUE(socket);
  EXPECT_EQ(option_of(socket->fd(), IPPROTO_UDP, UDP_GRO), 1);
  EXPECT_EQ(option_of(socket->fd(), IPPROTO_IP, IP_RECVERR), 0);
}

// Without CAP_NET_ADMIN the kernel refuses what polls more than its own default, and a wish it is.
TEST(UdpSocket, PollsItsDeviceWhereThatIsPermitted) {
  UdpSocketSpec spec = spec_on("127.0.0.1:0", SocketKind::listener);
  const auto quiet = UdpSocket::open(spec, false);
  ASSERT_TRUE(quiet);
  const int by_default = option_of(quiet->fd(), SOL_SOCKET, SO_BUSY_POLL);
  spec.busy_poll = std::chrono::microseconds(by_default + 50);
  const auto polling = UdpSocket::open(spec, false);
  ASSERT_TRUE(polling);
  EXPECT_EQ(option_of(polling->fd(), SOL_SOCKET, SO_BUSY_POLL),
            by_default + (may_administrate_the_network() ? 50 : 0));
}

TEST(UdpSocket, Ipv6IsV6OnlySoThatBothFamiliesShareAPort) {
  bool is_shared = false;
  // Another process may hold this very port over IPv4; it does not hold ten of them.
  for (int attempt = 0; attempt < 10 && !is_shared; ++attempt) {
    const auto six = UdpSocket::open(spec_on("[::]:0"), false);
    ASSERT_TRUE(six);
    EXPECT_EQ(option_of(six->fd(), IPPROTO_IPV6, IPV6_V6ONLY), 1);
    EXPECT_EQ(option_of(six->fd(), IPPROTO_IPV6, IPV6_MTU_DISCOVER), IPV6_PMTUDISC_DONT);
    auto spec = spec_on("0.0.0.0:0");
    spec.address.port = six->local_address().port;
    is_shared = UdpSocket::open(spec, false).has_value();
  }
  EXPECT_TRUE(is_shared);
}

TEST(UdpSocket, SaysWhyItCannotBeOpened) {
  const auto first = UdpSocket::open(spec_on("127.0.0.1:0"), false);
  ASSERT_TRUE(first);
  auto again = spec_on("127.0.0.1:0");
  again.address = first->local_address();
  EXPECT_EQ(UdpSocket::open(again, false).error(), OpenError::address_in_use);
  EXPECT_EQ(UdpSocket::open(spec_on("192.0.2.1:0"), false).error(),
            OpenError::address_not_available);
}

TEST(UdpSocket, OnAKernelWithoutIpv6TheFamilyIsWhatIsMissing) {
  if (!can_forbid_calls()) GTEST_SKIP() << "seccomp filters are not allowed";
  std::thread([] {
    ASSERT_TRUE(forbid_call(__NR_socket, EAFNOSUPPORT, CallArgument{0, AF_INET6}));
    const auto six = UdpSocket::open(spec_on("[::1]:0"), false);
    ASSERT_FALSE(six);
    EXPECT_EQ(six.error(), OpenError::family_not_supported);
    EXPECT_EQ(text_of(six.error()), "address family not supported by this kernel");
    EXPECT_TRUE(UdpSocket::open(spec_on("127.0.0.1:0"), false));
  }).join();
}

TEST(UdpSocket, FreebindTakesAnAddressThatIsNotThereYet) {
  for (const char* address : {"192.0.2.1:0", "[2001:db8::1]:0"}) {
    auto spec = spec_on(address);
    spec.freebind = true;
    EXPECT_TRUE(UdpSocket::open(spec, false)) << address;
  }
}

TEST(UdpSocket, AtTheLimitOfDescriptorsIsAnError) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit none = before;
  none.rlim_cur = 0;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const auto refused = UdpSocket::open(spec_on("127.0.0.1:0"), false);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(), OpenError::no_descriptors);
}

TEST(UdpSocket, TellsTheBufferItWasGranted) {
  auto spec = spec_on("127.0.0.1:0");
  spec.receive_buffer = 64 * 1024;
  spec.send_buffer = 32 * 1024;
  const auto socket = UdpSocket::open(spec, false);
  ASSERT_TRUE(socket);
  EXPECT_EQ(socket->granted_receive_buffer(), 64 * 1024);
  EXPECT_EQ(socket->granted_send_buffer(), 32 * 1024);
}

/// Buffers twice as long as the kernel grants to everybody.
UdpSocketSpec spec_beyond_the_caps() {
  auto spec = spec_on("127.0.0.1:0");
  spec.receive_buffer = 2 * read_limit("/proc/sys/net/core/rmem_max");
  spec.send_buffer = 2 * read_limit("/proc/sys/net/core/wmem_max");
  return spec;
}

TEST(UdpSocket, WhoMayAdministrateTheNetworkGetsLongerBuffersThanTheCaps) {
  if (!may_administrate_the_network()) GTEST_SKIP() << "no CAP_NET_ADMIN";
  const auto spec = spec_beyond_the_caps();
  const auto socket = UdpSocket::open(spec, false);
  ASSERT_TRUE(socket);
  EXPECT_EQ(socket->granted_receive_buffer(), spec.receive_buffer);
  EXPECT_EQ(socket->granted_send_buffer(), spec.send_buffer);
}

TEST(UdpSocket, OthersGetBuffersUpToTheCaps) {
  const auto spec = spec_beyond_the_caps();
  std::thread([&] {
    ASSERT_TRUE(give_up_capabilities());
    const auto socket = UdpSocket::open(spec, false);
    ASSERT_TRUE(socket);
    EXPECT_EQ(socket->granted_receive_buffer(), spec.receive_buffer / 2);
    EXPECT_EQ(socket->granted_send_buffer(), spec.send_buffer / 2);
  }).join();
}

TEST(UdpSocket, MovingLeavesOneOwner) {
  auto first = UdpSocket::open(spec_on("127.0.0.1:0"), false);
  ASSERT_TRUE(first);
  auto again = spec_on("127.0.0.1:0");
  again.address = first->local_address();
  {
    UdpSocket second(std::move(*first));
    EXPECT_EQ(first->fd(), -1);
  }
  EXPECT_TRUE(UdpSocket::open(again, false)) << "the descriptor was not closed";
}

class ListenerGroupTest : public testing::Test {
 protected:
  void open(size_t shards, const TransportAddress& address) {
    auto spec = spec_on("127.0.0.1:0", SocketKind::listener);
    spec.address = address;
    auto group = open_listener_group(spec, shards, false);
    ASSERT_TRUE(group) << text_of(group.error());
    address_ = group->address;
    for (const LooseSocket& loose : group->sockets) sockets_.emplace_back(loose.handle);
  }

  TransportAddress address_;
  std::vector<UdpSocket> sockets_;
};

TEST_F(ListenerGroupTest, PortZeroIsOnePortForAll) {
  open(4, *TransportAddress::parse("127.0.0.1:0"));
  ASSERT_EQ(sockets_.size(), 4u);
  EXPECT_NE(address_.port, 0);
  for (const UdpSocket& socket : sockets_) EXPECT_EQ(socket.local_address(), address_);
}

TEST_F(ListenerGroupTest, ASecondInstanceIsAddressInUse) {
  open(2, *TransportAddress::parse("127.0.0.1:0"));
  auto spec = spec_on("127.0.0.1:0", SocketKind::listener);
  spec.address = address_;
  const auto second = open_listener_group(spec, 2, false);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error(), OpenError::address_in_use);
}

TEST_F(ListenerGroupTest, AFiveTupleStaysOnItsShard) {
  open(4, *TransportAddress::parse("127.0.0.1:0"));
  constexpr uint8_t kClients = 64;
  std::vector<UdpSocket> clients;
  for (uint8_t i = 0; i < kClients; ++i) {
    clients.push_back(std::move(*UdpSocket::open(spec_on("127.0.0.1:0"), false)));
  }
  for (int round = 0; round < 3; ++round) {
    for (uint8_t i = 0; i < kClients; ++i) send_byte(clients[i], address_, i);
  }

  std::map<uint8_t, std::set<size_t>> shards_of;
  std::set<size_t> used;
  size_t arrived = 0;
  for (size_t shard = 0; shard < sockets_.size(); ++shard) {
    for (const uint8_t client : drain(sockets_[shard].fd())) {
      shards_of[client].insert(shard);
      used.insert(shard);
      ++arrived;
    }
  }
  EXPECT_EQ(arrived, 3u * kClients);
  for (const auto& [client, shards] : shards_of) EXPECT_EQ(shards.size(), 1u) << int{client};
  EXPECT_EQ(used.size(), 4u) << "the kernel spreads the clients";
}

TEST(SegmentationSelfTest, PassesOnLoopbackOrSaysWhy) {
  const auto support = test_segmentation();
  EXPECT_TRUE(support.gso) << support.reason;
  EXPECT_TRUE(support.gro) << support.reason;
  EXPECT_FALSE(support.reason.empty());
}

}  // namespace
}  // namespace uturn
