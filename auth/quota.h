// Quota: how many allocations, and how much of the line, a user, a client's network, a credential
// class and the server may have.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auth/rate.h"
#include "protocol/transport_address.h"

namespace uturn {

/// What those who came by credentials of one class may have (guests, say). 0: what everybody may
/// have.
struct CredentialClass {
  uint32_t allocations = 0;               ///< of one user
  uint64_t bandwidth = 0;                 ///< of one user, bytes a second in each direction
  uint64_t bandwidth_per_allocation = 0;  ///< likewise
  uint64_t bytes = 0;                     ///< of one user, both directions together; 0: any number
  std::chrono::seconds time{};            ///< from a user's first allocation on; 0: for ever
  /// When a user who has used up bytes or time begins anew, counted from that first allocation.
  std::chrono::seconds every{3'600};
  friend bool operator==(const CredentialClass&, const CredentialClass&) = default;
};

/// What a realm may have of its own. 0: no limit but those of everybody.
struct RealmLimits {
  uint32_t allocations = 0;               ///< of the realm
  uint32_t allocations_per_user = 0;      ///< of one user …
  uint64_t bandwidth = 0;                 ///< of the realm, bytes a second in each direction
  uint64_t bandwidth_per_user = 0;        ///< … likewise
  uint64_t bandwidth_per_allocation = 0;  ///< … likewise
  friend bool operator==(const RealmLimits&, const RealmLimits&) = default;
};

struct QuotaLimits {
  uint32_t allocations = 1'000'000;        ///< in the process
  uint32_t allocations_per_user = 0;       ///< 0: no limit; by quota_id
  uint32_t allocations_per_client_ip = 0;  ///< 0: no limit; by quota_network()
  // Bytes a second, in each direction; 0: no limit.
  uint64_t bandwidth = 0;  ///< of the process
  uint64_t bandwidth_per_user = 0;
  uint64_t bandwidth_per_allocation = 0;
  std::map<std::string, CredentialClass, std::less<>> classes{};
  std::map<std::string, RealmLimits, std::less<>> realms{};
  friend bool operator==(const QuotaLimits&, const QuotaLimits&) = default;
};

/// What one client's addresses are counted as: a canonical IPv4 address, or the /64 of an IPv6
/// address, since whoever has one address of a /64 usually has all of them.
IpAddress quota_network(const IpAddress& client);

/// For whom an allocation is counted. Users of two realms are two users, whatever their names. A
/// class says what its users may have, else their realm, else what everybody may. An empty user
/// names nobody (--no-auth, a bare expiry) and is not counted by user; an unspecified client is not
/// counted by network.
struct QuotaClaim {
  std::string_view user;
  IpAddress client{};
  std::string_view credential_class{};  ///< one that is not configured is no class
  Instant now{};
  std::string_view realm{};
};

enum class QuotaLimit : uint8_t { none, server, user, network, spent, realm };
inline constexpr size_t kQuotaLimits = 6;

/// The two directions that bytes are counted in.
enum class Towards : uint8_t { peer, client };

/// Where an allocation is: a shard, and the shard's name for it.
struct QuotaHolder {
  uint8_t shard = 0;
  uint64_t allocation = 0;
  friend bool operator==(const QuotaHolder&, const QuotaHolder&) = default;
};

/// Whose bandwidth ran out.
enum class BandwidthLimit : uint8_t { allocation, user, server, bytes, realm };
inline constexpr size_t kBandwidthLimits = 5;

/// What is left of a class's bytes where that is less than is needed: of no use to a datagram, and
/// lost; the end of what is read of a stream.
enum class LastBytes : bool { lost, drawn };

class QuotaLedger;

/// One user's account: what all of the allocations draw from, on whatever shards.
class QuotaAccount {
 public:
  QuotaAccount(const CredentialClass& limits, std::string_view credential_class, Instant now);

 private:
  friend class QuotaLedger;
  friend class QuotaLease;
  void set_bandwidth(uint64_t bytes_per_second) {
    for (auto& bucket : buckets_) bucket.set_rate(bytes_per_second);
  }
  uint32_t held_ = 0;
  std::vector<QuotaHolder> holders_;
  std::string class_;  ///< of the first allocation: its limits count
  std::array<AdjustableBucket, 2> buckets_;
  std::optional<SharedAllowance> allowance_;
  Instant ends_at_ = kNever;
  Instant begins_anew_at_ = kNever;
  bool remembers_ = false;
};

/// What all users of one realm draw from.
class RealmAccount {
 private:
  friend class QuotaLedger;
  friend class QuotaLease;
  uint32_t held_ = 0;
  std::array<AdjustableBucket, 2> buckets_;
};

/// One counted allocation, given back exactly once: by destruction (RFC 8656, Section 5; a lease
/// belongs to its allocation object, so nothing can end without it).
class QuotaLease {
 public:
  QuotaLease() = default;
  QuotaLease(QuotaLease&& other) noexcept;
  QuotaLease& operator=(QuotaLease&& other) noexcept;
  ~QuotaLease();
  bool is_held() const { return ledger_ != nullptr; }
  QuotaLimit refused_by() const { return refused_by_; }  ///< of a lease that is not held

  /// Which allocation it is for, so that it can be found when its user needs the place.
  void name_holder(QuotaHolder holder);

  bool has_bandwidth_limit() const { return has_bandwidth_limit_; }
  /// Takes over the bandwidth that the ledger's limits allow by now: asked where its version()
  /// changes, by the allocation's own thread.
  void adjust();
  /// Draws bytes for one direction from everybody that has a word in it: at least `needed` where
  /// they are to be had, some more so that the next packets need not ask. Nothing: `limit` says
  /// who.
  int64_t draw(Towards towards, int64_t needed, Instant now, BandwidthLimit& limit,
               LastBytes last = LastBytes::lost);
  void give_back(Towards towards, int64_t bytes);  ///< that were drawn and not used
  /// When the class of the credential ends what it has begun.
  Instant ends_at() const { return account_ ? account_->ends_at_ : kNever; }

 private:
  friend class QuotaLedger;
  explicit QuotaLease(QuotaLimit refused_by) : refused_by_(refused_by) {}
  QuotaLedger* ledger_ = nullptr;
  std::shared_ptr<QuotaAccount> account_;  ///< with the name in the ledger, or this lease's alone
  std::shared_ptr<RealmAccount> realm_account_;
  std::string realm_;
  std::string user_;
  std::string class_;
  IpAddress network_;
  std::optional<QuotaHolder> holder_;
  std::array<std::optional<TokenBucket>, 2> buckets_;
  bool has_bandwidth_limit_ = false;
  QuotaLimit refused_by_ = QuotaLimit::none;
};

/// Process-wide; touched by requests and by lots of bytes, never per packet. Must outlive its
/// leases. Its tables hold one entry for each realm, user and network with an allocation, so
/// `allocations` bounds them, and those users of classes with caps whose turn has not begun anew,
/// of whom at most kRemembered are remembered.
class QuotaLedger {
 public:
  static constexpr size_t kRemembered = 65'536;

  explicit QuotaLedger(QuotaLimits limits);
  ~QuotaLedger();  ///< everything must have come back
  /// For what is asked from here on; nothing that is held is taken away. Bandwidth changes for who
  /// draws from it already: of the realms and of the process at once, of users and allocations as
  /// their leases adjust. What a user may have of a class's bytes and time stays until the user
  /// begins anew.
  void set_limits(const QuotaLimits& limits);
  uint32_t version() const { return version_.load(std::memory_order_acquire); }  ///< of the limits

  /// A lease that is not held where a limit is reached (486).
  QuotaLease take(const QuotaClaim& claim);
  QuotaLease take(std::string_view user, const IpAddress& client = {}) {
    return take(QuotaClaim{.user = user, .client = client});
  }
  /// The allocations of a user, as far as they are named.
  std::vector<QuotaHolder> holders_of(std::string_view user, std::string_view realm = {}) const;

  uint32_t held() const;
  uint32_t held_by(std::string_view user, std::string_view realm = {}) const;
  uint32_t held_in(std::string_view realm) const;
  uint32_t held_from(const IpAddress& client) const;
  size_t users() const;     ///< names with at least one allocation: a name without goes
  size_t networks() const;  ///< likewise

 private:
  friend class QuotaLease;
  using UserName = std::pair<std::string, std::string>;  ///< realm and user
  struct Order {
    using is_transparent = void;
    using Names = std::pair<std::string_view, std::string_view>;
    bool operator()(const auto& a, const auto& b) const {
      return Names{a.first, a.second} < Names{b.first, b.second};
    }
  };
  const RealmLimits& limits_of_realm(std::string_view realm) const;
  CredentialClass limits_of(std::string_view credential_class, const RealmLimits& realm) const;
  void adjust_buckets();
  void adjust(QuotaLease& lease);
  void set_bandwidth(QuotaLease& lease, const CredentialClass& limits) const;
  void give_back(const QuotaLease& lease);
  void add_holder(QuotaLease& lease, QuotaHolder holder);
  void forget_until(Instant now);

  QuotaLimits limits_;
  std::atomic<uint32_t> version_ = 0;
  std::array<AdjustableBucket, 2> buckets_;
  mutable std::mutex mutex_;
  uint32_t held_ = 0;
  // Ordered: a name or an address chosen by a client cannot make a look-up slow.
  std::map<UserName, std::shared_ptr<QuotaAccount>, Order> by_user_;
  std::map<std::string, std::shared_ptr<RealmAccount>, std::less<>> by_realm_;
  std::map<IpAddress, uint32_t> by_network_;
  std::multimap<Instant, UserName> to_forget_;  ///< users with caps, by when they begin anew
};

}  // namespace uturn
