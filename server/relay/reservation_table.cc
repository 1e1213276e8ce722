// Keeping reservations by token.
#include "server/relay/reservation_table.h"

#include "auth/authenticator.h"

namespace uturn {

std::string owner_of(const Identity& identity) {
  return std::to_string(static_cast<uint16_t>(identity.realm)) + "/" + identity.username;
}

uint64_t ReservationTable::make_token(Random& random) const {
  for (;;) {
    const uint64_t token = uint64_t{shard_} << 56 | random.next_u64() >> 8;
    if (!reservations_.contains(token)) return token;
  }
}

void ReservationTable::add(uint64_t token, Reservation reservation) {
  const bool is_new = reservations_.emplace(token, std::move(reservation)).second;
  CHECK(is_new);
}

std::optional<Reservation> ReservationTable::redeem(uint64_t token, std::string_view owner,
                                                    Now now) {
  const auto found = reservations_.find(token);
  if (found == reservations_.end() || is_past(found->second.expires_at, now) ||
      found->second.owner != owner) {
    return std::nullopt;
  }
  return remove(token);
}

std::optional<Reservation> ReservationTable::remove(uint64_t token) {
  auto node = reservations_.extract(token);
  if (node.empty()) return std::nullopt;
  return std::move(node.mapped());
}

std::optional<uint64_t> ReservationTable::any() const {
  if (reservations_.empty()) return std::nullopt;
  return reservations_.begin()->first;
}

}  // namespace uturn
