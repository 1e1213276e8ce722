// The client's events, waited for.
#include "tests/threads/blocking_client.h"

#include <algorithm>
#include <array>

#include "client/tools/client_socket.h"

namespace uturn {

BlockingClient::BlockingClient(const TransportAddress& server, std::string_view from,
                               const Login& login)
    : server_(server),
      end_(from),
      turn_(
          {.credentials = {login.username, login.password}, .retransmission = {}, .decoration = {}},
          random_) {}

std::optional<Allocated> BlockingClient::allocate(const AllocationRequest& request) {
  allocated_.reset();
  if (!turn_.allocate(request, read_clocks())) return std::nullopt;
  wait_for([this] { return allocated_.has_value(); });
  return allocated_;
}

bool BlockingClient::permit(const TransportAddress& peer) {
  is_permitted_ = false;
  return turn_.create_permission(peer.ip, read_clocks()) &&
         wait_for([this] { return is_permitted_; });
}

std::optional<ChannelNumber> BlockingClient::bind_channel(const TransportAddress& peer) {
  channel_.reset();
  if (!turn_.bind_channel(peer_address(peer), read_clocks())) return std::nullopt;
  wait_for([this] { return channel_.has_value(); });
  return channel_;
}

bool BlockingClient::refresh() {
  is_refreshed_ = false;
  return turn_.refresh(600s, read_clocks()) && wait_for([this] { return is_refreshed_; });
}

bool BlockingClient::release() {
  is_released_ = false;
  return turn_.release(read_clocks()) && wait_for([this] { return is_released_; });
}

bool BlockingClient::send(const TransportAddress& peer, std::string_view text) {
  std::array<uint8_t, 2048> buffer;
  const auto datagram = turn_.send(peer_address(peer), bytes_of(text), buffer, read_clocks());
  if (datagram) end_.send(server_, *datagram);
  return datagram.has_value();
}

std::optional<BlockingClient::Received> BlockingClient::receive() {
  received_.reset();
  wait_for([this] { return received_.has_value(); });
  return received_;
}

bool BlockingClient::wait_for(const std::function<bool()>& is_done) {
  failure_.reset();
  const Instant until = read_clocks().monotonic + kPatience;
  while (true) {
    transmit();
    if (is_done()) return true;
    const Now now = read_clocks();
    if (failure_ || is_past(until, now)) return false;
    auto arrived = end_.receive(std::min(until, turn_.next_deadline()) - now.monotonic);
    if (!arrived || arrived->from != server_) continue;
    turn_.handle(arrived->bytes, read_clocks());
    while (const auto event = turn_.poll_event()) take(*event);
  }
}

void BlockingClient::transmit() {
  const Now now = read_clocks();
  turn_.on_deadline(now);
  while (const auto datagram = turn_.poll_transmit(now)) end_.send(server_, *datagram);
  while (const auto event = turn_.poll_event()) take(*event);
}

void BlockingClient::take(const TurnEvent& event) {
  if (const auto* granted = std::get_if<Allocated>(&event)) allocated_ = *granted;
  if (const auto* bound = std::get_if<ChannelBound>(&event)) channel_ = bound->channel;
  if (const auto* said_no = std::get_if<RequestFailure>(&event)) failure_ = *said_no;
  if (std::holds_alternative<PermissionInstalled>(event)) is_permitted_ = true;
  if (std::holds_alternative<Refreshed>(event)) is_refreshed_ = true;
  if (std::holds_alternative<Released>(event)) is_released_ = true;
  if (const auto* data = std::get_if<PeerDatagram>(&event)) {
    received_ = Received{data->peer, std::string{text_of(data->data)}, data->channel.has_value()};
  }
}

}  // namespace uturn
