// Receiving in batches, and cutting trains only when their datagrams are delivered.
#include "io/datagram_reader.h"

#include <algorithm>
#include <cerrno>

#include "io/error_queue.h"
#include "io/udp_socket.h"

namespace uturn {
namespace {

constexpr uint32_t kSmallBuffer = 2'048;
constexpr uint32_t kLargeBuffer = 65'536;  // the longest train the kernel makes is one byte less

// Of one recvmmsg. A train may hold 64 datagrams, so that more would read far beyond the limit.
constexpr uint32_t kReceivesPerCall = 16;

}  // namespace

DatagramReader::DatagramReader(const LoopSettings& settings, LoopCounters& counters)
    : batch_size_(settings.batch),
      gro_(settings.gro),
      counters_(counters),
      small_(std::min(settings.small_buffers, settings.batch), kSmallBuffer),
      large_(std::min(settings.large_buffers, settings.batch), kLargeBuffer),
      messages_(kReceivesPerCall),
      headers_(kReceivesPerCall),
      rooms_(settings.batch) {
  CHECK(small_.left() > 0 && large_.left() > 0);
  CHECK(small_.headroom() >= kHeadroom && large_.headroom() >= kHeadroom);
  arrivals_.reserve(size_t{small_.left()} + large_.left());
  batch_.reserve(settings.batch);
}

void DatagramReader::start_pass() {
  batch_.clear();
  if (has_undelivered()) return;
  arrivals_.clear();
  next_ = 0;
  small_.free_all();
  large_.free_all();
}

uint32_t DatagramReader::read(SocketId id, OpenSocket& socket, uint32_t limit) {
  uint32_t datagrams = 0;
  while (datagrams < limit) {
    ReceiveBuffers& buffers = socket.large_buffers ? large_ : small_;
    const uint32_t wanted = std::min({limit - datagrams, kReceivesPerCall, buffers.left()});
    if (wanted == 0) break;
    const int got = receive(socket.fd, buffers, wanted);
    if (got <= 0) break;
    const auto count = static_cast<uint32_t>(got);
    for (uint32_t i = 0; i < count; ++i) {
      datagrams += accept(id, socket, headers_[i], buffers.next(i));
    }
    buffers.use(count);
    if (count < wanted) break;
  }
  return datagrams;
}

std::span<ReceivedDatagram> DatagramReader::deliver() {
  while (has_undelivered() && batch_.size() < batch_size_) {
    Arrival& arrival = arrivals_[next_];
    if (!arrival.is_done) deliver_next_of(arrival);
    if (arrival.is_done) ++next_;
  }
  return batch_;
}

void DatagramReader::forget(SocketId id) {
  for (ReceivedDatagram& datagram : batch_) {
    if (datagram.socket == id) datagram.socket = SocketId{};
  }
  for (size_t i = next_; i < arrivals_.size(); ++i) {
    if (arrivals_[i].first.socket == id) arrivals_[i].is_done = true;
  }
}

// A pending ICMP error, which hits a receive as well as a send, is no reason to stop.
int DatagramReader::receive(int fd, ReceiveBuffers& buffers, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) {
    Message& message = messages_[i];
    message.piece = {buffers.next(i), buffers.size()};
    msghdr& header = headers_[i].msg_hdr;
    header = {};
    header.msg_name = &message.name;
    header.msg_namelen = sizeof message.name;
    header.msg_iov = &message.piece;
    header.msg_iovlen = 1;
    header.msg_control = message.control.data();
    header.msg_controllen = message.control.size();
  }
  for (int repeats = 0;; ++repeats) {
    const int got = ::recvmmsg(fd, headers_.data(), count, MSG_DONTWAIT, nullptr);
    if (got >= 0 || repeats >= repeats_after(errno)) return got;
  }
}

// Returns how many datagrams one receive brought. A datagram that lost bytes, or control messages
// that may have said where it ends, is never passed on.
uint32_t DatagramReader::accept(SocketId id, OpenSocket& socket, const mmsghdr& message,
                                uint8_t* bytes) {
  const msghdr& header = message.msg_hdr;
  const ReceivedControl control =
      read_control(Bytes{static_cast<const uint8_t*>(header.msg_control), header.msg_controllen});
  if (control.kernel_drops) counters_.kernel_drops += socket.more_drops(*control.kernel_drops);
  if (header.msg_flags & MSG_TRUNC) {
    ++counters_.truncated_drops;
    socket.large_buffers = true;
    return 0;
  }
  const auto from =
      read_name(Bytes{static_cast<const uint8_t*>(header.msg_name), header.msg_namelen});
  if ((header.msg_flags & MSG_CTRUNC) || !from) {
    ++counters_.control_truncated_drops;
    return 0;
  }

  const uint32_t size = message.msg_len;
  const uint32_t segment = control.segment_size > 0 ? control.segment_size : size;
  const uint32_t datagrams = size > segment ? (size + segment - 1) / segment : 1;
  if (datagrams > 1) ++counters_.gro_trains;
  const auto pass = static_cast<uint32_t>(counters_.passes);
  if (gro_ && !socket.large_buffers && socket.bursts.note(size, pass)) {
    socket.large_buffers = true;
    receive_trains(socket.fd);
  }
  arrivals_.push_back({.first = {.socket = socket.owner.is_valid() ? socket.owner : id,
                                 .tag = socket.tag,
                                 .from = *from,
                                 .to = control.to.value_or(socket.address.ip),
                                 .dscp = control.dscp,
                                 .ecn = control.ecn,
                                 .ttl = control.ttl,
                                 .packet = Packet({bytes - kHeadroom, kHeadroom}, {bytes, size})},
                       .segment_size = segment});
  return datagrams;
}

// The first datagram of a train has its room in front of it, the others find theirs elsewhere.
void DatagramReader::deliver_next_of(Arrival& arrival) {
  const MutableBytes all = arrival.first.packet.bytes();
  const size_t at = arrival.delivered;
  const size_t size = std::min<size_t>(arrival.segment_size, all.size() - at);
  const MutableBytes room =
      at == 0 ? arrival.first.packet.header(kHeadroom) : MutableBytes{rooms_[batch_.size()]};

  batch_.push_back(arrival.first);
  batch_.back().packet = Packet(room, all.subspan(at, size));
  ++counters_.datagrams_in;
  counters_.bytes_in += size;
  arrival.delivered += static_cast<uint32_t>(size);
  arrival.is_done = arrival.delivered == all.size();
}

}  // namespace uturn
