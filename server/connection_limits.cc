// Counting connections and handshakes.
#include "server/connection_limits.h"

#include "auth/quota.h"

namespace uturn {
namespace {

bool take_one(std::atomic<uint32_t>& count, const std::atomic<uint32_t>& limit) {
  const uint32_t most = limit.load(std::memory_order_relaxed);
  if (count.fetch_add(1, std::memory_order_relaxed) < most) return true;
  count.fetch_sub(1, std::memory_order_relaxed);
  return false;
}

}  // namespace

ConnectionLease& ConnectionLease::operator=(ConnectionLease&& other) noexcept {
  std::swap(limits_, other.limits_);
  std::swap(network_, other.network_);
  return *this;
}

ConnectionLease::~ConnectionLease() {
  if (limits_ == nullptr) return;
  if (!network_.is_unspecified()) limits_->give_back_source(network_);
  limits_->connections_.fetch_sub(1, std::memory_order_relaxed);
}

bool ConnectionLease::count_source(const IpAddress& client) {
  CHECK(is_held() && network_.is_unspecified());
  const IpAddress network = quota_network(client);
  if (network.is_unspecified()) return true;
  if (!limits_->take_source(network)) return false;
  network_ = network;
  return true;
}

HandshakeLease& HandshakeLease::operator=(HandshakeLease&& other) noexcept {
  std::swap(limits_, other.limits_);
  return *this;
}

HandshakeLease::~HandshakeLease() {
  if (limits_ != nullptr) limits_->handshakes_.fetch_sub(1, std::memory_order_relaxed);
}

void ConnectionLimits::set_limits(const Settings& settings) {
  most_connections_ = settings.connections;
  most_per_source_ = settings.connections_per_source;
  most_handshakes_ = settings.handshakes;
}

ConnectionLease ConnectionLimits::take_connection() {
  return take_one(connections_, most_connections_) ? ConnectionLease{this} : ConnectionLease{};
}

HandshakeLease ConnectionLimits::take_handshake() {
  return take_one(handshakes_, most_handshakes_) ? HandshakeLease{this} : HandshakeLease{};
}

size_t ConnectionLimits::sources() const {
  const std::lock_guard lock(mutex_);
  return by_source_.size();
}

bool ConnectionLimits::take_source(const IpAddress& network) {
  const std::lock_guard lock(mutex_);
  uint32_t& count = by_source_[network];
  const uint32_t most = most_per_source_.load(std::memory_order_relaxed);
  if (most > 0 && count >= most) return false;
  ++count;
  return true;
}

void ConnectionLimits::give_back_source(const IpAddress& network) {
  const std::lock_guard lock(mutex_);
  const auto found = by_source_.find(network);
  CHECK(found != by_source_.end());
  if (--found->second == 0) by_source_.erase(found);
}

}  // namespace uturn
