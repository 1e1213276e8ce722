// RelayPorts: the relayed transport addresses of this server, lent and given back exactly once.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "protocol/time.h"
#include "protocol/transport_address.h"
#include "server/relay/relay_sockets.h"

namespace uturn {

/// Whom a held port relays for.
struct PortOwner {
  uint8_t shard = 0;
  AllocationId allocation;
};

/// Which ports are held right now, of all shards, and by which allocation; a reserved port is held
/// by none. Written by requests, read per datagram between two allocations of this server: one
/// relaxed load. To another shard than the owner's, what it reads may be past: the owner's decides.
///
/// 520 KiB for a relay address: the bitmap's 8 KiB stay in the cache, and of the owners a datagram
/// touches the eight bytes of its peer. Ports in the order of their number, so that no look-up
/// needs a hash, a lock, or a table that grows while others read it.
class HeldPorts {
 public:
  explicit HeldPorts(std::vector<IpAddress> addresses);

  bool is_relay_address(const IpAddress& ip) const { return index_of(ip) >= 0; }
  bool is_held(const TransportAddress& address) const;
  std::optional<PortOwner> owner_of(const TransportAddress& address) const;
  /// Giving a port back forgets its owner.
  void set(const TransportAddress& address, bool held);
  void name_owner(const TransportAddress& address, const PortOwner& owner);

 private:
  struct Ports {
    std::array<std::atomic<uint64_t>, 65'536 / 64> held{};
    std::array<std::atomic<uint64_t>, 65'536> owners{};
  };
  int index_of(const IpAddress& ip) const;
  Ports& ports_of(const IpAddress& ip);
  std::vector<IpAddress> addresses_;
  std::vector<std::unique_ptr<Ports>> ports_;
};

enum class PortWish : uint8_t {
  any,
  even,            ///< EVEN-PORT
  even_with_next,  ///< EVEN-PORT with the R bit: N and N+1 on one address
};

class RelayPorts;

/// A port of ours, given back by destruction, so that no path can lose one (GHSA-847g-qmc6-6m4r).
/// Close the socket first. Moves between shards with a reservation.
class PortLease {
 public:
  PortLease() = default;
  PortLease(RelayPorts* ports, const RelayedAddress& address) : ports_(ports), address_(address) {}
  PortLease(PortLease&& other) noexcept
      : ports_(std::exchange(other.ports_, nullptr)), address_(other.address_) {}
  PortLease& operator=(PortLease&& other) noexcept;
  ~PortLease();

  const RelayedAddress& address() const { return address_; }
  bool is_held() const { return ports_ != nullptr; }
  /// Until it is given back.
  void name_owner(const PortOwner& owner);
  /// Gives it back to rest: another process holds the port.
  void park(Now now);

 private:
  RelayPorts* ports_ = nullptr;
  RelayedAddress address_;
};

/// `next` is held for `even_with_next` only.
struct TakenPorts {
  PortLease port;
  PortLease next;
};

/// Process-wide, asked by requests only. The server puts a lock around PortPools; tests use them
/// bare.
class RelayPorts {
 public:
  virtual ~RelayPorts() = default;
  virtual bool serves(AddressFamily family) const = 0;
  virtual std::optional<TakenPorts> take(AddressFamily family, PortWish wish, Now now) = 0;
  virtual const HeldPorts& held() const = 0;

 private:
  friend class PortLease;
  virtual void give_back(const RelayedAddress& address) = 0;
  virtual void park(const RelayedAddress& address, Now now) = 0;
  virtual void name_owner(const RelayedAddress& address, const PortOwner& owner) = 0;
};

}  // namespace uturn
