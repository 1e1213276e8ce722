// Arming, arrival and the taking apart of trains.
#include "io/uring_receiver.h"

#include <algorithm>
#include <cerrno>

namespace uturn {
namespace {

enum BufferGroup : uint16_t { kSmallGroup, kLargeGroup };

}  // namespace

UringReceiver::UringReceiver(const LoopSettings& settings, SocketTable& sockets,
                             LoopCounters& counters)
    : sockets_(sockets),
      counters_(counters),
      small_(kSmallGroup, settings.small_buffers, ReceiveLayout::kSmall),
      large_(kLargeGroup, settings.large_buffers, ReceiveLayout::kLarge),
      receptions_(sockets.capacity()),
      next_doubted_(receptions_.size()),
      arrivals_(buffer_count()),
      batch_limit_(settings.batch),
      gro_(settings.gro),
      rooms_(settings.batch) {
  CHECK(settings.batch > 0);
  shape_.msg_namelen = ReceiveLayout::kName;
  shape_.msg_controllen = ReceiveLayout::kControl;
  wanting_.reserve(sockets.capacity());
  troubled_.reserve(sockets.capacity() * size_t{2});  // visited and added again
  outgrown_.reserve(settings.batch);
  batch_.reserve(settings.batch);
  in_use_.reserve(buffer_count());
}

int UringReceiver::register_with(Ring& ring) {
  if (const int error = small_.register_with(ring.raw()); error < 0) return error;
  return large_.register_with(ring.raw());
}

void UringReceiver::begin(SocketId id) {
  receptions_[id.slot] = Reception{.served_in = round_};
  want_arming(id);
}

void UringReceiver::close(SocketId id) {
  CHECK(!is_armed(id));
  for (ReceivedDatagram& datagram : batch_) {
    if (datagram.socket == id) datagram.socket = SocketId{};
  }
  if (train_ && train_->arrival.socket == id) end_train();
  forget(id);
}

void UringReceiver::depart(SocketId id) {
  CHECK(!is_armed(id));
  receptions_[id.slot].departing = true;
  if (std::exchange(receptions_[id.slot].troubled, false)) std::erase(troubled_, id);
  if (receptions_[id.slot].waiting == 0) forget(id);
}

void UringReceiver::forget(SocketId id) {
  if (receptions_[id.slot].wants_arming) std::erase(wanting_, id);
  if (receptions_[id.slot].troubled) std::erase(troubled_, id);
  receptions_[id.slot] = Reception{};
  sockets_.remove(id);
}

void UringReceiver::prepare_cancel(Ring& ring, SocketId id) {
  const OpenSocket* socket = sockets_.find(id);
  CHECK(socket);
  const auto request =
      socket->large_buffers ? RingRequest::receive_large : RingRequest::receive_small;
  io_uring_sqe& entry = ring.next_entry();
  io_uring_prep_cancel64(&entry, UserData{request, id}.encode(), 0);
  io_uring_sqe_set_data64(&entry, UserData{RingRequest::cancel, id}.encode());
  io_uring_sqe_set_flags(&entry, IOSQE_CQE_SKIP_SUCCESS);
}

void UringReceiver::want_arming(SocketId id) {
  if (!std::exchange(receptions_[id.slot].wants_arming, true)) wanting_.push_back(id);
}

// Without the order, a flooded socket that was first once would stay so: it ends first for want of
// a buffer, is armed first, and takes each buffer that came free.
void UringReceiver::arm_wanting(Ring& ring) {
  const size_t count = std::min(wanting_.size(), kArmedPerPass);
  put_least_served_first(count);
  for (const SocketId id : std::span(wanting_).first(count)) {
    const OpenSocket* socket = sockets_.find(id);
    CHECK(socket);
    Reception& reception = receptions_[id.slot];
    reception.wants_arming = false;
    if (reception.armed || reception.troubled || reception.departing) continue;
    const bool large = socket->large_buffers;
    io_uring_sqe& entry = ring.next_entry();
    io_uring_prep_recvmsg_multishot(&entry, socket->fd, &shape_, 0);
    io_uring_sqe_set_flags(&entry, IOSQE_BUFFER_SELECT);
    entry.buf_group = buffers(large).group();
    io_uring_sqe_set_data64(
        &entry,
        UserData{large ? RingRequest::receive_large : RingRequest::receive_small, id}.encode());
    reception.armed = true;
    reception.armed_in = round_;
  }
  wanting_.erase(wanting_.begin(), wanting_.begin() + static_cast<std::ptrdiff_t>(count));
  ++round_;
}

void UringReceiver::put_least_served_first(size_t count) {
  const auto goes_first = [this](SocketId a, SocketId b) {
    const uint64_t a_served = receptions_[a.slot].served_in;
    const uint64_t b_served = receptions_[b.slot].served_in;
    return a_served != b_served ? a_served < b_served : a.slot < b.slot;
  };
  std::partial_sort(wanting_.begin(), wanting_.begin() + static_cast<std::ptrdiff_t>(count),
                    wanting_.end(), goes_first);
}

void UringReceiver::on_completion(const UserData& data, const io_uring_cqe& completion) {
  const bool has_buffer = completion.flags & IORING_CQE_F_BUFFER;
  const Arrival arrival{data.socket,
                        static_cast<uint16_t>(completion.flags >> IORING_CQE_BUFFER_SHIFT),
                        data.request == RingRequest::receive_large};
  if (!sockets_.find(data.socket)) {
    if (has_buffer) release(arrival);
    return;
  }
  if (has_buffer && completion.res >= 0) {
    arrivals_.push(arrival);
    Reception& reception = receptions_[data.socket.slot];
    ++reception.waiting;
    reception.served_in = round_;
  } else if (has_buffer) {
    release(arrival);
  }
  if (!(completion.flags & IORING_CQE_F_MORE)) on_end(data.socket, completion.res);
}

// A multishot receive ends when the kernel says so: after an empty datagram, without a buffer, on
// an error, when cancelled, and when the completion queue was full.
void UringReceiver::on_end(SocketId id, int result) {
  receptions_[id.slot].armed = false;
  if (result == -ECANCELED) {
    if (is_doubted(receptions_[id.slot])) want_arming(id);
    return;
  }
  ++counters_.rearms;
  if (result == -ENOBUFS) ++counters_.buffers_exhausted;
  if (result < 0 && result != -ENOBUFS) {
    add_troubled(id);
  } else {
    want_arming(id);
  }
}

void UringReceiver::question_doubted(Ring& ring) {
  const size_t end = std::min(next_doubted_ + kDoubtedPerPass, receptions_.size());
  for (; next_doubted_ < end; ++next_doubted_) {
    const auto id = sockets_.at(static_cast<uint32_t>(next_doubted_));
    if (id && is_armed(*id) && is_doubted(receptions_[id->slot])) prepare_cancel(ring, *id);
  }
}

// The end of a receive is completed before its cancellation can find nothing; so where it is still
// thought to be armed, that completion was lost. Another result says that it is just ending.
void UringReceiver::on_cancel_refused(SocketId id, int result) {
  if (result != -ENOENT || !sockets_.find(id) || !is_armed(id)) return;
  if (is_doubted(receptions_[id.slot])) on_end(id, -ECANCELED);
}

void UringReceiver::add_troubled(SocketId id) {
  if (receptions_[id.slot].departing) return;
  if (!std::exchange(receptions_[id.slot].troubled, true)) troubled_.push_back(id);
}

void UringReceiver::end_trouble(SocketId id) {
  receptions_[id.slot].troubled = false;
  if (!receptions_[id.slot].armed) want_arming(id);
}

void UringReceiver::move_to_large(SocketId id) {
  OpenSocket* socket = sockets_.find(id);
  if (!socket) return;
  CHECK(!is_armed(id));
  socket->large_buffers = true;
  want_arming(id);
}

std::span<ReceivedDatagram> UringReceiver::take_batch() {
  batch_.clear();
  outgrown_.clear();
  while (batch_.size() < batch_limit_) {
    if (!train_ && !begin_train()) break;
    batch_.push_back(take_datagram(*train_));
    if (train_->rest.empty()) end_train();
  }
  return batch_;
}

// Finds the next arrival that may be delivered.
bool UringReceiver::begin_train() {
  while (arrivals_.size() > 0 && outgrown_.size() < batch_limit_) {
    const Arrival arrival = arrivals_.pop();
    OpenSocket* socket = sockets_.find(arrival.socket);
    if (socket) train_ = open(arrival, *socket);
    if (train_) return true;
    release(arrival);
    if (socket) one_less_waiting(arrival.socket);
  }
  return false;
}

// Reads name and control messages; what was cut is a counted drop, and a socket whose datagrams
// outgrow its buffers is remembered.
std::optional<UringReceiver::Train> UringReceiver::open(const Arrival& arrival,
                                                        OpenSocket& socket) {
  const FilledBuffer filled = buffers(arrival.large).read(arrival.buffer);
  const ReceivedControl control = read_control(filled.control);
  if (control.kernel_drops) counters_.kernel_drops += socket.more_drops(*control.kernel_drops);
  if (filled.truncated) {
    ++counters_.truncated_drops;
    if (!socket.large_buffers) outgrown_.push_back(arrival.socket);
    return std::nullopt;
  }
  const auto from = read_name(filled.name);
  if (filled.control_truncated || !from) {
    ++counters_.control_truncated_drops;
    return std::nullopt;
  }
  const size_t size = filled.payload.size();
  const bool is_train = control.segment_size > 0 && control.segment_size < size;
  if (is_train) ++counters_.gro_trains;
  const auto pass = static_cast<uint32_t>(counters_.passes);
  if (gro_ && !socket.large_buffers && socket.bursts.note(static_cast<uint32_t>(size), pass)) {
    outgrown_.push_back(arrival.socket);
  }
  return Train{.arrival = arrival,
               .socket = socket.owner.is_valid() ? socket.owner : arrival.socket,
               .tag = socket.tag,
               .from = *from,
               .to = control.to.value_or(socket.address.ip),
               .control = control,
               .room = filled.room,
               .rest = filled.payload,
               .segment_size = is_train ? control.segment_size : size};
}

ReceivedDatagram UringReceiver::take_datagram(Train& train) {
  const MutableBytes bytes = train.rest.first(std::min(train.segment_size, train.rest.size()));
  const MutableBytes room = train.room.empty() ? MutableBytes{rooms_[batch_.size()]} : train.room;
  train.rest = train.rest.subspan(bytes.size());
  train.room = {};
  ++counters_.datagrams_in;
  counters_.bytes_in += bytes.size();
  return {.socket = train.socket,
          .tag = train.tag,
          .from = train.from,
          .to = train.to,
          .dscp = train.control.dscp,
          .ecn = train.control.ecn,
          .ttl = train.control.ttl,
          .packet = Packet(room, bytes)};
}

void UringReceiver::end_train() {
  const Arrival arrival = train_->arrival;
  train_.reset();
  in_use_.push_back(arrival);
  one_less_waiting(arrival.socket);
}

void UringReceiver::one_less_waiting(SocketId id) {
  Reception& reception = receptions_[id.slot];
  CHECK(reception.waiting > 0);
  if (--reception.waiting == 0 && reception.departing) forget(id);
}

void UringReceiver::give_back() {
  for (const Arrival& arrival : in_use_) release(arrival);
  in_use_.clear();
  batch_.clear();
  small_.publish();
  large_.publish();
}

}  // namespace uturn
