// The loop contract, fragments: DF on the one datagram that asked for it, and runs that a device's
// MTU forbids.
#include <gmock/gmock.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <thread>

#include "io/udp_socket.h"
#include "tests/io/loop_harness.h"

namespace uturn {
namespace {

using testing::ElementsAre;

// Sees the IPv4 packets of UDP that arrive on this machine, headers included.
class Capture {
 public:
  Capture() : socket_(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_UDP)) {}
  bool is_allowed() const { return socket_.fd() >= 0; }

  // Of each packet to `port` so far, whether DF was set; loopback delivers within the send.
  std::vector<bool> df_of_packets_to(uint16_t port) {
    std::vector<bool> all;
    std::array<uint8_t, 65'536> packet;
    for (;;) {
      const ssize_t size = ::recv(socket_.fd(), packet.data(), packet.size(), 0);
      if (size < 28) return all;
      const size_t header = (packet[0] & 0x0F) * 4u;
      if (load_be16(&packet[header + 2]) == port) all.push_back(packet[6] & 0x40);
    }
  }

 private:
  UdpSocket socket_;
};

class LoopFragments : public LoopContract {
 protected:
  // Runs `act` in a network of its own, whose loopback device has this MTU. False where this
  // process may not make one.
  static bool in_network_with_mtu(int mtu, const std::function<void()>& act) {
    bool allowed = false;
    std::thread([&] {
      if (::unshare(CLONE_NEWNET) != 0) return;
      allowed = true;
      const UdpSocket control(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
      ifreq request{};
      std::strcpy(request.ifr_name, "lo");
      request.ifr_mtu = mtu;
      ASSERT_EQ(::ioctl(control.fd(), SIOCSIFMTU, &request), 0);
      request.ifr_flags = IFF_UP;
      ASSERT_EQ(::ioctl(control.fd(), SIOCSIFFLAGS, &request), 0);
      act();
    }).join();
    return allowed;
  }
};

TEST_P(LoopFragments, DfIsSetOnTheOneDatagramThatAskedForIt) {
  if (!world_has().fragmentation) GTEST_SKIP() << "nobody captures packets of the simulation";
  Capture capture;
  if (!capture.is_allowed()) GTEST_SKIP() << "raw sockets are not allowed";
  const SocketId relay = open("127.0.0.1:0");
  const auto peer = stranger();
  for (int round = 0; round < 2; ++round) {
    send(relay, peer->address(), "before");
    send(relay, peer->address(), "whole", {.dont_fragment = true});
    send(relay, peer->address(), "after");
    loop->flush();
    EXPECT_THAT(capture.df_of_packets_to(peer->address().port), ElementsAre(false, true, false));
    EXPECT_EQ(peer->hear()->bytes, "before");
    EXPECT_EQ(peer->hear()->bytes, "whole");
    EXPECT_EQ(peer->hear()->bytes, "after");
  }
}

TEST_P(LoopFragments, OnIpv6WhatIsTooLongIsFragmentedUnlessItAskedNotToBe) {
  if (!world_has().fragmentation) GTEST_SKIP() << "the simulated network has no MTU";
  const SocketId relay = open("[::1]:0");
  const auto peer = stranger("::1");
  const std::string too_long = pattern(65'507, 1);  // with its headers above loopback's 65,536
  send(relay, peer->address(), too_long, {.dont_fragment = true});
  loop->flush();
  EXPECT_TRUE(peer->has_heard_nothing());
  EXPECT_EQ(loop->counters().send_error_drops, 1u);

  send(relay, peer->address(), "short", {.dont_fragment = true});
  send(relay, peer->address(), too_long);
  loop->flush();
  EXPECT_EQ(peer->hear()->bytes, "short");
  EXPECT_EQ(peer->hear()->bytes, too_long);
}

TEST_P(LoopFragments, ARunTheDeviceForbidsIsSentSinglyAndItsDestinationRemembered) {
  if (!world_has().segmentation) GTEST_SKIP() << "the simulation sends no runs";
  const bool allowed = in_network_with_mtu(1'500, [this] {
    restart(small_settings());
    const SocketId relay = open("127.0.0.1:0");
    const auto far = stranger("127.0.0.50");
    const auto near = stranger("127.0.0.60");
    std::vector<std::string> longer;  // than the MTU: each must be fragmented
    for (unsigned i = 0; i < 5; ++i) longer.push_back(pattern(2'000, i));
    for (int round = 0; round < 2; ++round) {
      for (const std::string& text : longer) send(relay, far->address(), text);
      loop->flush();
      for (const std::string& text : longer) EXPECT_EQ(far->hear()->bytes, text);
    }
    EXPECT_EQ(loop->counters().gso_refused, 1u) << "once, then it is remembered";
    EXPECT_EQ(loop->counters().gso_sends + loop->counters().gso_datagrams, 0u);
    EXPECT_EQ(loop->counters().datagrams_out, 10u);
    EXPECT_EQ(loop->counters().bytes_out, 20'000u);

    for (int i = 0; i < 5; ++i) send(relay, near->address(), "other peers keep their runs");
    loop->flush();
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(near->hear());
    EXPECT_EQ(loop->counters().gso_sends, 1u);
    EXPECT_EQ(loop->counters().gso_datagrams, 5u);
    loop.reset();
  });
  if (!allowed) GTEST_SKIP() << "network namespaces are not allowed";
}

INSTANTIATE_TEST_SUITE_P(Worlds, LoopFragments, testing::ValuesIn(all_worlds()), name_of_world);

}  // namespace
}  // namespace uturn
