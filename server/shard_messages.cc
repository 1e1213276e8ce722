// What shards say to each other, and others to them: messages, and datagrams between allocations of
// two shards.
#include <algorithm>
#include <bit>
#include <utility>

#include "server/shard.h"

namespace uturn {

// What one round leaves, the next wake-up brings.
void Shard::on_wake() {
  now_ = loop_->now();
  const bool has_messages = world_.channel.receive(
      settings_.relay.shard, [&](ShardMessage message) { handle(std::move(message)); });
  const bool has_shortcuts = take_shortcuts();
  wake_others();
  if (has_messages || has_shortcuts) loop_->wake();
}

void Shard::handle(ShardMessage message) {
  if (auto* claim = std::get_if<ReservationClaim>(&message)) {
    auto refused = world_.channel.send(
        settings_.relay.shard, claim->from,
        ReservationReply{claim->waiting,
                         relay_.surrender_reservation(claim->token, claim->owner, now_)});
    // A full ring: the reservation has nowhere to go, and the request expires unanswered.
    if (refused) discard(std::move(*refused));
  } else if (auto* reply = std::get_if<ReservationReply>(&message)) {
    carry_out(relay_.on_reservation(reply->waiting, std::move(reply->reservation), now_));
  } else if (auto* claim = std::get_if<YieldClaim>(&message)) {
    (void)relay_.make_room_for(claim->quota_id, claim->realm, now_);
    // A full ring: the request expires unanswered, and its client asks again.
    (void)world_.channel.send(settings_.relay.shard, claim->from, YieldReply{claim->waiting});
  } else if (auto* yielded = std::get_if<YieldReply>(&message)) {
    carry_out(relay_.on_yielded(yielded->waiting, now_));
  } else if (auto* user = std::get_if<UserReply>(&message)) {
    carry_out(relay_.on_user_answer(user->ticket, user->answer, now_));
  } else if (auto* errand = std::get_if<std::unique_ptr<ShardErrand>>(&message)) {
    (*errand)->run(*this);
  } else if (auto* client = std::get_if<std::unique_ptr<MovingClient>>(&message)) {
    clients_.adopt(std::move(*client));
  } else {
    stopping_ = true;
  }
}

void Shard::discard_messages() {
  const auto end = [&](ShardMessage message) { discard(std::move(message)); };
  while (world_.channel.receive(settings_.relay.shard, end)) {
  }
}

// Reservations and connections under way are in nobody's table: they end here.
void Shard::discard(ShardMessage message) {
  if (const auto* reply = std::get_if<ReservationReply>(&message)) {
    if (reply->reservation) drop(reply->reservation->socket);
  } else if (const auto* client = std::get_if<std::unique_ptr<MovingClient>>(&message)) {
    loop_->close_loose((*client)->socket);
  }
}

// Whatever the ring does not take goes through the kernel.
void Shard::carry_out(const Shortcut& shortcut) {
  ShortcutRing* const ring = world_.shortcuts.between(settings_.relay.shard, shortcut.shard);
  if (ring == nullptr) {
    ++shortcut_counters_.without_ring;
  } else if (shortcut.forward.payload.size() > ShortcutSlot::kMaxPayload) {
    ++shortcut_counters_.too_long;
  } else if (!ring->push(shortcut)) {
    ++shortcut_counters_.full;
  } else {
    ++shortcut_counters_.sent;
    to_wake_ |= uint64_t{1} << shortcut.shard;
    return;
  }
  carry_out(shortcut.forward);
}

// Once per batch, not per datagram.
void Shard::wake_others() {
  for (; to_wake_ != 0; to_wake_ &= to_wake_ - 1) {
    world_.channel.wake(static_cast<uint8_t>(std::countr_zero(to_wake_)));
  }
}

// From each shard in turn; says whether there may be more. What is sent lies in the rings' slots.
bool Shard::take_shortcuts() {
  uint32_t left = kShortcutsPerPass;
  const uint8_t shards = settings_.relay.shards;
  for (uint8_t i = 0; i < shards; ++i) {
    const auto from = static_cast<uint8_t>((first_served_ + i) % shards);
    ShortcutRing* const ring = world_.shortcuts.between(from, settings_.relay.shard);
    if (ring == nullptr) continue;
    for (; left > 0; --left) {
      ShortcutSlot* const slot = ring->next();
      if (slot == nullptr) break;
      ++shortcut_counters_.received;
      has_taken_shortcuts_ = true;
      const Outcome outcome =
          relay_.on_shortcut(slot->from(), slot->to(), slot->ip(), slot->packet(), now_);
      if (const auto* forward = std::get_if<Forward>(&outcome)) carry_out(*forward);
    }
  }
  first_served_ = static_cast<uint8_t>((first_served_ + 1) % shards);
  return left == 0;
}

void Shard::release_shortcuts() {
  if (!std::exchange(has_taken_shortcuts_, false)) return;
  for (uint8_t from = 0; from < settings_.relay.shards; ++from) {
    ShortcutRing* const ring = world_.shortcuts.between(from, settings_.relay.shard);
    if (ring != nullptr) ring->release();
  }
}

bool Shard::ask_for_reservation(uint8_t shard, uint64_t token, std::string_view owner,
                                PendingId waiting) {
  const uint8_t self = settings_.relay.shard;
  return !world_.channel.send(self, shard,
                              ReservationClaim{self, waiting, token, std::string{owner}});
}

bool Shard::ask_to_yield(uint8_t shard, std::string_view quota_id, RealmId realm,
                         PendingId waiting) {
  const uint8_t self = settings_.relay.shard;
  return !world_.channel.send(self, shard, YieldClaim{self, waiting, std::string{quota_id}, realm});
}

void Shard::expect_shortcuts_to(uint8_t shard) {
  world_.shortcuts.make(settings_.relay.shard, shard);
}

// One event per newly denied range: a client that asks for ever new addresses fills no log.
}  // namespace uturn
