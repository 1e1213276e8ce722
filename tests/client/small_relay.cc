// SmallRelay: one thread that polls.
#include "tests/client/small_relay.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <fstream>

#include "client/tools/client_socket.h"
#include "client/tools/make_connection.h"
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
    : transport_(transport),
      is_stream_(is_reliable(transport)),
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
  if (uses_tls(transport_)) make_certificate();
  thread_ = std::thread{[this] { serve(); }};
}

SmallRelay::~SmallRelay() {
  ::eventfd_write(stop_, 1);
  thread_.join();
  for (size_t client = 0; client < clients_.size(); ++client) hang_up(client);
  ::close(socket_);
  ::close(stop_);
  if (!authority_.empty()) ::unlink(authority_.c_str());
}

void SmallRelay::make_certificate() {
  const TlsCertificateSource source =
      make_self_signed({"localhost"}, {*IpAddress::parse("127.0.0.1")}, read_clocks());
  std::string path = ::testing::TempDir() + "small_relay_XXXXXX";
  ::close(::mkstemp(path.data()));
  std::ofstream{path} << source.certificate_pem;
  authority_ = path;
  auto context = TlsContext::load({.certificates = {source}, .alpn = {"stun.turn"}},
                                  TlsTicketKeys::make(read_clocks()));
  ASSERT_TRUE(context) << context.error();
  context_ = *context;
  dtls_ = std::make_unique<DtlsListener>(context_, read_clocks());
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
  Client& client = clients_.emplace_back();
  client.connection = ::accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC);
  if (transport_ == Transport::tls) client.tls = TlsSession::accept(context_, buffers_);
}

void SmallRelay::read_datagram() {
  sockaddr_in from;
  socklen_t size = sizeof from;
  std::array<uint8_t, 1500> buffer;
  const ssize_t length = ::recvfrom(socket_, buffer.data(), buffer.size(), 0,
                                    reinterpret_cast<sockaddr*>(&from), &size);
  if (length <= 0) return;
  if (dtls_) return read_dtls(Bytes{buffer}.first(static_cast<size_t>(length)), from);
  on_frame(MutableBytes{buffer}.first(static_cast<size_t>(length)), client_at(from));
}

void SmallRelay::read_stream(size_t client) {
  std::array<uint8_t, 1500> buffer;
  const ssize_t length = ::recv(clients_[client].connection, buffer.data(), buffer.size(), 0);
  if (length <= 0) return hang_up(client);
  if (clients_[client].tls) {
    return read_tls(Bytes{buffer}.first(static_cast<size_t>(length)), client);
  }
  clients_[client].frames.feed(MutableBytes{buffer}.first(static_cast<size_t>(length)),
                               [&](MutableBytes frame) { on_frame(frame, client); });
}

void SmallRelay::read_tls(Bytes ciphertext, size_t client) {
  TlsSession& session = *clients_[client].tls;
  session.feed(ciphertext);
  std::array<uint8_t, TlsSession::kMaxPlaintext> plaintext;
  while (const size_t size = session.read(plaintext)) {
    clients_[client].frames.feed(MutableBytes{plaintext}.first(size),
                                 [&](MutableBytes frame) { on_frame(frame, client); });
  }
  transmit(client);
}

void SmallRelay::read_dtls(Bytes datagram, const sockaddr_in& from) {
  const size_t client = client_at(from);
  if (!clients_[client].dtls && !begin_dtls(datagram, from, client)) return;
  DtlsSession& session = *clients_[client].dtls;
  session.feed(datagram);
  std::array<uint8_t, DtlsSession::kMaxPlaintext> message;
  while (const size_t size = session.read(message)) {
    on_frame(MutableBytes{message}.first(size), client);
  }
  transmit(client);
}

/// False: the listener has dealt with it, the session it made included.
bool SmallRelay::begin_dtls(Bytes datagram, const sockaddr_in& from, size_t client) {
  const FiveTuple five_tuple{
      .client = client_address(address("127.0.0.1:" + std::to_string(ntohs(from.sin_port)))),
      .server = server_address(address(at())),
      .transport = Transport::dtls};
  std::array<uint8_t, DtlsListener::kAnswerSize> out;
  auto hello = dtls_->on_client_hello(datagram, five_tuple, out, read_clocks());
  if (const auto* answer = std::get_if<Bytes>(&hello)) send_datagram(*answer, from);
  if (auto* session = std::get_if<std::unique_ptr<DtlsSession>>(&hello)) {
    clients_[client].dtls = std::move(*session);
    transmit(client);
  }
  return false;
}

void SmallRelay::transmit(size_t client) {
  Client& to = clients_[client];
  if (to.tls) {
    const Bytes bytes = to.tls->pending_ciphertext();
    const ssize_t size = ::send(to.connection, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (size > 0) to.tls->sent(static_cast<size_t>(size));
  }
  std::array<uint8_t, DtlsSession::kHandshakeMtu> datagram;
  while (const size_t size = to.dtls ? to.dtls->poll_transmit(datagram) : 0) {
    send_datagram(Bytes{datagram}.first(size), to.from);
  }
}

void SmallRelay::send_datagram(Bytes datagram, const sockaddr_in& to) {
  ::sendto(socket_, datagram.data(), datagram.size(), 0, reinterpret_cast<const sockaddr*>(&to),
           sizeof to);
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
  if (to.dtls) {
    std::array<uint8_t, 2'000> record;
    return send_datagram(Bytes{record}.first(to.dtls->write({&frame, 1}, record)), to.from);
  }
  if (!is_stream_) return send_datagram(frame, to.from);
  std::vector<uint8_t> padded(frame.begin(), frame.end());
  padded.resize((padded.size() + 3) / 4 * 4);
  const Bytes bytes{padded};
  if (!to.tls) {
    ::send(to.connection, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    return;
  }
  transmit(client);  // what the handshake still had to say goes first
  EXPECT_EQ(to.tls->write({&bytes, 1}), bytes.size());
  transmit(client);
}

void SmallRelay::hang_up(size_t client) {
  if (clients_[client].connection >= 0) ::close(clients_[client].connection);
  clients_[client].connection = -1;
}

}  // namespace uturn
