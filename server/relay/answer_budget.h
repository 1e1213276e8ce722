// AnswerBudget: how much we answer to who has not proved anything (BRIEF: answers to the
// unauthenticated).
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "auth/random.h"
#include "protocol/time.h"
#include "protocol/transport_address.h"

namespace uturn {

/// Binding and challenges are budgeted apart.
enum class AnswerKind : uint8_t { binding, challenge };

/// A token bucket for each source, an IPv4 address or an IPv6 /64. The table has a fixed size: a
/// source without a place takes one of eight at random, so that nobody can keep another one out by
/// filling it. A source that was pushed out starts with a full bucket: the table errs on the side
/// of answering.
class AnswerBudget {
 public:
  AnswerBudget(uint32_t sources, uint32_t per_second, uint32_t burst, Random& random);

  /// May a source still be answered? Costs nothing, so that a flood is dropped before any HMAC.
  bool has(AnswerKind kind, const IpAddress& source, Now now);
  void spend(AnswerKind kind, const IpAddress& source, Now now);

 private:
  static constexpr size_t kWays = 8;
  struct Bucket {
    uint64_t source = 0;               ///< keyed hash of the prefix; 0: empty
    std::array<uint32_t, 2> millis{};  ///< when each kind's bucket was last looked at
    std::array<float, 2> tokens{};
  };
  Bucket& bucket_of(const IpAddress& source, Now now);
  void refill(Bucket& bucket, AnswerKind kind, Now now) const;

  uint64_t seed_;
  float per_milli_;
  float burst_;
  Random* random_;
  std::vector<Bucket> buckets_;  ///< a power of two
};

}  // namespace uturn
