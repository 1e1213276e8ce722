// SharedPorts: the port pools of the process, asked by requests of every shard.
#pragma once

#include <mutex>
#include <vector>

#include "auth/random.h"
#include "server/relay/port_pool.h"

namespace uturn {

/// One lock around PortPools; held() needs none. Must outlive every lease.
class SharedPorts final : public RelayPorts {
 public:
  SharedPorts(std::vector<IpAddress> addresses, PortRange range)
      : pools_(std::move(addresses), range, random_, this) {}

  bool serves(AddressFamily family) const override { return pools_.serves(family); }
  std::optional<TakenPorts> take(AddressFamily family, PortWish wish, Now now) override {
    const std::lock_guard lock(mutex_);
    return pools_.take(family, wish, now);
  }
  const HeldPorts& held() const override { return pools_.held(); }

  uint32_t taken() const {
    const std::lock_guard lock(mutex_);
    return pools_.taken();
  }
  /// Calls `visit(address, pool)` for each relay address, under the lock.
  template <class Visit>
  void for_each(Visit visit) const {
    const std::lock_guard lock(mutex_);
    pools_.for_each(visit);
  }

 private:
  void give_back(const RelayedAddress& address) override {
    const std::lock_guard lock(mutex_);
    pools_.give_back(address);
  }
  void park(const RelayedAddress& address, Now now) override {
    const std::lock_guard lock(mutex_);
    pools_.park(address, now);
  }
  // Without the lock: a held port is its holder's alone.
  void name_owner(const RelayedAddress& address, const PortOwner& owner) override {
    pools_.name_owner(address, owner);
  }

  mutable std::mutex mutex_;
  CsprngRandom random_;
  PortPools pools_;
};

}  // namespace uturn
