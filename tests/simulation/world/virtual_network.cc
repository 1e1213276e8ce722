// Delivering virtual datagrams.
#include "tests/simulation/world/virtual_network.h"

#include <algorithm>

#include "tests/simulation/world/stream_network.h"

namespace uturn {

VirtualNetwork::VirtualNetwork(uint64_t seed)
    : random_(seed), streams_(std::make_unique<StreamNetwork>(*this)) {}

VirtualNetwork::~VirtualNetwork() = default;

Now VirtualNetwork::now() const {
  constexpr std::chrono::seconds kCalendarAhead{1'700'000'000};
  const auto since = std::chrono::floor<std::chrono::seconds>(now_.time_since_epoch());
  return {now_, CalendarTime{since + kCalendarAhead}};
}

bool VirtualNetwork::bind(TransportAddress& address, Endpoint endpoint, uint64_t owner,
                          bool share) {
  if (address.port == 0) {
    do {
      address.port = static_cast<uint16_t>(20'000 + random_.below(20'000));
    } while (bound_.contains(address));
  }
  auto& group = bound_[address];
  if (!group.empty() && !share) return false;
  group.push_back({owner, std::move(endpoint)});
  return true;
}

void VirtualNetwork::unbind(const TransportAddress& address, uint64_t owner) {
  const auto found = bound_.find(address);
  CHECK(found != bound_.end());
  std::erase_if(found->second, [&](const Bound& b) { return b.owner == owner; });
  if (found->second.empty()) bound_.erase(found);
}

void VirtualNetwork::send(VirtualDatagram datagram) {
  const TransportAddress sender = datagram.from;
  translate_out(datagram);
  if (tap) tap(datagram);
  if (random_.chance(weather_.lost)) return;
  const int copies = random_.chance(weather_.duplicated) ? 2 : 1;
  for (int i = 0; i < copies; ++i) {
    at(now_ + delay(),
       [this, datagram, sender]() mutable { deliver(std::move(datagram), sender); });
  }
}

void VirtualNetwork::at(Instant when, std::function<void()> what) {
  events_.push_back({std::max(when, now_), order_++, std::move(what)});
  std::push_heap(events_.begin(), events_.end());
}

void VirtualNetwork::run_until(Instant until) {
  while (step(until)) {
  }
  now_ = std::max(now_, until);
}

bool VirtualNetwork::step(Instant until) {
  if (events_.empty() || events_.front().when > until) return false;
  std::pop_heap(events_.begin(), events_.end());
  const Event event = std::move(events_.back());
  events_.pop_back();
  now_ = event.when;
  event.what();
  return true;
}

void VirtualNetwork::add_nat(const IpAddress& inside, const IpAddress& outside) {
  nats_[inside] = Nat{outside, {}};
}

void VirtualNetwork::forget_nat(const IpAddress& inside) { nats_.at(inside).ports.clear(); }

std::vector<VirtualNetwork::Bound>* VirtualNetwork::find(const TransportAddress& address) {
  if (const auto exact = bound_.find(address); exact != bound_.end()) return &exact->second;
  const TransportAddress wildcard{IpAddress::any(address.ip.family()), address.port, 0};
  const auto any = bound_.find(wildcard);
  return any == bound_.end() ? nullptr : &any->second;
}

void VirtualNetwork::translate_out(VirtualDatagram& datagram) {
  const auto found = nats_.find(datagram.from.ip);
  if (found == nats_.end()) return;
  Nat& nat = found->second;
  auto [port, is_new] = nat.ports.try_emplace(datagram.from, uint16_t{0});
  if (is_new) port->second = static_cast<uint16_t>(40'000 + random_.below(20'000));
  datagram.from = {nat.outside, port->second, 0};
}

void VirtualNetwork::translate_in(VirtualDatagram& datagram) {
  for (const auto& [inside, nat] : nats_) {
    if (nat.outside != datagram.to.ip) continue;
    for (const auto& [address, port] : nat.ports) {
      if (port == datagram.to.port) {
        datagram.to = address;
        return;
      }
    }
  }
}

void VirtualNetwork::deliver(VirtualDatagram datagram, const TransportAddress& sender) {
  const TransportAddress destination = datagram.to;
  translate_in(datagram);
  std::vector<Bound>* group = find(datagram.to);
  if (group == nullptr || group->empty()) {
    const auto from = find(sender);
    if (from != nullptr && from->front().endpoint.unreachable) {
      from->front().endpoint.unreachable(destination);
    }
    return;
  }
  note_delivery(datagram.from, datagram.to, datagram.bytes);
  const size_t member = hash_of(datagram.from, 7) % group->size();
  const auto receive = (*group)[member].endpoint.receive;  // it may unbind itself
  receive(datagram);
}

void VirtualNetwork::note_delivery(const TransportAddress& from, const TransportAddress& to,
                                   Bytes bytes) {
  constexpr uint64_t kPrime = 1'099'511'628'211;
  ++delivered_;
  trace_ = trace_ * kPrime ^ hash_of(from, bytes.size()) ^
           hash_of(to, static_cast<uint64_t>(now_.time_since_epoch().count()));
  for (const uint8_t byte : bytes) trace_ = trace_ * kPrime ^ byte;
}

Duration VirtualNetwork::segment_delay() {
  constexpr Duration kRetransmission = std::chrono::milliseconds(200);
  Duration sum = delay();
  while (random_.chance(weather_.lost)) sum += kRetransmission;
  return sum;
}

Duration VirtualNetwork::delay() {
  const auto span =
      static_cast<uint64_t>((weather_.longest_delay - weather_.shortest_delay).count());
  return weather_.shortest_delay + Duration{static_cast<int64_t>(random_.below(span + 1))};
}

}  // namespace uturn
