// Which ports are held, and the lease of one.
#include "server/relay/relay_ports.h"

namespace uturn {

HeldPorts::HeldPorts(std::vector<IpAddress> addresses) : addresses_(std::move(addresses)) {
  for (size_t i = 0; i < addresses_.size(); ++i) bitmaps_.push_back(std::make_unique<Bitmap>());
}

bool HeldPorts::is_held(const TransportAddress& address) const {
  const int index = index_of(address.ip);
  if (index < 0) return false;
  const uint64_t word =
      (*bitmaps_[static_cast<size_t>(index)])[address.port / 64].load(std::memory_order_relaxed);
  return (word >> (address.port % 64) & 1) != 0;
}

void HeldPorts::set(const TransportAddress& address, bool held) {
  const int index = index_of(address.ip);
  CHECK(index >= 0);
  std::atomic<uint64_t>& word = (*bitmaps_[static_cast<size_t>(index)])[address.port / 64];
  const uint64_t bit = uint64_t{1} << (address.port % 64);
  const uint64_t before = held ? word.fetch_or(bit, std::memory_order_relaxed)
                               : word.fetch_and(~bit, std::memory_order_relaxed);
  CHECK(((before & bit) != 0) != held);  // lent twice, or given back twice, would be our bug
}

int HeldPorts::index_of(const IpAddress& ip) const {
  for (size_t i = 0; i < addresses_.size(); ++i) {
    if (addresses_[i] == ip) return static_cast<int>(i);
  }
  return -1;
}

PortLease& PortLease::operator=(PortLease&& other) noexcept {
  if (this != &other) {
    if (ports_ != nullptr) ports_->give_back(address_);
    ports_ = std::exchange(other.ports_, nullptr);
    address_ = other.address_;
  }
  return *this;
}

PortLease::~PortLease() {
  if (ports_ != nullptr) ports_->give_back(address_);
}

void PortLease::park(Now now) {
  CHECK(is_held());
  std::exchange(ports_, nullptr)->park(address_, now);
}

}  // namespace uturn
