// Carrying a TurnClient's datagrams and deadlines.
#include "tests/simulation/world/storm_client.h"

namespace uturn {

StormClient::StormClient(VirtualNetwork& network, Spec spec, Random& random)
    : network_(network),
      address_(spec.address),
      server_(spec.server),
      client_(std::move(spec.settings), random) {
  Endpoint endpoint;
  endpoint.receive = [this](const VirtualDatagram& datagram) {
    std::vector<uint8_t> bytes = datagram.bytes;
    client_.handle(bytes, network_.now());
    pump();
  };
  CHECK(network_.bind(address_, std::move(endpoint), 0));
}

void StormClient::allocate() {
  client_.allocate({}, network_.now());
  pump();
}

void StormClient::release() {
  client_.release(network_.now());
  pump();
}

void StormClient::pump() {
  while (const auto datagram = client_.poll_transmit(network_.now())) {
    network_.send({address_, server_, {datagram->begin(), datagram->end()}});
  }
  while (const auto event = client_.poll_event()) on_event(*event);
  arm();
}

void StormClient::arm() {
  const Instant next = client_.next_deadline();
  if (next >= armed_) return;
  armed_ = next;
  network_.at(next, [this, next] {
    if (armed_ == next) armed_ = kNever;
    client_.on_deadline(network_.now());
    pump();
  });
}

void StormClient::on_event(const TurnEvent& event) {
  if (const auto* allocated = std::get_if<Allocated>(&event)) {
    relayed_ = allocated->relayed.front();
  } else if (std::holds_alternative<Released>(event)) {
    has_released_ = true;
  } else if (const auto* failure = std::get_if<RequestFailure>(&event)) {
    failure_ = to_string(*failure);
  } else if (std::holds_alternative<AllocationLost>(event)) {
    failure_ = "the allocation was lost";
  }
}

}  // namespace uturn
