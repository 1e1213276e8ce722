// PortPool: the ports of one relay address, taken in random order (RFC 6056; RFC 8656,
// Section 7.2).
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "auth/random.h"
#include "server/relay/relay_ports.h"

namespace uturn {

struct PortRange {
  uint16_t first = 49'152;
  uint16_t last = 65'535;
  uint32_t size() const { return static_cast<uint32_t>(last) - first + 1; }
  bool contains(uint16_t port) const { return first <= port && port <= last; }
  friend bool operator==(const PortRange&, const PortRange&) = default;
};

/// A permutation of the range: the free ports in front, in no order that anybody could guess.
/// Taking and giving back cost O(1); a wish for an even port scans at most the range, by request
/// only.
class PortPool {
 public:
  explicit PortPool(PortRange range);

  std::optional<uint16_t> take_any(Random& random);
  std::optional<uint16_t> take_even(Random& random, bool with_next);
  void give_back(uint16_t port);
  void rest(uint16_t port, Instant until);  ///< gives back, but to nobody before `until`
  void end_rests(Now now);

  uint32_t free() const { return free_; }
  uint32_t taken() const { return range_.size() - free_ - static_cast<uint32_t>(resting_.size()); }
  uint32_t resting() const { return static_cast<uint32_t>(resting_.size()); }

 private:
  bool is_free(uint32_t port) const;
  void take(uint16_t port);
  void move_to(uint16_t offset, uint32_t position);

  struct Rest {
    Instant until;
    uint16_t port;
  };
  PortRange range_;
  std::vector<uint16_t> order_;     ///< offsets from first; order_[0..free_) are free
  std::vector<uint16_t> position_;  ///< of an offset in order_
  uint32_t free_;
  std::deque<Rest> resting_;  ///< in the order of `until`: every rest is equally long
};

/// All relay addresses. An address is drawn at random among those of the family; the next ones
/// follow when it has nothing left.
class PortPools final : public RelayPorts {
 public:
  /// `lender` is whom the leases come back to: itself, or the lock around it.
  PortPools(std::vector<IpAddress> addresses, PortRange range, Random& random,
            RelayPorts* lender = nullptr);

  bool serves(AddressFamily family) const override;
  std::optional<TakenPorts> take(AddressFamily family, PortWish wish, Now now) override;
  const HeldPorts& held() const override { return held_; }
  void give_back(const RelayedAddress& address) override;  ///< by a lease, or by the lender for it
  void park(const RelayedAddress& address, Now now) override;
  void name_owner(const RelayedAddress& address, const PortOwner& owner) override {
    held_.name_owner(address, owner);
  }

  uint32_t taken() const;
  uint32_t free() const;
  uint32_t resting() const;
  /// Calls `visit(address, pool)` for each relay address.
  template <class Visit>
  void for_each(Visit visit) const {
    for (const AddressPool& each : pools_) visit(each.address, each.pool);
  }

 private:
  struct AddressPool {
    IpAddress address;
    PortPool pool;
  };
  PortPool& pool_of(const IpAddress& address);

  std::vector<AddressPool> pools_;
  HeldPorts held_;
  Random& random_;
  RelayPorts* lender_;
};

}  // namespace uturn
