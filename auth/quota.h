// Quota: how many allocations a user, a client's network and the server may hold.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "protocol/transport_address.h"

namespace uturn {

struct QuotaLimits {
  uint32_t allocations = 1'000'000;        ///< in the process
  uint32_t allocations_per_user = 0;       ///< 0: no limit; by quota_id
  uint32_t allocations_per_client_ip = 0;  ///< 0: no limit; by quota_network()
};

/// What one client's addresses are counted as: a canonical IPv4 address, or the /64 of an IPv6
/// address, since whoever has one address of a /64 usually has all of them.
IpAddress quota_network(const IpAddress& client);

class QuotaLedger;

/// One counted allocation, given back exactly once: by destruction (RFC 8656, Section 5; a lease
/// belongs to its allocation object, so nothing can end without it).
class QuotaLease {
 public:
  QuotaLease() = default;
  QuotaLease(QuotaLease&& other) noexcept;
  QuotaLease& operator=(QuotaLease&& other) noexcept;
  ~QuotaLease();
  bool is_held() const { return ledger_ != nullptr; }

 private:
  friend class QuotaLedger;
  QuotaLease(QuotaLedger* ledger, std::string_view user, const IpAddress& network)
      : ledger_(ledger), user_(user), network_(network) {}
  QuotaLedger* ledger_ = nullptr;
  std::string user_;
  IpAddress network_;
};

/// Process-wide; touched by requests only, never per packet. Must outlive its leases. Its tables
/// hold one entry for each user and network with an allocation, so `allocations` bounds them.
class QuotaLedger {
 public:
  explicit QuotaLedger(QuotaLimits limits) : limits_(limits) {}
  ~QuotaLedger();  ///< everything must have come back
  /// For what is asked from here on; nothing that is held is taken away.
  void set_limits(const QuotaLimits& limits);

  /// An empty lease where a limit is reached (486). An empty quota_id names nobody (--no-auth, a
  /// bare expiry) and is not counted by user; an unspecified client is not counted by network.
  QuotaLease take(std::string_view quota_id, const IpAddress& client = {});

  uint32_t held() const;
  uint32_t held_by(std::string_view quota_id) const;
  uint32_t held_from(const IpAddress& client) const;
  size_t users() const;     ///< names with at least one allocation: a name without goes
  size_t networks() const;  ///< likewise

 private:
  friend class QuotaLease;
  void give_back(const std::string& quota_id, const IpAddress& network);
  QuotaLimits limits_;
  mutable std::mutex mutex_;
  uint32_t held_ = 0;
  // Ordered: a name or an address chosen by a client cannot make a look-up slow.
  std::map<std::string, uint32_t, std::less<>> by_user_;
  std::map<IpAddress, uint32_t> by_network_;
};

}  // namespace uturn
