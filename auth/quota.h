// Quota: how many allocations a user, a client address and the server may hold.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "protocol/transport_address.h"

namespace uturn {

struct QuotaLimits {
  uint32_t allocations = 1'000'000;   ///< in the process
  uint32_t allocations_per_user = 0;  ///< 0: no limit; by quota_id
};

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
  QuotaLease(QuotaLedger* ledger, std::string user) : ledger_(ledger), user_(std::move(user)) {}
  QuotaLedger* ledger_ = nullptr;
  std::string user_;
};

/// Process-wide; touched by requests only, never per packet. Must outlive its leases.
class QuotaLedger {
 public:
  explicit QuotaLedger(QuotaLimits limits) : limits_(limits) {}
  ~QuotaLedger();  ///< everything must have come back

  /// An empty lease where a limit is reached (486).
  QuotaLease take(std::string_view quota_id);
  uint32_t held() const;
  uint32_t held_by(std::string_view quota_id) const;
  size_t users() const;  ///< names with at least one allocation: a name without goes

 private:
  friend class QuotaLease;
  void give_back(const std::string& quota_id);
  QuotaLimits limits_;
  mutable std::mutex mutex_;
  uint32_t held_ = 0;
  std::unordered_map<std::string, uint32_t> by_user_;
};

}  // namespace uturn
