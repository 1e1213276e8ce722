// ConnectionLimits: how many connections clients may have, in all and from one network, and how
// many may shake hands at once.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <utility>

#include "protocol/transport_address.h"

namespace uturn {

class ConnectionLimits;

/// One counted connection, given back by destruction. Crosses shards with its connection.
class ConnectionLease {
 public:
  ConnectionLease() = default;
  ConnectionLease(ConnectionLease&& other) noexcept
      : limits_(std::exchange(other.limits_, nullptr)), network_(other.network_) {}
  ConnectionLease& operator=(ConnectionLease&& other) noexcept;
  ~ConnectionLease();
  bool is_held() const { return limits_ != nullptr; }

  /// Counts it for the client's network besides, once. False: that has all it may have.
  [[nodiscard]] bool count_source(const IpAddress& client);

 private:
  friend class ConnectionLimits;
  explicit ConnectionLease(ConnectionLimits* limits) : limits_(limits) {}
  ConnectionLimits* limits_ = nullptr;
  IpAddress network_;  ///< unspecified: counted for nobody
};

/// One handshake that goes on.
class HandshakeLease {
 public:
  HandshakeLease() = default;
  HandshakeLease(HandshakeLease&& other) noexcept
      : limits_(std::exchange(other.limits_, nullptr)) {}
  HandshakeLease& operator=(HandshakeLease&& other) noexcept;
  ~HandshakeLease();
  bool is_held() const { return limits_ != nullptr; }

 private:
  friend class ConnectionLimits;
  explicit HandshakeLease(ConnectionLimits* limits) : limits_(limits) {}
  ConnectionLimits* limits_ = nullptr;
};

/// Process-wide; touched when connections come, go and shake hands. Must outlive its leases. The
/// table holds one entry for each network that has a connection, so `connections` bounds it.
class ConnectionLimits {
 public:
  struct Settings {
    uint32_t connections = UINT32_MAX;
    uint32_t connections_per_source = 0;  ///< IPv6 by /64; 0: unlimited
    uint32_t handshakes = UINT32_MAX;
  };
  explicit ConnectionLimits(const Settings& settings) { set_limits(settings); }
  /// For what comes from here on: nobody's connection is ended.
  void set_limits(const Settings& settings);

  ConnectionLease take_connection();  ///< empty where the limit is reached
  HandshakeLease take_handshake();    ///< likewise

  uint32_t connections() const { return connections_.load(std::memory_order_relaxed); }
  uint32_t handshakes() const { return handshakes_.load(std::memory_order_relaxed); }
  size_t sources() const;

 private:
  friend class ConnectionLease;
  friend class HandshakeLease;
  bool take_source(const IpAddress& network);
  void give_back_source(const IpAddress& network);

  std::atomic<uint32_t> most_connections_;
  std::atomic<uint32_t> most_per_source_;
  std::atomic<uint32_t> most_handshakes_;
  std::atomic<uint32_t> connections_ = 0;
  std::atomic<uint32_t> handshakes_ = 0;
  mutable std::mutex mutex_;
  // Ordered: an address chosen by a client cannot make a look-up slow.
  std::map<IpAddress, uint32_t> by_source_;
};

}  // namespace uturn
