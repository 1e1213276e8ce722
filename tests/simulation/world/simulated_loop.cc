// A loop without a kernel.
#include "tests/simulation/world/simulated_loop.h"

#include <algorithm>

namespace uturn {
namespace {

constexpr size_t kQueueOverhead = 256;  // of a queued datagram, counted with its bytes
constexpr size_t kSmallBuffer = 2'048;

std::vector<uint8_t> joined(Bytes header, Bytes payload, size_t padding) {
  std::vector<uint8_t> bytes(header.begin(), header.end());
  bytes.insert(bytes.end(), payload.begin(), payload.end());
  bytes.resize(bytes.size() + padding);
  return bytes;
}

/// What every kernel refuses.
bool may_leave(const TransportAddress& from, const TransportAddress& to, size_t size) {
  constexpr size_t kMost = 65'507, kMost6 = 65'527;
  return to.port != 0 && to.ip.family() == from.ip.family() &&
         size <= (to.ip.is_v4() ? kMost : kMost6);
}

/// A datagram with nothing around it but its room: the sanitizer sees every byte beyond.
struct ExactBuffer {
  std::unique_ptr<uint8_t[]> room = std::make_unique<uint8_t[]>(kHeadroom);
  std::unique_ptr<uint8_t[]> bytes;
  explicit ExactBuffer(const std::vector<uint8_t>& content)
      : bytes(std::make_unique<uint8_t[]>(content.size())) {
    std::ranges::copy(content, bytes.get());
  }
};

}  // namespace

SimulatedLoop::SimulatedLoop(VirtualNetwork& network, const LoopSettings& settings)
    : network_(network),
      settings_(settings),
      lent_(settings.send_queue),
      streams_(network, settings, counters_) {}

SimulatedLoop::~SimulatedLoop() {
  while (!sockets_.empty()) {
    const auto& [slot, socket] = *sockets_.begin();
    close({slot, socket.generation});
  }
}

Result<SocketId, OpenError> SimulatedLoop::open(const UdpSocketSpec& spec, uint64_t tag) {
  if (spec.kind == SocketKind::relay) {
    if (network_.random().chance(trouble_.occupied)) return Failure{OpenError::address_in_use};
    if (network_.random().chance(trouble_.no_descriptors))
      return Failure{OpenError::no_descriptors};
  }
  if (!has_address_(spec.address.ip)) return Failure{OpenError::address_not_available};
  return bind(spec, tag);
}

Result<SocketId, OpenError> SimulatedLoop::bind(const UdpSocketSpec& spec, uint64_t tag) {
  if (sockets_.size() >= settings_.max_sockets) return Failure{OpenError::no_descriptors};
  const uint32_t slot = take_slot();
  const SocketId id{slot, generations_[slot]};

  Endpoint endpoint;
  endpoint.receive = [this, id](const VirtualDatagram& datagram) { arrive(id, datagram); };
  if (spec.kind == SocketKind::relay) {
    endpoint.unreachable = [this, id, tag](const TransportAddress& destination) {
      constexpr uint8_t kUnreachable = 3, kPort = 3, kUnreachable6 = 1, kPort6 = 4;
      const bool v4 = destination.ip.is_v4();
      errors_.push_back(
          {id, tag, destination, v4 ? kUnreachable : kUnreachable6, v4 ? kPort : kPort6, 0});
    };
  }
  TransportAddress address = spec.address;
  const auto owner = reinterpret_cast<uint64_t>(this) ^ uint64_t { slot } << 48;
  if (!network_.bind(address, std::move(endpoint), owner, spec.reuse_port)) {
    free_slots_.push_back(slot);
    return Failure{OpenError::address_in_use};
  }
  Socket& socket = sockets_[slot];
  socket.address = address;
  socket.tag = tag;
  socket.generation = id.generation;
  socket.takes_large = spec.kind == SocketKind::listener;
  socket.receives = !spec.receives_later;
  socket.queue.limit = static_cast<size_t>(spec.receive_buffer);
  return id;
}

uint32_t SimulatedLoop::take_slot() {
  if (free_slots_.empty()) {
    generations_.push_back(0);
    return static_cast<uint32_t>(generations_.size() - 1);
  }
  const uint32_t slot = free_slots_.back();
  free_slots_.pop_back();
  return slot;
}

Result<SocketId, OpenError> SimulatedLoop::adopt(LooseSocket socket, const UdpSocketSpec& spec,
                                                 uint64_t tag, bool discard_queued) {
  auto node = loose_sockets().extract(socket.handle);
  CHECK(!node.empty());
  const Loose& loose = *node.mapped();
  network_.unbind(loose.address, static_cast<uint64_t>(socket.handle));
  UdpSocketSpec at = spec;
  at.address = loose.address;
  auto id = bind(at, tag);
  if (id && !discard_queued) {
    for (const VirtualDatagram& datagram : loose.queue.datagrams) arrive(*id, datagram);
  }
  return id;
}

LooseSocket SimulatedLoop::detach(SocketId id) {
  const Socket* socket = find(id);
  if (!socket) return {};
  flush();
  static int next_handle = 1;
  const int handle = next_handle++;
  auto loose = std::make_unique<Loose>();
  loose->address = socket->address;
  loose->queue = remove(id);
  Endpoint endpoint;
  endpoint.receive = [into = loose.get()](const VirtualDatagram& d) { into->queue.push(d); };
  CHECK(network_.bind(loose->address, std::move(endpoint), static_cast<uint64_t>(handle)));
  loose_sockets()[handle] = std::move(loose);
  return {handle};
}

void SimulatedLoop::close_loose(LooseSocket socket) {
  if (const auto stream = network_.streams().take_loose(socket.handle)) {
    network_.streams().close_either(*stream);
    return;
  }
  auto node = loose_sockets().extract(socket.handle);
  CHECK(!node.empty());
  network_.unbind(node.mapped()->address, static_cast<uint64_t>(socket.handle));
}

void SimulatedLoop::close(SocketId id) {
  if (!find(id)) return;
  flush();
  remove(id);
  for (ReceivedDatagram& datagram : batch_) {
    if (datagram.socket == id) datagram.socket = SocketId{};
  }
}

SimulatedLoop::Queue SimulatedLoop::remove(SocketId id) {
  auto node = sockets_.extract(id.slot);
  const auto owner = reinterpret_cast<uint64_t>(this) ^ uint64_t { id.slot } << 48;
  network_.unbind(node.mapped().address, owner);
  ++generations_[id.slot];
  free_slots_.push_back(id.slot);
  std::erase(waiting_, id);
  std::erase_if(errors_, [&](const IcmpError& e) { return e.socket == id; });
  return std::move(node.mapped().queue);
}

TransportAddress SimulatedLoop::local_address(SocketId id) const {
  const auto found = sockets_.find(id.slot);
  const bool is_open = found != sockets_.end() && found->second.generation == id.generation;
  return is_open ? found->second.address : TransportAddress{};
}

void SimulatedLoop::send(const OutgoingDatagram& datagram) {
  const Socket* socket = find(datagram.via);
  const size_t size = datagram.header.size() + datagram.payload.size() + datagram.padding;
  if (!socket || !may_leave(socket->address, datagram.to, size)) {
    ++counters_.send_error_drops;
    return;
  }
  TransportAddress from = socket->address;
  if (from.ip.is_unspecified()) from.ip = datagram.ip.source;
  const uint8_t ttl = datagram.ip.ttl == 0 ? 64 : datagram.ip.ttl;
  queued_.push_back({from, datagram.to, joined(datagram.header, datagram.payload, datagram.padding),
                     datagram.ip.dscp, datagram.ip.ecn, ttl});
  if (queued_.size() == settings_.send_queue) flush();
}

MutableBytes SimulatedLoop::lend(size_t size) {
  if (lent_.is_exhausted()) {
    flush();
    lent_.start_over();
  }
  return lent_.lend(size);
}

void SimulatedLoop::run_pass(LoopHandler& handler, Instant wake_at) {
  ++counters_.passes;
  flush();
  while (!is_ready() && network_.step(wake_at)) {
  }
  if (!is_ready() && wake_at != kNever) network_.run_until(wake_at);
  if (std::exchange(woken_, false)) handler.on_wake();
  for (uint32_t i = 0; i < settings_.icmp_errors_per_pass && !errors_.empty(); ++i) {
    const IcmpError error = errors_.front();
    errors_.pop_front();
    ++counters_.icmp_errors;
    handler.on_icmp_error(error);
  }
  deliver_batch(handler);
  streams_.deliver(handler);
  flush();
  lent_.start_over();
}

void SimulatedLoop::deliver_batch(LoopHandler& handler) {
  std::vector<ExactBuffer> buffers;
  SocketId from;
  while (batch_.size() < settings_.batch) {
    const auto datagram = take_next(from);
    if (!datagram) break;
    const ExactBuffer& buffer = buffers.emplace_back(datagram->bytes);
    counters_.datagrams_in += 1;
    counters_.bytes_in += datagram->bytes.size();
    batch_.push_back(
        {from, sockets_.at(from.slot).tag, datagram->from, datagram->to.ip, datagram->dscp,
         datagram->ecn, datagram->ttl,
         Packet{{buffer.room.get(), kHeadroom}, {buffer.bytes.get(), datagram->bytes.size()}}});
  }
  if (!batch_.empty()) handler.on_datagrams(batch_);
  flush();
  batch_.clear();
}

// One of each socket in turn. What is longer than a relay socket's buffers is dropped, and the next
// one finds larger ones.
std::optional<VirtualDatagram> SimulatedLoop::take_next(SocketId& from) {
  while (!waiting_.empty()) {
    from = waiting_.front();
    waiting_.pop_front();
    Socket& socket = sockets_.at(from.slot);
    VirtualDatagram datagram = socket.queue.pop();
    counters_.kernel_drops += std::exchange(socket.queue.drops, 0);
    if (!socket.queue.datagrams.empty()) waiting_.push_back(from);
    if (socket.takes_large || datagram.bytes.size() <= kSmallBuffer) return datagram;
    ++counters_.truncated_drops;
    socket.takes_large = true;
  }
  return std::nullopt;
}

bool SimulatedLoop::begin_receiving(SocketId id, const UdpSocketSpec&) {
  Socket* socket = find(id);
  return socket && !std::exchange(socket->receives, true);
}

void SimulatedLoop::arrive(SocketId id, const VirtualDatagram& datagram) {
  Socket& socket = sockets_.at(id.slot);
  if (!socket.receives) return;
  Queue& queue = socket.queue;
  if (queue.datagrams.empty()) waiting_.push_back(id);
  queue.push(datagram);
}

void SimulatedLoop::Queue::push(const VirtualDatagram& datagram) {
  const size_t cost = datagram.bytes.size() + kQueueOverhead;
  if (!datagrams.empty() && bytes + cost > limit) {
    ++drops;
    return;
  }
  bytes += cost;
  datagrams.push_back(datagram);
}

VirtualDatagram SimulatedLoop::Queue::pop() {
  VirtualDatagram datagram = std::move(datagrams.front());
  datagrams.pop_front();
  bytes -= datagram.bytes.size() + kQueueOverhead;
  return datagram;
}

void SimulatedLoop::flush() {
  for (VirtualDatagram& datagram : std::exchange(queued_, {})) {
    ++counters_.datagrams_out;
    counters_.bytes_out += datagram.bytes.size();
    network_.send(std::move(datagram));
  }
}

SimulatedLoop::Socket* SimulatedLoop::find(SocketId id) {
  const auto found = sockets_.find(id.slot);
  const bool is_open = found != sockets_.end() && found->second.generation == id.generation;
  return is_open ? &found->second : nullptr;
}

std::map<int, std::unique_ptr<SimulatedLoop::Loose>>& SimulatedLoop::loose_sockets() {
  static std::map<int, std::unique_ptr<Loose>> sockets;
  return sockets;
}

}  // namespace uturn
