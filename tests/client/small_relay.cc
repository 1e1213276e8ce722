// SmallRelay: one thread that polls.
#include "tests/client/small_relay.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "protocol/attributes.h"
#include "protocol/message_builder.h"

namespace uturn {
namespace {

TransportAddress address(const std::string& text) { return *TransportAddress::parse(text); }

TransportAddress relayed(size_t n) {
  return address("192.0.2." + std::to_string(n) + ":5000" + std::to_string(n));
}

}  // namespace

SmallRelay::SmallRelay(Transport transport, RelayFault fault)
    : is_stream_(transport == Transport::tcp),
      fault_(fault),
      socket_(::socket(AF_INET, (is_stream_ ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0)),
      stop_(::eventfd(0, EFD_CLOEXEC)) {
  sockaddr_in any{
      .sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
  socklen_t size = sizeof any;
  EXPECT_EQ(::bind(socket_, reinterpret_cast<sockaddr*>(&any), size), 0);
  EXPECT_EQ(::getsockname(socket_, reinterpret_cast<sockaddr*>(&any), &size), 0);
  if (is_stream_) {
    EXPECT_EQ(::listen(socket_, 8), 0);
  }
  port_ = ntohs(any.sin_port);
  thread_ = std::thread{[this] { serve(); }};
}

SmallRelay::~SmallRelay() {
  ::eventfd_write(stop_, 1);
  thread_.join();
  for (size_t client = 0; client < clients_.size(); ++client) hang_up(client);
  ::close(socket_);
  ::close(stop_);
}

void SmallRelay::serve() {
  for (;;) {
    std::vector<pollfd> waiting{{stop_, POLLIN, 0}, {socket_, POLLIN, 0}};
    for (const Client& client : clients_) waiting.push_back({client.connection, POLLIN, 0});
    ::poll(waiting.data(), waiting.size(), -1);
    if (waiting[0].revents != 0) return;
    if (waiting[1].revents != 0) is_stream_ ? accept_client() : read_datagram();
    for (size_t i = 2; i < waiting.size(); ++i) {
      if (waiting[i].revents != 0) read_stream(i - 2);
    }
  }
}

void SmallRelay::accept_client() {
  clients_.emplace_back().connection = ::accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC);
}

void SmallRelay::read_datagram() {
  sockaddr_in from;
  socklen_t size = sizeof from;
  std::array<uint8_t, 1500> buffer;
  const ssize_t length = ::recvfrom(socket_, buffer.data(), buffer.size(), 0,
                                    reinterpret_cast<sockaddr*>(&from), &size);
  if (length <= 0) return;
  on_frame(MutableBytes{buffer}.first(static_cast<size_t>(length)), client_at(from));
}

void SmallRelay::read_stream(size_t client) {
  std::array<uint8_t, 1500> buffer;
  const ssize_t length = ::recv(clients_[client].connection, buffer.data(), buffer.size(), 0);
  if (length <= 0) return hang_up(client);
  clients_[client].frames.feed(MutableBytes{buffer}.first(static_cast<size_t>(length)),
                               [&](MutableBytes frame) { on_frame(frame, client); });
}

void SmallRelay::on_frame(MutableBytes frame, size_t client) {
  if (fault_.speaks_smtp) return send(bytes_of("220 mail.example.org ESMTP\r\n"), client);
  if (const auto message = MessageView::parse(frame)) {
    on_message(*message, client);
  } else if (fault_.relays) {
    send(frame, other_than(client));  // both have bound the same number
  }
}

void SmallRelay::on_message(const MessageView& request, size_t client) {
  if (request.message_class() == MessageClass::indication) return on_send(request, client);
  if (request.method() == fault_.hangs_up_at) return hang_up(client);
  const auto refused = request.method() == Method::allocate            ? fault_.allocate
                       : request.method() == Method::create_permission ? fault_.create_permission
                                                                       : std::nullopt;
  std::array<uint8_t, 500> buffer;
  MessageBuilder answer{buffer, request.method(),
                        refused ? MessageClass::error : MessageClass::success,
                        request.transaction_id()};
  if (refused) answer.add_error(*refused);
  answer.add_xor_address(AttributeType::xor_mapped_address, address("192.0.2.200:4000"));
  if (!refused && request.method() == Method::allocate) {
    allocated_.push_back(client);
    answer.add_xor_address(AttributeType::xor_relayed_address, relayed(allocated_.size()));
    answer.add_u32(AttributeType::lifetime, 600);
  }
  send(answer.finish(), client);
}

void SmallRelay::on_send(const MessageView& indication, size_t client) {
  if (!fault_.relays) return;
  std::array<uint8_t, 500> buffer;
  MessageBuilder data{buffer, Method::data, MessageClass::indication, {}};
  data.add_xor_address(AttributeType::xor_peer_address, relayed(client == allocated_[0] ? 1 : 2));
  data.add(AttributeType::data, indication.find(AttributeType::data)->value);
  send(data.finish(), other_than(client));
}

size_t SmallRelay::client_at(const sockaddr_in& from) {
  for (size_t i = 0; i < clients_.size(); ++i) {
    if (clients_[i].from.sin_port == from.sin_port) return i;
  }
  clients_.emplace_back().from = from;
  return clients_.size() - 1;
}

size_t SmallRelay::other_than(size_t client) const {
  return client == allocated_[0] ? allocated_.back() : allocated_[0];
}

// A stream has the padding that the frame says (RFC 8656, Section 12.5).
void SmallRelay::send(Bytes frame, size_t client) {
  const Client& to = clients_[client];
  if (!is_stream_) {
    ::sendto(socket_, frame.data(), frame.size(), 0, reinterpret_cast<const sockaddr*>(&to.from),
             sizeof to.from);
    return;
  }
  std::vector<uint8_t> padded(frame.begin(), frame.end());
  padded.resize((padded.size() + 3) / 4 * 4);
  ::send(to.connection, padded.data(), padded.size(), MSG_NOSIGNAL);
}

void SmallRelay::hang_up(size_t client) {
  if (clients_[client].connection >= 0) ::close(clients_[client].connection);
  clients_[client].connection = -1;
}

}  // namespace uturn
