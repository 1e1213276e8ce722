// Which ports are held, by whom, and the lease of one.
#include "server/relay/relay_ports.h"

namespace uturn {
namespace {

// An owner in one word:
//
//   63      62 … 57   56 … 27      26 … 0
//   named   shard     generation   slot
constexpr uint64_t kNamed = uint64_t{1} << 63;
constexpr uint32_t kMaxShard = (1u << 6) - 1;
constexpr uint32_t kMaxSlot = (1u << 27) - 1;
static_assert(kMaxGeneration == (1u << 30) - 1);

uint64_t pack(const PortOwner& owner) {
  const auto& [slot, generation] = owner.allocation;
  return kNamed | uint64_t{owner.shard} << 57 | uint64_t{generation} << 27 | slot;
}

PortOwner unpack(uint64_t word) {
  return {
      static_cast<uint8_t>(word >> 57 & kMaxShard),
      {static_cast<uint32_t>(word & kMaxSlot), static_cast<uint32_t>(word >> 27 & kMaxGeneration)}};
}

}  // namespace

HeldPorts::HeldPorts(std::vector<IpAddress> addresses) : addresses_(std::move(addresses)) {
  for (size_t i = 0; i < addresses_.size(); ++i) ports_.push_back(std::make_unique<Ports>());
}

bool HeldPorts::is_held(const TransportAddress& address) const {
  const int index = index_of(address.ip);
  if (index < 0) return false;
  const Ports& ports = *ports_[static_cast<size_t>(index)];
  const uint64_t word = ports.held[address.port / 64].load(std::memory_order_relaxed);
  return (word >> (address.port % 64) & 1) != 0;
}

std::optional<PortOwner> HeldPorts::owner_of(const TransportAddress& address) const {
  const int index = index_of(address.ip);
  if (index < 0) return std::nullopt;
  const Ports& ports = *ports_[static_cast<size_t>(index)];
  const uint64_t word = ports.owners[address.port].load(std::memory_order_relaxed);
  if ((word & kNamed) == 0) return std::nullopt;
  return unpack(word);
}

void HeldPorts::set(const TransportAddress& address, bool held) {
  Ports& ports = ports_of(address.ip);
  ports.owners[address.port].store(0, std::memory_order_relaxed);
  std::atomic<uint64_t>& word = ports.held[address.port / 64];
  const uint64_t bit = uint64_t{1} << (address.port % 64);
  const uint64_t before = held ? word.fetch_or(bit, std::memory_order_relaxed)
                               : word.fetch_and(~bit, std::memory_order_relaxed);
  CHECK(((before & bit) != 0) != held);  // lent twice, or given back twice, would be our bug
}

// A slot that the word cannot hold stays unnamed, and is reached through the kernel: 2,048 relay
// addresses would have to be full before.
void HeldPorts::name_owner(const TransportAddress& address, const PortOwner& owner) {
  CHECK(is_held(address) && owner.shard <= kMaxShard);
  if (owner.allocation.slot > kMaxSlot) return;
  ports_of(address.ip).owners[address.port].store(pack(owner), std::memory_order_relaxed);
}

HeldPorts::Ports& HeldPorts::ports_of(const IpAddress& ip) {
  const int index = index_of(ip);
  CHECK(index >= 0);
  return *ports_[static_cast<size_t>(index)];
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

void PortLease::name_owner(const PortOwner& owner) {
  CHECK(is_held());
  ports_->name_owner(address_, owner);
}

void PortLease::park(Now now) {
  CHECK(is_held());
  std::exchange(ports_, nullptr)->park(address_, now);
}

}  // namespace uturn
