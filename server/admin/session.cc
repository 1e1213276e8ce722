// Copying sessions, and choosing among them.
#include "server/admin/session.h"

#include <charconv>

namespace uturn {
namespace {

template <class Number>
bool read_number(std::string_view& text, Number& to) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), to);
  if (error != std::errc{}) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return true;
}

bool read_dash(std::string_view& text) {
  if (!text.starts_with('-')) return false;
  text.remove_prefix(1);
  return true;
}

Duration idle_of(const Allocation& allocation, Now now) {
  return now.monotonic - allocation.traffic.last_heard_at();
}

}  // namespace

std::optional<SessionId> SessionId::parse(std::string_view text) {
  SessionId id;
  if (!read_number(text, id.shard) || !read_dash(text)) return std::nullopt;
  if (!read_number(text, id.allocation.slot) || !read_dash(text)) return std::nullopt;
  if (!read_number(text, id.allocation.generation) || !text.empty()) return std::nullopt;
  return id;
}

std::string SessionId::to_string() const {
  return std::to_string(shard) + "-" + std::to_string(allocation.slot) + "-" +
         std::to_string(allocation.generation);
}

Session session_of(const Allocation& allocation, uint8_t shard, Now now) {
  Session session;
  session.id = {shard, allocation.id};
  session.user = allocation.identity.username;
  session.quota_id = allocation.identity.quota_id;
  session.realm = allocation.traffic_class->realm;
  session.five_tuple = allocation.five_tuple;
  session.relays_tcp = allocation.tcp != nullptr;
  for (size_t i = 0; i < allocation.sides.size(); ++i) {
    const auto& side = allocation.sides[i];
    if (!side) continue;
    session.relayed[i] = side->port.address();
    session.permissions += static_cast<uint32_t>(side->permissions.size());
  }
  if (allocation.tcp) {
    for (const PermissionTable& table : allocation.tcp->permissions) {
      session.permissions += static_cast<uint32_t>(table.size());
    }
    session.tcp_connections = static_cast<uint32_t>(allocation.tcp->connections.size());
  }
  session.channels = static_cast<uint32_t>(allocation.channels.size());
  session.age = now.monotonic - allocation.created_at;
  session.idle = idle_of(allocation, now);
  session.expires_in = allocation.expires_at() - now.monotonic;
  session.traffic = allocation.traffic;
  return session;
}

bool SessionFilter::matches(const Allocation& allocation, Now now) const {
  if (user) {
    const std::string_view name = allocation.identity.username;
    const bool is_prefix = user->ends_with('*');
    if (!is_prefix && name != *user) return false;
    if (is_prefix && !name.starts_with(std::string_view(*user).substr(0, user->size() - 1))) {
      return false;
    }
  }
  if (realm && allocation.traffic_class->realm != *realm) return false;
  if (client && !client->contains(allocation.five_tuple.client.ip)) return false;
  if (min_age && now.monotonic - allocation.created_at < *min_age) return false;
  return !min_idle || idle_of(allocation, now) >= *min_idle;
}

}  // namespace uturn
