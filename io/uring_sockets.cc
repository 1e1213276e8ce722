// The datagram sockets of an io_uring loop: opened, taken over, read, let go and closed.
#include <unistd.h>

#include "io/uring_loop_class.h"

namespace uturn {

Result<SocketId, OpenError> UringLoop::open(const UdpSocketSpec& spec, uint64_t tag) {
  auto socket = UdpSocket::open(spec, settings_.gro);
  if (!socket) return Failure{socket.error()};
  return add(std::move(*socket), spec, tag);
}

Result<SocketId, OpenError> UringLoop::adopt(LooseSocket loose, const UdpSocketSpec& spec,
                                             uint64_t tag, bool discard_queued) {
  if (discard_queued) discard_received(loose.handle);
  return add(UdpSocket(loose.handle), spec, tag);
}

Result<SocketId, OpenError> UringLoop::add(UdpSocket socket, const UdpSocketSpec& spec,
                                           uint64_t tag) {
  const OpenSocket as{
      .kind = spec.kind,
      .large_buffers = spec.kind == SocketKind::listener,
      .receives = !spec.receives_later,
      .tag = tag,
      .address = spec.address.port != 0 ? TransportAddress{spec.address} : socket.local_address()};
  const auto id = watch(std::move(socket), as);
  if (!id) return Failure{OpenError::no_descriptors};
  return *id;
}

std::optional<SocketId> UringLoop::watch(UdpSocket socket, OpenSocket as) {
  as.fd = socket.fd();
  const auto id = sockets_.add(as);
  if (!id) return std::nullopt;
  socket.release();
  if (as.receives) receiver_.begin(*id);
  return id;
}

bool UringLoop::begin_receiving(SocketId id, const UdpSocketSpec& spec) {
  OpenSocket* socket = find(id);
  if (!socket || socket->receives) return false;
  const auto dropped = make_receiving(socket->fd, spec);
  if (!dropped) return false;
  socket->kernel_drops = *dropped;
  socket->receives = true;
  receiver_.begin(id);
  return true;
}

OpenSocket* UringLoop::find(SocketId id) {
  OpenSocket* socket = sockets_.find(id);
  return socket && !receiver_.is_departing(id) ? socket : nullptr;
}

void UringLoop::close(SocketId id) {
  const OpenSocket* socket = find(id);
  if (!socket) return;
  // What was queued must not leave by another socket that gets the same descriptor.
  if (sender_.queue().uses(socket->fd)) flush();
  close_twin(id);
  close_socket(id);
}

void UringLoop::close_socket(SocketId id) {
  stop_receiving(id);
  ::close(sockets_.find(id)->fd);
  receiver_.close(id);
}

void UringLoop::close_twin(SocketId owner) {
  if (const SocketId twin = busy_peers_.twin_of(owner); twin.is_valid()) {
    if (sender_.queue().uses(sockets_.find(twin)->fd)) flush();
    close_socket(twin);
  }
  busy_peers_.forget(owner);
  counters_.twins = busy_peers_.twins();
}

LooseSocket UringLoop::detach(SocketId id) {
  const OpenSocket* socket = find(id);
  if (!socket) return {};
  if (sender_.queue().uses(socket->fd)) flush();
  close_twin(id);
  stop_receiving(id);
  const LooseSocket loose{socket->fd};
  receiver_.depart(id);
  return loose;
}

// The request holds the socket, so it must have ended before close(): then the port is free at
// once, and no datagram falls into a ring that nobody asks for it. One round, usually; more where
// the kernel has so much to complete that it pauses, or the receive was just being armed.
void UringLoop::stop_receiving(SocketId id) {
  while (receiver_.is_armed(id)) {
    receiver_.prepare_cancel(*ring_, id);
    ring_->poll();
    collect();
  }
}

TransportAddress UringLoop::local_address(SocketId id) const {
  const OpenSocket* socket = sockets_.find(id);
  return socket && !receiver_.is_departing(id) ? socket->address : TransportAddress{};
}

}  // namespace uturn
