// The error queue with real ICMP: from closed loopback ports, and from a router played by a raw
// socket.
#include "io/error_queue.h"

#include <gtest/gtest.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <vector>

#include "io/control_messages.h"
#include "io/udp_socket.h"

namespace uturn {
namespace {

TransportAddress at(std::string_view text) { return *TransportAddress::parse(text); }

UdpSocket open_relay(std::string_view address) {
  UdpSocketSpec spec;
  spec.address = at(address);
  auto socket = UdpSocket::open(spec, false);
  EXPECT_TRUE(socket);
  return std::move(*socket);
}

// A port that was free a moment ago.
TransportAddress closed_port(std::string_view address) {
  return open_relay(address).local_address();
}

ssize_t send(const UdpSocket& from, const TransportAddress& to, size_t size = 5,
             const IpFields& ip = {}) {
  std::vector<uint8_t> payload(size);
  iovec piece{payload.data(), payload.size()};
  SocketName name;
  SendControlArea control;
  msghdr message{};
  message.msg_namelen = write_name(to, name);
  message.msg_name = &name;
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_controllen = write_control(control, to, ip, 0);
  message.msg_control = message.msg_controllen > 0 ? control.bytes.data() : nullptr;
  return ::sendmsg(from.fd(), &message, 0);
}

// As the loop does: a pending error of another destination makes it fail, and is taken by that.
void send_surely(const UdpSocket& from, const TransportAddress& to) {
  for (int repeats = 0; send(from, to) < 0; ++repeats) {
    ASSERT_LT(repeats, repeats_after(errno)) << std::strerror(errno);
  }
}

bool has_error(const UdpSocket& socket, int wait_ms = 3'000) {
  pollfd wanted{socket.fd(), 0, 0};
  return ::poll(&wanted, 1, wait_ms) == 1 && (wanted.revents & POLLERR);
}

int pending_error(const UdpSocket& socket) {
  int error = -1;
  socklen_t size = sizeof error;
  EXPECT_EQ(::getsockopt(socket.fd(), SOL_SOCKET, SO_ERROR, &error, &size), 0);
  return error;
}

TEST(ErrorQueue, PortUnreachableNamesWhomTheDatagramWasFor) {
  const auto relay = open_relay("127.0.0.1:0");
  const auto dead = closed_port("127.0.0.33:0");
  ASSERT_EQ(send(relay, dead), 5);
  ASSERT_TRUE(has_error(relay));

  std::array<IcmpError, 4> errors;
  const auto result = read_error_queue(relay.fd(), errors);
  ASSERT_EQ(result.errors, 1u);
  EXPECT_TRUE(result.exhausted);
  EXPECT_EQ(errors[0].destination, dead);
  EXPECT_EQ(errors[0].type, 3);
  EXPECT_EQ(errors[0].code, 3);
  EXPECT_EQ(errors[0].data, 0u);
  EXPECT_FALSE(has_error(relay, 0));
}

TEST(ErrorQueue, PortUnreachableOfIpv6HasItsOwnNumbers) {
  const auto relay = open_relay("[::1]:0");
  const auto dead = closed_port("[::1]:0");
  ASSERT_EQ(send(relay, dead), 5);
  ASSERT_TRUE(has_error(relay));

  std::array<IcmpError, 4> errors;
  ASSERT_EQ(read_error_queue(relay.fd(), errors).errors, 1u);
  EXPECT_EQ(errors[0].destination, dead);
  EXPECT_EQ(errors[0].type, ICMP6_DST_UNREACH);
  EXPECT_EQ(errors[0].code, ICMP6_DST_UNREACH_NOPORT);
}

TEST(ErrorQueue, LeftHalfReadItHurtsNobodysNextSend) {
  const auto relay = open_relay("127.0.0.1:0");
  const auto healthy = open_relay("127.0.0.1:0");
  const auto dead = closed_port("127.0.0.33:0");
  for (int i = 0; i < 3; ++i) send_surely(relay, dead);
  ASSERT_TRUE(has_error(relay));

  std::array<IcmpError, 1> one;
  const auto first = read_error_queue(relay.fd(), one);
  EXPECT_EQ(first.errors, 1u);
  EXPECT_FALSE(first.exhausted);
  EXPECT_TRUE(has_error(relay, 0)) << "the rest is for later";
  EXPECT_EQ(pending_error(relay), 0);
  EXPECT_EQ(send(relay, healthy.local_address()), 5);

  std::array<IcmpError, 8> rest;
  EXPECT_EQ(read_error_queue(relay.fd(), rest).errors, 2u);
}

TEST(ErrorQueue, ErrorsOfThisMachineItselfAreNotIcmp) {
  const auto relay = open_relay("[::1]:0");
  const auto peer = open_relay("[::1]:0");
  // Longer than loopback's MTU of 65,536 with its two headers.
  ASSERT_EQ(send(relay, peer.local_address(), 65'507, {.dont_fragment = true}), -1);
  ASSERT_EQ(errno, EMSGSIZE);
  ASSERT_TRUE(has_error(relay)) << "the kernel queues it all the same";

  std::array<IcmpError, 4> errors;
  const auto result = read_error_queue(relay.fd(), errors);
  EXPECT_EQ(result.errors, 0u);
  EXPECT_TRUE(result.exhausted);
  EXPECT_FALSE(has_error(relay, 0));
}

TEST(ErrorQueue, WhatWasThisCallsOwnFailureIsNotRepeated) {
  for (const int soft : {ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, EHOSTDOWN, EPROTO, EMSGSIZE}) {
    EXPECT_GT(repeats_after(soft), 0) << std::strerror(soft);
  }
  for (const int hard : {EAGAIN, EINVAL, EPERM, ENOBUFS, EBADF, EIO}) {
    EXPECT_EQ(repeats_after(hard), 0) << std::strerror(hard);
  }
}

// Plays a router on the way: answers a datagram of `relay` to `destination` with an ICMP error.
// False where a raw socket is not allowed.
bool answer_as_router(const UdpSocket& relay, const TransportAddress& destination, uint8_t type,
                      uint8_t code, uint32_t data) {
  const int raw = ::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
  if (raw < 0) return false;
  const UdpSocket owner(raw);
  const auto source = relay.local_address();

  // ICMP header, then the IP and UDP headers of the datagram it speaks of (RFC 792).
  std::array<uint8_t, 8 + 20 + 8> packet{};
  packet[0] = type;
  packet[1] = code;
  store_be32(&packet[4], data);
  uint8_t* ip = &packet[8];
  ip[0] = 0x45;
  store_be16(ip + 2, 1'500);
  ip[8] = 64;
  ip[9] = IPPROTO_UDP;
  std::memcpy(ip + 12, source.ip.bytes().data(), 4);
  std::memcpy(ip + 16, destination.ip.bytes().data(), 4);
  store_be16(ip + 20, source.port);
  store_be16(ip + 22, destination.port);
  store_be16(ip + 24, 1'480);
  uint32_t sum = 0;
  for (size_t i = 0; i < packet.size(); i += 2) sum += load_be16(&packet[i]);
  while (sum >> 16) sum = (sum & 0xFFFF) + (sum >> 16);
  store_be16(&packet[2], static_cast<uint16_t>(~sum));

  SocketName name;
  const socklen_t size = write_name({source.ip, 0}, name);
  EXPECT_EQ(::sendto(raw, packet.data(), packet.size(), 0, &name.any, size),
            static_cast<ssize_t>(packet.size()));
  return true;
}

TEST(ErrorQueue, FragmentationNeededTellsTheNextHopsMtuOnceDfWasSent) {
  const auto relay = open_relay("127.0.0.1:0");
  const auto peer = at("127.99.0.1:5000");
  set_dont_fragment(relay.fd(), true);
  set_dont_fragment(relay.fd(), false);
  if (!answer_as_router(relay, peer, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, 1'400)) {
    GTEST_SKIP() << "raw sockets are not allowed";
  }
  ASSERT_TRUE(has_error(relay));
  std::array<IcmpError, 4> errors;
  ASSERT_EQ(read_error_queue(relay.fd(), errors).errors, 1u);
  EXPECT_EQ(errors[0].destination, peer);
  EXPECT_EQ(errors[0].type, 3);
  EXPECT_EQ(errors[0].code, 4);
  EXPECT_EQ(errors[0].data, 1'400u);
}

TEST(ErrorQueue, TimeExceededIsToldWithItsTypeAndCode) {
  const auto relay = open_relay("127.0.0.1:0");
  const auto peer = at("127.99.0.2:5000");
  if (!answer_as_router(relay, peer, ICMP_TIME_EXCEEDED, ICMP_EXC_TTL, 0)) {
    GTEST_SKIP() << "raw sockets are not allowed";
  }
  ASSERT_TRUE(has_error(relay));
  std::array<IcmpError, 4> errors;
  ASSERT_EQ(read_error_queue(relay.fd(), errors).errors, 1u);
  EXPECT_EQ(errors[0].destination, peer);
  EXPECT_EQ(errors[0].type, 11);
  EXPECT_EQ(errors[0].code, 0);
}

}  // namespace
}  // namespace uturn
