// Visitors and their world.
#include "tests/simulation/stream_visitor.h"

#include <gtest/gtest.h>

#include "client/tools/make_connection.h"
#include "protocol/channel_data.h"
#include "tests/io/tls_harness.h"

namespace uturn {

StreamWorld::StreamWorld(const ServerSpec& spec, uint64_t seed)
    : network(seed),
      server(network, spec),
      security{.context = client_context(), .server_name = "turn.example.org"} {
  network.set_weather({.lost = 50,
                       .shortest_delay = std::chrono::milliseconds(1),
                       .longest_delay = std::chrono::milliseconds(20)});
}

bool StreamWorld::run_until(const std::function<bool()>& enough, Duration most) {
  const Instant end = network.now().monotonic + most;
  while (!enough()) {
    if (network.now().monotonic >= end) return false;
    server.run_for(std::chrono::milliseconds(1));
  }
  return true;
}

StreamCounters StreamWorld::counters() const {
  StreamCounters sum;
  for (const auto& shard : server.shards()) {
    const StreamCounters one = shard->stream_counters();
    sum.connections += one.connections;
    sum.handed_over += one.handed_over;
    sum.taken_over += one.taken_over;
    sum.handshakes_done += one.handshakes_done;
    sum.dropped_full += one.dropped_full;
    sum.dropped_old += one.dropped_old;
    sum.joined += one.joined;
    sum.joined_now += one.joined_now;
    sum.joined_waiting += one.joined_waiting;
    sum.joined_waits += one.joined_waits;
    for (size_t i = 0; i < kCloseReasons; ++i) sum.closed[i] += one.closed[i];
  }
  return sum;
}

size_t StreamWorld::allocations() const {
  size_t sum = 0;
  for (const auto& shard : server.shards()) sum += shard->relay().allocations();
  return sum;
}

size_t StreamWorld::peer_connections() const {
  size_t sum = 0;
  for (const auto& shard : server.shards()) sum += shard->relay().tcp_connections();
  return sum;
}

ServerSpec stream_server(const std::function<void(ServerSpec&)>& more) {
  ServerSpec spec;
  spec.shards = 1;
  spec.streams.tls = server_context();
  if (more) more(spec);
  return spec;
}

StreamVisitor::StreamVisitor(StreamWorld& world, std::string_view from, Manners manners)
    : credentials(manners.user, SimulatedServer::password_of(manners.user)),
      address(*TransportAddress::parse(from)),
      world_(world),
      connection_(
          make_connection(manners.speaks_tls ? Transport::tls : Transport::tcp, &world.security)),
      raw_(std::move(manners.first_words)) {
  StreamSpec spec;
  spec.address = address;
  spec.receive_buffer = manners.receive_buffer;
  const auto end = world_.streams().connect(
      spec, SimulatedServer::listener(), [this, lives = lives_](const StreamChange& change) {
        if (!*lives) return;
        if (change.writable && connection_->state() == ServerConnection::State::connecting) {
          connection_->on_connected(world_.network.now());
        }
        if (change.readable || change.failed) read();
        if (*lives) write();
      });
  CHECK(end);
  end_ = *end;
}

StreamVisitor::~StreamVisitor() {
  *lives_ = false;
  if (end_ != 0) world_.streams().close(end_);
}

void StreamVisitor::say(std::string_view words) {
  raw_ += words;
  write();
}

void StreamVisitor::read_on() {
  reads = true;
  read();
  write();
}

void StreamVisitor::read_part(size_t most) {
  read_some(most);
  write();
}

void StreamVisitor::read() {
  while (reads && read_some(4'096)) {
  }
}

// False: there is no more.
bool StreamVisitor::read_some(size_t most) {
  if (end_ == 0 || is_over()) return false;
  std::vector<uint8_t> bytes(most);
  const auto size = world_.streams().read(end_, bytes);
  if (!size) {
    end_seen_ = size.error() == StreamError::ended;
    reset_seen_ = !end_seen_ && size.error() != StreamError::would_block;
    return false;
  }
  bytes.resize(*size);
  if (hears_bytes_) {
    heard += text_of(bytes);
    take_answer();
  } else {
    connection_->on_arrived(bytes, *this, world_.network.now());
  }
  return true;
}

void StreamVisitor::take_answer() {
  const auto frame = next_frame(bytes_of(heard));
  if (answer_ || !frame || frame->kind != FrameKind::stun) return;
  std::vector<uint8_t> bytes(heard.begin(), heard.begin() + static_cast<ptrdiff_t>(frame->size));
  on_frame(bytes);
  heard.erase(0, frame->consumed);
}

// Raw words first: they stand before TLS, or there are no frames.
void StreamVisitor::write() {
  while (end_ != 0 && !raw_.empty()) {
    const Bytes piece = bytes_of(raw_);
    const auto size = world_.streams().write(end_, {&piece, 1});
    if (!size) return;
    raw_.erase(0, *size);
  }
  while (end_ != 0 && !connection_->has_ended()) {
    const Bytes piece = connection_->outgoing();
    if (piece.empty()) return;
    const auto size = world_.streams().write(end_, {&piece, 1});
    if (!size) return;
    connection_->sent(*size);
  }
}

void StreamVisitor::on_frame(MutableBytes frame) {
  const auto message = MessageView::parse(frame);
  if (message && message->transaction_id() == asked_) {
    answer_ = Message({frame.begin(), frame.end()});
  } else {
    frames.emplace_back(frame.begin(), frame.end());
  }
}

void StreamVisitor::send_frame(Bytes frame) {
  CHECK(connection_->send(frame));
  write();
}

std::vector<uint8_t> StreamVisitor::request(Method method, const Body& body) {
  world_.network.random().fill(asked_.bytes);
  answer_.reset();
  std::vector<uint8_t> bytes(2'048);
  MessageBuilder builder(bytes, method, MessageClass::request, asked_);
  if (body) body(builder);
  if (credentials.can_sign()) credentials.sign(builder);
  const Bytes written = builder.finish();
  return {written.begin(), written.end()};
}

void StreamVisitor::send_request(Method method, const Body& body) {
  send_frame(request(method, body));
}

std::optional<Message> StreamVisitor::answer() { return answer_; }

Message StreamVisitor::ask_once(Method method, const Body& body) {
  const bool is_signed = credentials.can_sign();
  send_request(method, body);
  world_.run_until([&] { return answer_ || is_over(); }, std::chrono::seconds(40));
  Message answer = answer_.value_or(Message{});
  if (answer.error() == 401 || answer.error() == 438) {
    credentials.take_challenge(answer.view(), is_signed);
  }
  return answer;
}

Message StreamVisitor::ask(Method method, const Body& body) {
  Message answer = ask_once(method, body);
  if (answer.error() == 401 || answer.error() == 438) answer = ask_once(method, body);
  return answer;
}

TransportAddress StreamVisitor::allocate(uint8_t protocol) {
  const Message answer = ask(Method::allocate, [&](MessageBuilder& message) {
    message.add_requested_transport(protocol);
  });
  EXPECT_TRUE(answer.is_success()) << answer.error();
  EXPECT_EQ(
      answer.is_none() ? TransportAddress{} : answer.address(AttributeType::xor_mapped_address),
      address);
  return answer.relayed();
}

void StreamVisitor::bind_channel(uint16_t number, std::string_view peer) {
  const Message answer = ask(Method::channel_bind, [&](MessageBuilder& message) {
    message.add_channel_number(number);
    message.add_xor_address(AttributeType::xor_peer_address, *TransportAddress::parse(peer));
  });
  EXPECT_TRUE(answer.is_success()) << answer.error();
}

void StreamVisitor::send_channel_data(uint16_t number, std::string_view data) {
  std::array<uint8_t, 4> header;
  write_channel_header(header, *ChannelNumber::from_wire(number),
                       static_cast<uint16_t>(data.size()));
  CHECK(connection_->send(header, bytes_of(data), (4 - data.size() % 4) % 4));
  write();
}

UdpPeer::UdpPeer(StreamWorld& world, std::string_view address)
    : world_(world),
      address_(*TransportAddress::parse(address)),
      owner_(world.network.random().next_u64()) {
  CHECK(world_.network.bind(address_,
                            {[this](const VirtualDatagram& datagram) {
                               heard.emplace_back(datagram.bytes.begin(), datagram.bytes.end());
                             },
                             {}},
                            owner_));
}

void UdpPeer::send(const TransportAddress& to, std::string_view text) {
  const Bytes bytes = bytes_of(text);
  world_.network.send({address_, to, {bytes.begin(), bytes.end()}});
}

}  // namespace uturn
