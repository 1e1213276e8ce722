// DrivenConnection: recv and send until the socket says no.
#include "client/tools/driven_connection.h"

#include <array>
#include <cerrno>
#include <utility>
#include <vector>

namespace uturn {
namespace {

constexpr size_t kReadSize = 64 * 1024;  // any datagram
constexpr int kReadsAtOnce = 16;

}  // namespace

DrivenConnection::DrivenConnection(ClientSocket::Kind kind, const TransportAddress& server,
                                   std::unique_ptr<ServerConnection> connection, Now now,
                                   Bytes header)
    : kind_(kind), header_(header), connection_(std::move(connection)) {
  auto socket = ClientSocket::open(kind, server);
  if (!socket) {
    connection_->on_error(socket.error());
    return;
  }
  socket_ = *std::move(socket);
  if (kind == ClientSocket::Kind::datagram) connect(now);
}

DrivenConnection::~DrivenConnection() {
  connection_->leave();
  write();
}

bool DrivenConnection::send(Bytes frame) {
  const bool taken = connection_->send(frame);
  write();
  return taken;
}

pollfd DrivenConnection::wait_for() const {
  if (connection_->has_ended()) return {.fd = -1, .events = 0, .revents = 0};
  const bool writes = !is_connected_ || !connection_->outgoing().empty();
  const int events = POLLIN | (writes ? POLLOUT : 0);
  return {.fd = socket_.fd(), .events = static_cast<short>(events), .revents = 0};
}

void DrivenConnection::on_ready(FrameSink& sink, Now now) {
  if (connection_->has_ended()) return;
  if (!is_connected_) {
    if (const int error = socket_.error(); error != 0) return connection_->on_error(error);
    if (!socket_.is_connected()) return;
    connect(now);
  }
  read(sink, now);
  write();
}

void DrivenConnection::on_deadline(Now now) {
  connection_->on_deadline(now);
  write();
}

void DrivenConnection::connect(Now now) {
  is_connected_ = true;
  // The buffer of a new connection takes so little whole.
  const bool begins = kind_ == ClientSocket::Kind::stream && !header_.empty();
  if (begins && !socket_.send(header_)) return connection_->on_error(EPIPE);
  connection_->on_connected(now);
  write();
}

void DrivenConnection::read(FrameSink& sink, Now now) {
  std::array<uint8_t, kReadSize> buffer;
  for (int i = 0; i < kReadsAtOnce && !connection_->has_ended(); ++i) {
    const auto size = socket_.receive(buffer);
    if (!size) {
      if (!would_block(size.error())) connection_->on_error(size.error());
      return;
    }
    const bool is_fin = *size == 0 && kind_ == ClientSocket::Kind::stream;
    if (is_fin) return connection_->on_error(0);
    connection_->on_arrived(MutableBytes{buffer}.first(*size), sink, now);
  }
}

void DrivenConnection::write() {
  while (is_connected_) {
    const Bytes bytes = connection_->outgoing();
    if (bytes.empty()) return;
    const auto size = transmit(bytes);
    if (!size) {
      if (!would_block(size.error())) connection_->on_error(size.error());
      return;
    }
    connection_->sent(*size);
  }
}

/// How many of `bytes` went.
Result<size_t, int> DrivenConnection::transmit(Bytes bytes) {
  if (kind_ == ClientSocket::Kind::stream || header_.empty()) return socket_.send(bytes);
  std::vector<uint8_t> datagram(header_.begin(), header_.end());
  datagram.insert(datagram.end(), bytes.begin(), bytes.end());
  auto size = socket_.send(datagram);
  if (size) *size -= header_.size();
  return size;
}

}  // namespace uturn
