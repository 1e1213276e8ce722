// Building runs: one look-up per datagram while queueing, one walk over the runs when sending.
#include "io/send_runs.h"

#include <openssl/rand.h>

#include <bit>
#include <cerrno>

#include "io/error_queue.h"

namespace uturn {
namespace {

uint64_t random_seed() {
  uint64_t seed = 0;
  CHECK(RAND_bytes(reinterpret_cast<uint8_t*>(&seed), sizeof seed) == 1);
  return seed;
}

constexpr uint8_t kPadding[3] = {0, 0, 0};  // the end of a Data indication, zeroed

iovec piece_of(Bytes bytes) { return {const_cast<uint8_t*>(bytes.data()), bytes.size()}; }

}  // namespace

SendQueue::SendQueue(uint32_t capacity, bool gso)
    : capacity_(capacity),
      gso_(gso),
      hash_seed_(random_seed()),
      flows_(std::bit_ceil(size_t{capacity} * 2)),
      refusals_(hash_seed_) {
  CHECK(capacity > 0);
  datagrams_.reserve(capacity);
  runs_.reserve(capacity);
  messages_.reserve(capacity);
  pieces_.reserve(size_t{capacity} * 3);
}

void SendQueue::add(SocketId via, const OpenSocket& socket, const OutgoingDatagram& datagram,
                    Instant now) {
  CHECK(!is_full());
  const auto size =
      static_cast<uint32_t>(datagram.header.size() + datagram.payload.size() + datagram.padding);
  const auto index = static_cast<uint32_t>(datagrams_.size());
  CHECK(datagram.padding <= sizeof kPadding);
  bytes_ += size;
  Datagram& queued =
      datagrams_.emplace_back(Datagram{datagram.header, datagram.payload, datagram.padding});
  // Usually the header was written in front of its payload: they are one piece.
  if (datagram.header.data() + datagram.header.size() == datagram.payload.data()) {
    queued.payload = {datagram.header.data(), datagram.header.size() + datagram.payload.size()};
    queued.header = {};
  }

  // A socket bound to one address leaves from it unasked; a twin has the other fields as options.
  IpFields ip = datagram.ip;
  if (!socket.is_wildcard()) ip.source = IpAddress{};
  if (socket.is_connected) ip = IpFields{};

  Flow* flow = gso_ ? find_flow(via, datagram.to) : nullptr;
  if (flow && flow->epoch == epoch_ && may_join(runs_[flow->run], ip, size, now)) {
    append(runs_[flow->run], index, size);
    return;
  }
  const uint32_t run = open_run(via, socket, datagram.to, ip);
  if (flow) *flow = {epoch_, run};
  append(runs_[run], index, size);
}

std::span<SendRun> SendQueue::build() {
  pieces_.clear();
  messages_.clear();
  for (SendRun& run : runs_) {
    messages_.emplace_back();
    build_message(run, messages_.back().msg_hdr);
  }
  return runs_;
}

SendFate SendQueue::fate_of(const SendRun& run, int error_number, int repeats, Instant now) {
  if (run.datagrams == 1) return fate_of_single(error_number, repeats);
  const bool too_long = error_number == EMSGSIZE && repeats >= repeats_after(EMSGSIZE);
  if (error_number == EINVAL || too_long) {
    refusals_.remember_destination(run.to.ip, now);
    return SendFate::send_singly;
  }
  if (error_number == EIO) {
    refusals_.remember_route(run.to.ip, now);
    return SendFate::send_singly;
  }
  return fate_of_single(error_number, repeats);
}

SendFate SendQueue::fate_of_single(int error_number, int repeats) {
  if (repeats < repeats_after(error_number)) return SendFate::repeat;
  const bool blocked =
      error_number == EAGAIN || error_number == EWOULDBLOCK || error_number == ENOBUFS;
  return blocked ? SendFate::drop_blocked : SendFate::drop_failed;
}

void SendQueue::count_sent(LoopCounters& counters) const {
  counters.datagrams_out += datagrams_.size();
  counters.bytes_out += bytes_;
  counters.gso_sends += trains_;
  counters.gso_datagrams += in_trains_;
}

void SendQueue::take_back(const SendRun& run, LoopCounters& counters) {
  counters.datagrams_out -= run.datagrams;
  counters.bytes_out -= run.bytes;
  if (run.datagrams == 1) return;
  --counters.gso_sends;
  counters.gso_datagrams -= run.datagrams;
}

void SendQueue::clear() {
  bytes_ = 0;
  trains_ = in_trains_ = 0;
  datagrams_.clear();
  runs_.clear();
  messages_.clear();
  pieces_.clear();
  if (++epoch_ == 0) {
    std::ranges::fill(flows_, Flow{});
    epoch_ = 1;
  }
}

// The flow's place, or the first free one for it; nothing where neither is near.
SendQueue::Flow* SendQueue::find_flow(SocketId via, const TransportAddress& to) {
  const uint64_t hash = hash_of(to, hash_seed_ + via.slot);
  for (uint32_t probe = 0; probe < kProbes; ++probe) {
    Flow& flow = flows_[(hash + probe) & (flows_.size() - 1)];
    if (flow.epoch != epoch_) return &flow;
    const SendRun& run = runs_[flow.run];
    if (run.via == via && run.to == to) return &flow;
  }
  return nullptr;
}

bool SendQueue::may_join(const SendRun& run, const IpFields& ip, uint32_t size, Instant now) const {
  return size > 0 && size <= run.segment_size && run.last_size_ == run.segment_size &&
         run.datagrams < kMaxRunDatagrams && run.bytes + size <= kMaxRunBytes && run.ip == ip &&
         !refusals_.contains(run.to.ip, now);
}

uint32_t SendQueue::open_run(SocketId via, const OpenSocket& socket, const TransportAddress& to,
                             const IpFields& ip) {
  SendRun& run = runs_.emplace_back();
  run.via = via;
  run.fd = socket.fd;
  run.is_connected = socket.is_connected;
  run.to = to;
  run.ip = ip;
  return static_cast<uint32_t>(runs_.size() - 1);
}

void SendQueue::append(SendRun& run, uint32_t datagram, uint32_t size) {
  if (run.datagrams == 0) {
    run.first_ = datagram;
    run.segment_size = size;
  } else {
    datagrams_[run.last_].next = datagram;
    if (run.datagrams == 1) ++trains_;
    in_trains_ += run.datagrams == 1 ? 2 : 1;
  }
  run.last_ = datagram;
  run.last_size_ = size;
  ++run.datagrams;
  run.bytes += size;
}

void SendQueue::build_message(SendRun& run, msghdr& message) {
  const size_t first_piece = pieces_.size();
  for (uint32_t i = run.first_; i != kNone; i = datagrams_[i].next) {
    add_piece(datagrams_[i].header, first_piece);
    add_piece(datagrams_[i].payload, first_piece);
    add_piece(Bytes{kPadding}.first(datagrams_[i].padding), first_piece);
  }
  const auto segment = static_cast<uint16_t>(run.datagrams > 1 ? run.segment_size : 0);
  message = {};
  if (!run.is_connected) {
    message.msg_namelen = write_name(run.to, run.name_);
    message.msg_name = &run.name_;
  }
  message.msg_iov = pieces_.data() + first_piece;
  message.msg_iovlen = pieces_.size() - first_piece;
  message.msg_controllen = write_control(run.control_, run.to, run.ip, segment);
  message.msg_control = message.msg_controllen > 0 ? run.control_.bytes.data() : nullptr;
}

// A header in front of its payload makes one piece with it, and so does a datagram that begins
// where the one before it ended: a relayed train leaves as few pieces.
void SendQueue::add_piece(Bytes piece, size_t first_piece) {
  if (piece.empty()) return;
  if (pieces_.size() > first_piece) {
    iovec& before = pieces_.back();
    if (static_cast<uint8_t*>(before.iov_base) + before.iov_len == piece.data()) {
      before.iov_len += piece.size();
      return;
    }
  }
  pieces_.push_back(piece_of(piece));
}

size_t SendQueue::prepare_single(const SendRun& run, const Datagram& datagram,
                                 SingleMessage& single) const {
  single.pieces[0] = piece_of(datagram.header);
  single.pieces[1] = piece_of(datagram.payload);
  single.pieces[2] = piece_of(Bytes{kPadding}.first(datagram.padding));
  single.message = {};
  if (!run.is_connected) {
    single.message.msg_namelen = run.to.ip.is_v4() ? sizeof run.name_.v4 : sizeof run.name_.v6;
    single.message.msg_name = const_cast<SocketName*>(&run.name_);
  }
  single.message.msg_iov = single.pieces;
  single.message.msg_iovlen = 3;
  single.message.msg_controllen = write_control(single.control, run.to, run.ip, 0);
  if (single.message.msg_controllen > 0) single.message.msg_control = single.control.bytes.data();
  return datagram.header.size() + datagram.payload.size() + datagram.padding;
}

}  // namespace uturn
