// Taking ports in random order, and giving them back.
//
// Also: RFC 8656, Sections 6 and 21.1.7.
#include "server/relay/port_pool.h"

#include "server/relay/limits.h"

namespace uturn {

PortPool::PortPool(PortRange range)
    : range_(range), order_(range.size()), position_(range.size()), free_(range.size()) {
  for (uint32_t i = 0; i < range.size(); ++i) {
    order_[i] = position_[i] = static_cast<uint16_t>(i);
  }
}

std::optional<uint16_t> PortPool::take_any(Random& random) {
  if (free_ == 0) return std::nullopt;
  const auto port = static_cast<uint16_t>(range_.first + order_[random.below(free_)]);
  take(port);
  return port;
}

// From a random start around the range: O(range) at worst, and only where EVEN-PORT was asked for.
std::optional<uint16_t> PortPool::take_even(Random& random, bool with_next) {
  if (free_ == 0) return std::nullopt;
  const uint32_t start = static_cast<uint32_t>(random.below(range_.size()));
  for (uint32_t i = 0; i < range_.size(); ++i) {
    const uint32_t port = range_.first + (start + i) % range_.size();
    if (port % 2 != 0 || !is_free(port)) continue;
    if (with_next && !is_free(port + 1)) continue;
    take(static_cast<uint16_t>(port));
    if (with_next) take(static_cast<uint16_t>(port + 1));
    return static_cast<uint16_t>(port);
  }
  return std::nullopt;
}

void PortPool::give_back(uint16_t port) {
  CHECK(range_.contains(port) && !is_free(port));
  move_to(static_cast<uint16_t>(port - range_.first), free_);
  ++free_;
}

void PortPool::rest(uint16_t port, Instant until) {
  CHECK(range_.contains(port) && !is_free(port));
  resting_.push_back({until, port});
}

void PortPool::end_rests(Now now) {
  while (!resting_.empty() && is_past(resting_.front().until, now)) {
    give_back(resting_.front().port);
    resting_.pop_front();
  }
}

bool PortPool::is_free(uint32_t port) const {
  return port >= range_.first && port <= range_.last && position_[port - range_.first] < free_;
}

void PortPool::take(uint16_t port) {
  --free_;
  move_to(static_cast<uint16_t>(port - range_.first), free_);
}

// Swaps the offset with whatever stands at `position`.
void PortPool::move_to(uint16_t offset, uint32_t position) {
  const uint16_t from = position_[offset];
  const uint16_t other = order_[position];
  order_[position] = offset;
  position_[offset] = static_cast<uint16_t>(position);
  order_[from] = other;
  position_[other] = from;
}

PortPools::PortPools(std::vector<IpAddress> addresses, PortRange range, Random& random,
                     RelayPorts* lender)
    : held_(addresses), random_(random), lender_(lender != nullptr ? lender : this) {
  for (const IpAddress& address : addresses) pools_.push_back({address, PortPool{range}});
}

bool PortPools::serves(AddressFamily family) const {
  return std::ranges::any_of(pools_,
                             [&](const AddressPool& p) { return p.address.family() == family; });
}

std::optional<TakenPorts> PortPools::take(AddressFamily family, PortWish wish, Now now) {
  const auto of_family =
      std::ranges::count(pools_, family, [](const AddressPool& p) { return p.address.family(); });
  if (of_family == 0) return std::nullopt;

  // The n-th of the family, and after it the others of the family around.
  uint64_t skip = random_.below(static_cast<uint64_t>(of_family));
  for (size_t i = 0; i < 2 * pools_.size(); ++i) {
    AddressPool& candidate = pools_[i % pools_.size()];
    if (candidate.address.family() != family) continue;
    if (skip > 0) {
      --skip;
      continue;
    }
    candidate.pool.end_rests(now);

    const bool with_next = wish == PortWish::even_with_next;
    const auto port = wish == PortWish::any ? candidate.pool.take_any(random_)
                                            : candidate.pool.take_even(random_, with_next);
    if (!port) continue;

    const auto lease = [&](uint16_t number) {
      const TransportAddress address{candidate.address, number, 0};
      held_.set(address, true);
      return PortLease{lender_, relayed_address(address)};
    };
    TakenPorts taken{lease(*port), {}};
    if (with_next) taken.next = lease(static_cast<uint16_t>(*port + 1));
    return taken;
  }
  return std::nullopt;
}

uint32_t PortPools::taken() const {
  uint32_t sum = 0;
  for (const AddressPool& p : pools_) sum += p.pool.taken();
  return sum;
}

uint32_t PortPools::free() const {
  uint32_t sum = 0;
  for (const AddressPool& p : pools_) sum += p.pool.free();
  return sum;
}

uint32_t PortPools::resting() const {
  uint32_t sum = 0;
  for (const AddressPool& p : pools_) sum += p.pool.resting();
  return sum;
}

void PortPools::give_back(const RelayedAddress& address) {
  held_.set(address, false);
  pool_of(address.ip).give_back(address.port);
}

void PortPools::park(const RelayedAddress& address, Now now) {
  held_.set(address, false);
  pool_of(address.ip).rest(address.port, now.monotonic + kPortRest);
}

PortPool& PortPools::pool_of(const IpAddress& address) {
  const auto found = std::ranges::find(pools_, address, &AddressPool::address);
  CHECK(found != pools_.end());
  return found->pool;
}

}  // namespace uturn
