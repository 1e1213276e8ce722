// The start-up self-test of GSO and GRO: a train over loopback, compared byte by byte.
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <numeric>

#include "io/control_messages.h"
#include "io/udp_socket.h"

namespace uturn {
namespace {

constexpr size_t kSegment = 200;
constexpr size_t kTrain = 5 * kSegment + 40;  // five full datagrams and a shorter last one
constexpr int kPatienceMs = 1'000;            // loopback delivers within the send

using Train = std::array<uint8_t, kTrain>;

Train make_train() {
  Train train;
  uint32_t word = 1;
  for (uint8_t& byte : train) byte = static_cast<uint8_t>((word = word * 1'664'525 + 1) >> 24);
  return train;
}

bool send_train(int fd, const TransportAddress& to, Train& train, size_t first, size_t size,
                uint16_t segment) {
  SocketName name;
  SendControlArea control;
  iovec piece{train.data() + first, size};
  msghdr message{};
  message.msg_namelen = write_name(to, name);
  message.msg_name = &name;
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_controllen = write_control(control, to, {}, segment);
  message.msg_control = message.msg_controllen > 0 ? control.bytes.data() : nullptr;
  return ::sendmsg(fd, &message, 0) == static_cast<ssize_t>(size);
}

bool send_singly(int fd, const TransportAddress& to, Train& train) {
  for (size_t at = 0; at < kTrain; at += kSegment) {
    if (!send_train(fd, to, train, at, std::min(kSegment, kTrain - at), 0)) return false;
  }
  return true;
}

// One receive: its bytes must be the train's next ones, cut where datagrams end.
bool receive_next(int fd, const Train& train, size_t& received) {
  pollfd readable{fd, POLLIN, 0};
  if (::poll(&readable, 1, kPatienceMs) != 1) return false;
  std::array<uint8_t, 2 * kTrain> buffer;
  alignas(cmsghdr) std::array<uint8_t, kReceiveControlSize> area;
  iovec piece{buffer.data(), buffer.size()};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = area.data();
  message.msg_controllen = area.size();
  const ssize_t size = ::recvmsg(fd, &message, 0);
  if (size <= 0 || (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) return false;

  const auto control = read_control(Bytes{area.data(), message.msg_controllen});
  const size_t left = kTrain - received;
  const bool is_train = static_cast<size_t>(size) > std::min(kSegment, left);
  if (static_cast<size_t>(size) > left || (is_train && control.segment_size != kSegment)) {
    return false;
  }
  if (!std::equal(buffer.begin(), buffer.begin() + size, train.begin() + received)) return false;
  received += static_cast<size_t>(size);
  return received == kTrain || received % kSegment == 0;
}

bool receive_all(int fd, const Train& train) {
  size_t received = 0;
  while (received < kTrain) {
    if (!receive_next(fd, train, received)) return false;
  }
  return true;
}

// A fresh pair each time, so that what a failed step left behind disturbs no later one.
std::string try_train(bool gso, bool gro) {
  UdpSocketSpec spec;
  spec.kind = SocketKind::listener;
  spec.address = {IpAddress::v4(std::array<uint8_t, 4>{127, 0, 0, 1})};
  const auto receiver = UdpSocket::open(spec, gro);
  const auto sender = UdpSocket::open(spec, false);
  if (!receiver || !sender) return "no loopback socket";

  Train train = make_train();
  const auto to = receiver->local_address();
  const bool sent = gso ? send_train(sender->fd(), to, train, 0, kTrain, kSegment)
                        : send_singly(sender->fd(), to, train);
  if (!sent) return gso ? "GSO was refused" : "loopback refused a datagram";
  if (!receive_all(receiver->fd(), train)) {
    return gro ? "a train did not arrive as it was sent with GRO" : "GSO corrupted a train";
  }
  return {};
}

}  // namespace

SegmentationSupport test_segmentation() {
  SegmentationSupport support;
  const std::string gso_failure = try_train(true, false);
  support.gso = gso_failure.empty();
  const std::string gro_failure = try_train(support.gso, true);
  support.gro = gro_failure.empty();
  if (support.gso && support.gro) {
    support.reason = "a train over loopback arrived as it was sent";
  } else {
    support.reason = gso_failure.empty() ? gro_failure : gso_failure;
  }
  return support;
}

}  // namespace uturn
