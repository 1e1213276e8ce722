// Control messages through real sockets: what one side asks of a send, the other side reads.
#include "io/control_messages.h"

#include <gtest/gtest.h>
#include <netinet/udp.h>
#include <poll.h>

#include <vector>

#include "io/udp_socket.h"

namespace uturn {
namespace {

struct Received {
  std::vector<uint8_t> payload;
  TransportAddress from;
  ReceivedControl control;
  int flags = 0;
};

UdpSocket open_on(const char* address, SocketKind kind = SocketKind::listener) {
  UdpSocketSpec spec;
  spec.kind = kind;
  spec.address = *TransportAddress::parse(address);
  auto socket = UdpSocket::open(spec, true);
  EXPECT_TRUE(socket) << address << ": " << text_of(socket.error());
  return std::move(*socket);
}

ssize_t send(const UdpSocket& from, const TransportAddress& to, size_t size, const IpFields& ip,
             uint16_t segment_size = 0) {
  std::vector<uint8_t> payload(size, 0x5A);
  iovec piece{payload.data(), payload.size()};
  SocketName name;
  SendControlArea control;
  msghdr message{};
  message.msg_namelen = write_name(to, name);
  message.msg_name = &name;
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_controllen = write_control(control, to, ip, segment_size);
  message.msg_control = control.bytes.data();
  return ::sendmsg(from.fd(), &message, 0);
}

Received receive(const UdpSocket& socket, size_t control_size = kReceiveControlSize) {
  pollfd readable{socket.fd(), POLLIN, 0};
  EXPECT_EQ(::poll(&readable, 1, 5'000), 1);
  Received received;
  received.payload.resize(65'536);
  std::array<uint8_t, sizeof(SocketName)> name;
  alignas(cmsghdr) std::array<uint8_t, kReceiveControlSize> area;
  iovec piece{received.payload.data(), received.payload.size()};
  msghdr message{};
  message.msg_name = name.data();
  message.msg_namelen = name.size();
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = area.data();
  message.msg_controllen = control_size;
  const ssize_t size = ::recvmsg(socket.fd(), &message, 0);
  EXPECT_GE(size, 0);
  received.payload.resize(size < 0 ? 0 : static_cast<size_t>(size));
  received.from = *read_name(Bytes{name.data(), message.msg_namelen});
  received.control = read_control(Bytes{area.data(), message.msg_controllen});
  received.flags = message.msg_flags;
  return received;
}

class ControlMessages : public testing::TestWithParam<const char*> {
 protected:
  TransportAddress loopback() const { return *TransportAddress::parse(GetParam()); }
};

TEST_P(ControlMessages, DscpEcnAndTtlArriveAsTheyWereAsked) {
  const auto receiver = open_on(GetParam());
  const auto sender = open_on(GetParam());
  ASSERT_EQ(send(sender, receiver.local_address(), 10, {.dscp = 46, .ecn = 1, .ttl = 17}), 10);

  const auto received = receive(receiver);
  EXPECT_EQ(received.control.dscp, 46);
  EXPECT_EQ(received.control.ecn, 1);
  EXPECT_EQ(received.control.ttl, 17);
  EXPECT_FALSE(received.control.to) << "a socket bound to one address knows it";
  EXPECT_EQ(received.from, sender.local_address());
}

TEST_P(ControlMessages, NothingAskedIsTheSystemsDefault) {
  const auto receiver = open_on(GetParam());
  const auto sender = open_on(GetParam());
  ASSERT_EQ(send(sender, receiver.local_address(), 10, {}), 10);
  const auto received = receive(receiver);
  EXPECT_EQ(received.control.dscp, 0);
  EXPECT_EQ(received.control.ecn, 0);
  EXPECT_GT(received.control.ttl, 0);
}

TEST_P(ControlMessages, ATrainCarriesItsSegmentSize) {
  const auto receiver = open_on(GetParam());
  const auto sender = open_on(GetParam());
  ASSERT_EQ(send(sender, receiver.local_address(), 250, {}, 100), 250);
  const auto received = receive(receiver);
  EXPECT_EQ(received.payload.size(), 250u);
  EXPECT_EQ(received.control.segment_size, 100);
}

// The longest case of both areas at once: everything asked of the send, everything received.
TEST_P(ControlMessages, EverythingAtOnceFitsTheAreas) {
  const auto receiver = open_on(GetParam());
  const auto sender = open_on(GetParam());
  const IpFields everything{
      .dscp = 63, .ecn = 3, .ttl = 255, .dont_fragment = true, .source = loopback().ip};
  ASSERT_EQ(send(sender, receiver.local_address(), 250, everything, 100), 250);
  const auto received = receive(receiver);
  EXPECT_EQ(received.flags & (MSG_TRUNC | MSG_CTRUNC), 0);
  EXPECT_EQ(received.control.dscp, 63);
  EXPECT_EQ(received.control.segment_size, 100);
}

TEST_P(ControlMessages, AnAreaTooShortIsToldByTheKernel) {
  const auto receiver = open_on(GetParam());
  const auto sender = open_on(GetParam());
  ASSERT_EQ(send(sender, receiver.local_address(), 250, {}, 100), 250);
  EXPECT_NE(receive(receiver, CMSG_SPACE(sizeof(int))).flags & MSG_CTRUNC, 0);
}

TEST_P(ControlMessages, DatagramsTheKernelDroppedAreCounted) {
  UdpSocketSpec spec;
  spec.address = loopback();
  spec.receive_buffer = 1;  // the kernel raises it to its minimum
  const auto receiver = UdpSocket::open(spec, false);
  ASSERT_TRUE(receiver);
  const auto sender = open_on(GetParam());
  for (int i = 0; i < 50; ++i) send(sender, receiver->local_address(), 1'000, {});
  receive(*receiver);
  send(sender, receiver->local_address(), 1'000, {});

  std::optional<uint32_t> drops;
  pollfd readable{receiver->fd(), POLLIN, 0};
  while (::poll(&readable, 1, 0) == 1) drops = receive(*receiver).control.kernel_drops;
  ASSERT_TRUE(drops);
  EXPECT_GT(*drops, 0u);
  EXPECT_LT(*drops, 51u);
}

INSTANTIATE_TEST_SUITE_P(BothFamilies, ControlMessages, testing::Values("127.0.0.1:0", "[::1]:0"),
                         [](const auto& test) { return test.param[0] == '[' ? "IPv6" : "IPv4"; });

TEST(ControlMessagesOnAWildcard, TheAnswerLeavesFromTheAddressThePacketCameTo) {
  const auto server = open_on("0.0.0.0:0");
  const auto client = open_on("127.0.0.1:0");
  TransportAddress to = *TransportAddress::parse("127.0.0.77:0");
  to.port = server.local_address().port;
  ASSERT_EQ(send(client, to, 5, {}), 5);

  const auto asked = receive(server);
  ASSERT_EQ(asked.control.to, to.ip);
  ASSERT_EQ(send(server, asked.from, 5, {.source = *asked.control.to}), 5);
  EXPECT_EQ(receive(client).from, to);
}

TEST(ReadControl, StopsAtALengthThatLies) {
  std::array<uint8_t, 64> area{};
  cmsghdr head{};
  head.cmsg_len = 4'000;
  head.cmsg_level = IPPROTO_IP;
  head.cmsg_type = IP_TTL;
  std::memcpy(area.data(), &head, sizeof head);
  EXPECT_EQ(read_control(area).ttl, 0);
  head.cmsg_len = 1;
  std::memcpy(area.data(), &head, sizeof head);
  EXPECT_EQ(read_control(area).ttl, 0);
  EXPECT_EQ(read_control({}).segment_size, 0);
}

// io_uring puts the area wherever the name before it ends.
TEST(ReadControl, ReadsAtAnyAlignment) {
  for (size_t offset = 0; offset < 8; ++offset) {
    std::array<uint8_t, CMSG_SPACE(sizeof(int)) + 8> area{};
    cmsghdr head{};
    head.cmsg_len = CMSG_LEN(sizeof(int));
    head.cmsg_level = IPPROTO_UDP;
    head.cmsg_type = UDP_GRO;
    const int segment = 1'200;
    std::memcpy(area.data() + offset, &head, sizeof head);
    std::memcpy(area.data() + offset + CMSG_LEN(0), &segment, sizeof segment);
    const Bytes control = Bytes{area}.subspan(offset, CMSG_SPACE(sizeof(int)));
    EXPECT_EQ(read_control(control).segment_size, 1'200) << "offset " << offset;
  }
}

TEST(SocketName, RoundTripsBothFamiliesAndTheScope) {
  for (const char* text : {"192.0.2.1:3478", "[2001:db8::1]:65535", "0.0.0.0:0"}) {
    const auto address = *TransportAddress::parse(text);
    SocketName name;
    const size_t size = write_name(address, name);
    EXPECT_EQ(read_name(Bytes{reinterpret_cast<const uint8_t*>(&name), size}), address) << text;
  }
  auto link_local = *TransportAddress::parse("[fe80::1]:9");
  link_local.scope_id = 7;
  SocketName name;
  write_name(link_local, name);
  EXPECT_EQ(read_name(name), link_local);
}

TEST(SocketName, NeitherFamilyOrTooShortIsNothing) {
  SocketName name;
  const size_t size = write_name(*TransportAddress::parse("192.0.2.1:3478"), name);
  const Bytes bytes{reinterpret_cast<const uint8_t*>(&name), size};
  EXPECT_FALSE(read_name(bytes.first(size - 1)));
  EXPECT_FALSE(read_name(bytes.first(1)));
  EXPECT_FALSE(read_name(Bytes{}));
  name.any.sa_family = AF_UNIX;
  EXPECT_FALSE(read_name(bytes));
}

}  // namespace
}  // namespace uturn
