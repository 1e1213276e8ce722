// QuotaLedger: counts under a lock, and leases that give their count back.
#include "auth/quota.h"

#include <utility>

namespace uturn {
namespace {

template <class Map, class Name>
uint32_t count_in(const Map& counts, const Name& name) {
  const auto it = counts.find(name);
  return it == counts.end() ? 0 : it->second;
}

template <class Map, class Name>
void count_down(Map& counts, const Name& name) {
  const auto it = counts.find(name);
  CHECK(it != counts.end() && it->second > 0);
  if (--it->second == 0) counts.erase(it);
}

bool is_reached(uint32_t limit, uint32_t held) { return limit != 0 && held >= limit; }

}  // namespace

IpAddress quota_network(const IpAddress& client) {
  const IpAddress canonical = client.canonical();
  if (canonical.is_v4()) return canonical;
  std::array<uint8_t, 16> prefix{};
  std::ranges::copy(canonical.bytes().first(8), prefix.begin());
  return IpAddress::v6(prefix);
}

QuotaLease::QuotaLease(QuotaLease&& other) noexcept
    : ledger_(std::exchange(other.ledger_, nullptr)),
      user_(std::move(other.user_)),
      network_(other.network_) {}

QuotaLease& QuotaLease::operator=(QuotaLease&& other) noexcept {
  QuotaLease taken{std::move(other)};  // first, so that a lease moved to itself stays held
  std::swap(ledger_, taken.ledger_);
  std::swap(user_, taken.user_);
  std::swap(network_, taken.network_);
  return *this;
}

QuotaLease::~QuotaLease() {
  if (ledger_ != nullptr) ledger_->give_back(user_, network_);
}

void QuotaLedger::set_limits(const QuotaLimits& limits) {
  const std::lock_guard lock(mutex_);
  limits_ = limits;
}

QuotaLedger::~QuotaLedger() { CHECK(held_ == 0); }

QuotaLease QuotaLedger::take(std::string_view quota_id, const IpAddress& client) {
  const IpAddress network = quota_network(client);
  const bool has_user = !quota_id.empty();
  const bool has_network = !client.is_unspecified();

  const std::scoped_lock lock{mutex_};
  if (held_ >= limits_.allocations) return {};
  if (has_user && is_reached(limits_.allocations_per_user, count_in(by_user_, quota_id))) return {};
  if (has_network &&
      is_reached(limits_.allocations_per_client_ip, count_in(by_network_, network))) {
    return {};
  }
  ++held_;
  if (has_user) ++by_user_.try_emplace(std::string{quota_id}).first->second;
  if (has_network) ++by_network_[network];
  return QuotaLease{this, quota_id, has_network ? network : IpAddress{}};
}

void QuotaLedger::give_back(const std::string& quota_id, const IpAddress& network) {
  const std::scoped_lock lock{mutex_};
  CHECK(held_ > 0);
  --held_;
  if (!quota_id.empty()) count_down(by_user_, quota_id);
  if (network != IpAddress{}) count_down(by_network_, network);
}

uint32_t QuotaLedger::held() const {
  const std::scoped_lock lock{mutex_};
  return held_;
}

uint32_t QuotaLedger::held_by(std::string_view quota_id) const {
  const std::scoped_lock lock{mutex_};
  return count_in(by_user_, quota_id);
}

uint32_t QuotaLedger::held_from(const IpAddress& client) const {
  const std::scoped_lock lock{mutex_};
  return count_in(by_network_, quota_network(client));
}

size_t QuotaLedger::users() const {
  const std::scoped_lock lock{mutex_};
  return by_user_.size();
}

size_t QuotaLedger::networks() const {
  const std::scoped_lock lock{mutex_};
  return by_network_.size();
}

}  // namespace uturn
