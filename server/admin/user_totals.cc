// Adding sessions up, page by page.
#include "server/admin/user_totals.h"

#include <algorithm>
#include <chrono>
#include <unordered_map>
#include <utility>

#include "server/admin/admin_api.h"

namespace uturn {

Result<UserTotals, std::string> read_user_totals(const Shards& shards, size_t limit) {
  const auto ends = std::chrono::steady_clock::now() + kWalkTime;
  std::unordered_map<std::string, UserTotal> by_name;
  std::optional<SessionCursor> cursor = SessionCursor{};
  while (cursor && std::chrono::steady_clock::now() < ends) {
    const auto page = read_sessions(shards, {}, *cursor, kMaxSessionsPerPage);
    if (!page) return Failure{page.error()};
    for (const Session& session : page->sessions) {
      UserTotal& total = by_name[session.quota_id.empty() ? session.user : session.quota_id];
      ++total.sessions;
      total.bytes_to_peers += session.traffic.bytes_to_peers;
      total.bytes_to_clients += session.traffic.bytes_to_client;
    }
    cursor = page->next;
  }
  UserTotals totals;
  totals.all = by_name.size();
  for (auto& [name, total] : by_name) {
    total.name = name;
    totals.users.push_back(std::move(total));
  }
  const auto shown = totals.users.begin() + static_cast<ptrdiff_t>(std::min(limit, by_name.size()));
  std::ranges::partial_sort(totals.users, shown, [](const UserTotal& a, const UserTotal& b) {
    return std::pair{b.bytes(), std::string_view{a.name}} <
           std::pair{a.bytes(), std::string_view{b.name}};
  });
  totals.users.erase(shown, totals.users.end());
  return totals;
}

}  // namespace uturn
