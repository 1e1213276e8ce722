// A loop without a kernel.
#include "tests/simulation/world/simulated_loop.h"

#include <algorithm>

namespace uturn {
namespace {

constexpr size_t kSocketQueue = 4'096;  // datagrams a loop's sockets hold before they drop

std::vector<uint8_t> joined(Bytes header, Bytes payload, size_t padding) {
  std::vector<uint8_t> bytes(header.begin(), header.end());
  bytes.insert(bytes.end(), payload.begin(), payload.end());
  bytes.resize(bytes.size() + padding);
  return bytes;
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
    : network_(network), settings_(settings), lent_(settings.send_queue) {}

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
  if (sockets_.size() >= settings_.max_sockets) return Failure{OpenError::no_descriptors};
  return bind(spec, tag);
}

Result<SocketId, OpenError> SimulatedLoop::bind(const UdpSocketSpec& spec, uint64_t tag) {
  uint32_t slot = 0;
  while (sockets_.contains(slot)) ++slot;
  if (slot >= generations_.size()) generations_.resize(slot + 1);
  const SocketId id{slot, generations_[slot]};

  Endpoint endpoint;
  endpoint.receive = [this, id](const VirtualDatagram& datagram) {
    if (arrived_.size() < kSocketQueue) {
      arrived_.push_back({id, datagram});
    } else {
      ++counters_.kernel_drops;
    }
  };
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
    return Failure{OpenError::address_in_use};
  }
  sockets_[slot] = {address, tag, id.generation, true, spec.kind, spec.reuse_port};
  return id;
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
    for (const VirtualDatagram& datagram : loose.queued) arrived_.push_back({*id, datagram});
  }
  return id;
}

LooseSocket SimulatedLoop::detach(SocketId id) {
  CHECK(is_current(id));
  static int next_handle = 1;
  const int handle = next_handle++;
  auto loose = std::make_unique<Loose>();
  loose->address = sockets_.at(id.slot).address;
  for (const Arrived& arrived : arrived_) {
    if (arrived.socket == id) loose->queued.push_back(arrived.datagram);
  }
  close(id);
  Endpoint endpoint;
  endpoint.receive = [into = loose.get()](const VirtualDatagram& d) { into->queued.push_back(d); };
  CHECK(network_.bind(loose->address, std::move(endpoint), static_cast<uint64_t>(handle)));
  loose_sockets()[handle] = std::move(loose);
  return {handle};
}

void SimulatedLoop::close_loose(LooseSocket socket) {
  auto node = loose_sockets().extract(socket.handle);
  CHECK(!node.empty());
  network_.unbind(node.mapped()->address, static_cast<uint64_t>(socket.handle));
}

void SimulatedLoop::close(SocketId id) {
  if (!is_current(id)) return;
  flush();
  const auto owner = reinterpret_cast<uint64_t>(this) ^ uint64_t { id.slot } << 48;
  network_.unbind(sockets_.at(id.slot).address, owner);
  sockets_.erase(id.slot);
  ++generations_[id.slot];
  std::erase_if(arrived_, [&](const Arrived& a) { return a.socket == id; });
  std::erase_if(errors_, [&](const IcmpError& e) { return e.socket == id; });
}

TransportAddress SimulatedLoop::local_address(SocketId id) const {
  return sockets_.at(id.slot).address;
}

void SimulatedLoop::send(const OutgoingDatagram& datagram) {
  if (!is_current(datagram.via)) {
    ++counters_.send_error_drops;
    return;
  }
  const Socket& socket = sockets_.at(datagram.via.slot);
  TransportAddress from = socket.address;
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
  flush();
  lent_.start_over();
}

void SimulatedLoop::deliver_batch(LoopHandler& handler) {
  const size_t count = std::min<size_t>(arrived_.size(), settings_.batch);
  if (count == 0) return;
  std::vector<Arrived> taken;
  std::vector<ExactBuffer> buffers;
  std::vector<ReceivedDatagram> batch;
  buffers.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    taken.push_back(std::move(arrived_.front()));
    arrived_.pop_front();
    const auto& [socket, datagram] = taken.back();
    buffers.emplace_back(datagram.bytes);
    counters_.datagrams_in += 1;
    counters_.bytes_in += datagram.bytes.size();
    batch.push_back({socket, sockets_.at(socket.slot).tag, datagram.from, datagram.to.ip,
                     datagram.dscp, datagram.ecn, datagram.ttl,
                     Packet{{buffers.back().room.get(), kHeadroom},
                            {buffers.back().bytes.get(), datagram.bytes.size()}}});
  }
  handler.on_datagrams(batch);
  flush();
}

void SimulatedLoop::flush() {
  for (VirtualDatagram& datagram : std::exchange(queued_, {})) {
    ++counters_.datagrams_out;
    counters_.bytes_out += datagram.bytes.size();
    network_.send(std::move(datagram));
  }
}

bool SimulatedLoop::is_current(SocketId id) const {
  const auto found = sockets_.find(id.slot);
  return found != sockets_.end() && found->second.generation == id.generation;
}

std::map<int, std::unique_ptr<SimulatedLoop::Loose>>& SimulatedLoop::loose_sockets() {
  static std::map<int, std::unique_ptr<Loose>> sockets;
  return sockets;
}

}  // namespace uturn
