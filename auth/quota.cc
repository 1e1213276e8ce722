// QuotaLedger: counts under a lock, buckets without one, and leases that give back what they took.
#include "auth/quota.h"

#include <algorithm>
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

QuotaAccount::QuotaAccount(const CredentialClass& limits, std::string_view credential_class,
                           Instant now)
    : class_(credential_class) {
  set_bandwidth(limits.bandwidth);
  if (limits.bytes != 0) allowance_.emplace(limits.bytes);
  remembers_ = limits.bytes != 0 || limits.time != std::chrono::seconds{0};
  if (limits.time != std::chrono::seconds{0}) ends_at_ = now + limits.time;
  if (remembers_) begins_anew_at_ = now + std::max(limits.every, limits.time);
}

QuotaLease::QuotaLease(QuotaLease&& other) noexcept { *this = std::move(other); }

QuotaLease& QuotaLease::operator=(QuotaLease&& other) noexcept {
  if (this == &other) return *this;
  if (ledger_ != nullptr) ledger_->give_back(*this);
  ledger_ = std::exchange(other.ledger_, nullptr);
  account_ = std::move(other.account_);
  realm_account_ = std::move(other.realm_account_);
  realm_ = std::move(other.realm_);
  user_ = std::move(other.user_);
  class_ = std::move(other.class_);
  network_ = other.network_;
  holder_ = std::exchange(other.holder_, std::nullopt);
  buckets_ = other.buckets_;
  has_bandwidth_limit_ = other.has_bandwidth_limit_;
  refused_by_ = other.refused_by_;
  return *this;
}

QuotaLease::~QuotaLease() {
  if (ledger_ != nullptr) ledger_->give_back(*this);
}

void QuotaLease::name_holder(QuotaHolder holder) {
  if (ledger_ != nullptr && !user_.empty()) ledger_->add_holder(*this, holder);
}

int64_t QuotaLease::draw(Towards towards, int64_t needed, Instant now, BandwidthLimit& limit,
                         LastBytes last) {
  constexpr int64_t kLot = 16'384;  // what is drawn ahead lies idle where an allocation is silent
  if (ledger_ == nullptr) return needed;
  const auto direction = static_cast<size_t>(towards);
  const int64_t wanted = std::max(needed, kLot);
  int64_t granted = wanted;
  const auto restrict_to = [&](int64_t there, BandwidthLimit whose) {
    if (there < granted && there < needed) limit = whose;
    granted = std::min(granted, there);
  };
  // Each gives what the one before it left, and takes back what the next one did not.
  auto& own = buckets_[direction];
  auto& of_user = account_->buckets_[direction];
  auto& of_realm = realm_account_->buckets_[direction];
  auto& of_server = ledger_->buckets_[direction];
  const int64_t from_own = own ? own->take(granted, now) : granted;
  restrict_to(from_own, BandwidthLimit::allocation);
  const int64_t from_user = of_user.take(granted, now);
  restrict_to(from_user, BandwidthLimit::user);
  const int64_t from_realm = of_realm.take(granted, now);
  restrict_to(from_realm, BandwidthLimit::realm);
  const int64_t from_server = of_server.take(granted, now);
  restrict_to(from_server, BandwidthLimit::server);
  auto& allowance = account_->allowance_;
  restrict_to(allowance ? allowance->take(granted) : granted, BandwidthLimit::bytes);
  const bool is_enough =
      granted >= needed || (limit == BandwidthLimit::bytes && last == LastBytes::drawn);
  if (!is_enough) {  // a part is of no use to a packet
    if (allowance && limit != BandwidthLimit::bytes) allowance->give_back(granted);
    granted = 0;
  }
  if (own) own->give_back(from_own - granted);
  of_user.give_back(from_user - granted);
  of_realm.give_back(from_realm - granted);
  of_server.give_back(from_server - granted);
  return granted;
}

void QuotaLease::adjust() {
  if (ledger_ != nullptr) ledger_->adjust(*this);
}

void QuotaLease::give_back(Towards towards, int64_t bytes) {
  if (ledger_ == nullptr) return;
  const auto direction = static_cast<size_t>(towards);
  if (auto& own = buckets_[direction]) own->give_back(bytes);
  account_->buckets_[direction].give_back(bytes);
  realm_account_->buckets_[direction].give_back(bytes);
  ledger_->buckets_[direction].give_back(bytes);
  if (account_->allowance_) account_->allowance_->give_back(bytes);
}

QuotaLedger::QuotaLedger(QuotaLimits limits) : limits_(std::move(limits)) { adjust_buckets(); }

void QuotaLedger::set_limits(const QuotaLimits& limits) {
  const std::lock_guard lock(mutex_);
  if (limits_ == limits) return;
  limits_ = limits;
  adjust_buckets();
  version_.fetch_add(1, std::memory_order_release);
}

void QuotaLedger::adjust_buckets() {
  for (auto& bucket : buckets_) bucket.set_rate(limits_.bandwidth);
  for (const auto& [realm, account] : by_realm_) {
    const uint64_t bandwidth = limits_of_realm(realm).bandwidth;
    for (auto& bucket : account->buckets_) bucket.set_rate(bandwidth);
  }
}

void QuotaLedger::adjust(QuotaLease& lease) {
  const std::scoped_lock lock{mutex_};
  const RealmLimits& of_realm = limits_of_realm(lease.realm_);
  lease.account_->set_bandwidth(limits_of(lease.account_->class_, of_realm).bandwidth);
  set_bandwidth(lease, limits_of(lease.class_, of_realm));
}

void QuotaLedger::set_bandwidth(QuotaLease& lease, const CredentialClass& limits) const {
  const uint64_t own = limits.bandwidth_per_allocation;
  for (auto& bucket : lease.buckets_) {
    if (own == 0) {
      bucket.reset();
    } else if (bucket) {
      bucket->set_rate(own);
    } else {
      bucket.emplace(own);
    }
  }
  lease.has_bandwidth_limit_ = own != 0 || lease.account_->buckets_[0].has_limit() ||
                               lease.account_->allowance_.has_value() ||
                               lease.realm_account_->buckets_[0].has_limit() ||
                               limits_.bandwidth != 0;
}

const RealmLimits& QuotaLedger::limits_of_realm(std::string_view realm) const {
  static const RealmLimits kNone;
  const auto known = limits_.realms.find(realm);
  return known == limits_.realms.end() ? kNone : known->second;
}

QuotaLedger::~QuotaLedger() { CHECK(held_ == 0); }

CredentialClass QuotaLedger::limits_of(std::string_view credential_class,
                                       const RealmLimits& realm) const {
  CredentialClass limits;
  const auto known = limits_.classes.find(credential_class);
  if (known != limits_.classes.end()) limits = known->second;
  const auto settle = [](auto& limit, auto of_realm, auto of_everybody) {
    if (limit == 0) limit = of_realm != 0 ? of_realm : of_everybody;
  };
  settle(limits.allocations, realm.allocations_per_user, limits_.allocations_per_user);
  settle(limits.bandwidth, realm.bandwidth_per_user, limits_.bandwidth_per_user);
  settle(limits.bandwidth_per_allocation, realm.bandwidth_per_allocation,
         limits_.bandwidth_per_allocation);
  return limits;
}

QuotaLease QuotaLedger::take(const QuotaClaim& claim) {
  const IpAddress network = quota_network(claim.client);
  const bool has_user = !claim.user.empty();
  const bool has_network = !claim.client.is_unspecified();

  const std::scoped_lock lock{mutex_};
  const RealmLimits& of_realm = limits_of_realm(claim.realm);
  const CredentialClass limits = limits_of(claim.credential_class, of_realm);
  forget_until(claim.now);
  if (held_ >= limits_.allocations) return QuotaLease{QuotaLimit::server};
  const auto known_realm = by_realm_.find(claim.realm);
  if (known_realm != by_realm_.end() &&
      is_reached(of_realm.allocations, known_realm->second->held_)) {
    return QuotaLease{QuotaLimit::realm};
  }
  const Order::Names name{claim.realm, claim.user};
  std::shared_ptr<QuotaAccount> account;
  if (const auto known = by_user_.find(name); has_user && known != by_user_.end()) {
    account = known->second;
    account->set_bandwidth(limits_of(account->class_, of_realm).bandwidth);  // it may be old
    if (is_reached(limits.allocations, account->held_)) return QuotaLease{QuotaLimit::user};
    const bool is_spent =
        (account->allowance_ && account->allowance_->is_spent()) || account->ends_at_ <= claim.now;
    if (is_spent) return QuotaLease{QuotaLimit::spent};
  }
  if (has_network &&
      is_reached(limits_.allocations_per_client_ip, count_in(by_network_, network))) {
    return QuotaLease{QuotaLimit::network};
  }

  if (!account) {
    account = std::make_shared<QuotaAccount>(limits, claim.credential_class, claim.now);
    if (has_user) by_user_.emplace(name, account);
    if (has_user && account->remembers_) to_forget_.emplace(account->begins_anew_at_, name);
  }
  std::shared_ptr<RealmAccount> realm_account;
  if (known_realm != by_realm_.end()) {
    realm_account = known_realm->second;
  } else {
    realm_account = std::make_shared<RealmAccount>();
    for (auto& bucket : realm_account->buckets_) bucket.set_rate(of_realm.bandwidth);
    by_realm_.emplace(std::string{claim.realm}, realm_account);
  }
  ++held_;
  ++realm_account->held_;
  ++account->held_;
  if (has_network) ++by_network_[network];
  QuotaLease lease;
  lease.ledger_ = this;
  lease.account_ = std::move(account);
  lease.realm_account_ = std::move(realm_account);
  lease.realm_ = claim.realm;
  lease.user_ = claim.user;
  lease.class_ = claim.credential_class;
  lease.network_ = has_network ? network : IpAddress{};
  set_bandwidth(lease, limits);
  return lease;
}

// Who has used up a class's bytes or time stays known until they begin anew.
void QuotaLedger::give_back(const QuotaLease& lease) {
  const std::scoped_lock lock{mutex_};
  CHECK(held_ > 0 && lease.account_->held_ > 0);
  --held_;
  --lease.account_->held_;
  if (--lease.realm_account_->held_ == 0) by_realm_.erase(by_realm_.find(lease.realm_));
  if (lease.holder_) std::erase(lease.account_->holders_, *lease.holder_);
  if (lease.network_ != IpAddress{}) count_down(by_network_, lease.network_);
  if (lease.account_->held_ > 0 || lease.account_->remembers_) return;
  const auto known = by_user_.find(Order::Names{lease.realm_, lease.user_});
  if (known != by_user_.end() && known->second == lease.account_) by_user_.erase(known);
}

void QuotaLedger::add_holder(QuotaLease& lease, QuotaHolder holder) {
  const std::scoped_lock lock{mutex_};
  lease.holder_ = holder;
  lease.account_->holders_.push_back(holder);
}

// Allocations that outlive their account's turn keep it: what they hold counts on.
void QuotaLedger::forget_until(Instant now) {
  while (!to_forget_.empty() &&
         (to_forget_.begin()->first <= now || to_forget_.size() > kRemembered)) {
    const auto known = by_user_.find(to_forget_.begin()->second);
    if (known != by_user_.end()) {
      known->second->remembers_ = false;
      if (known->second->held_ == 0) by_user_.erase(known);
    }
    to_forget_.erase(to_forget_.begin());
  }
}

std::vector<QuotaHolder> QuotaLedger::holders_of(std::string_view user,
                                                 std::string_view realm) const {
  const std::scoped_lock lock{mutex_};
  const auto known = by_user_.find(Order::Names{realm, user});
  return known == by_user_.end() ? std::vector<QuotaHolder>{} : known->second->holders_;
}

uint32_t QuotaLedger::held() const {
  const std::scoped_lock lock{mutex_};
  return held_;
}

uint32_t QuotaLedger::held_by(std::string_view user, std::string_view realm) const {
  const std::scoped_lock lock{mutex_};
  const auto known = by_user_.find(Order::Names{realm, user});
  return known == by_user_.end() ? 0 : known->second->held_;
}

uint32_t QuotaLedger::held_in(std::string_view realm) const {
  const std::scoped_lock lock{mutex_};
  const auto known = by_realm_.find(realm);
  return known == by_realm_.end() ? 0 : known->second->held_;
}

uint32_t QuotaLedger::held_from(const IpAddress& client) const {
  const std::scoped_lock lock{mutex_};
  return count_in(by_network_, quota_network(client));
}

size_t QuotaLedger::users() const {
  const std::scoped_lock lock{mutex_};
  return static_cast<size_t>(
      std::ranges::count_if(by_user_, [](const auto& user) { return user.second->held_ > 0; }));
}

size_t QuotaLedger::networks() const {
  const std::scoped_lock lock{mutex_};
  return by_network_.size();
}

}  // namespace uturn
