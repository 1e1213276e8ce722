// Choosing the realm of a request.
//
// Also: RFC 8489, Sections 9.2.2 and 9.2.4.
#include "auth/realms.h"

#include <utility>

#include "auth/origin.h"

namespace uturn {
namespace {

constexpr size_t kMostOrigins = 8;  // of one request that are looked at

Realms::Settings alone(std::shared_ptr<const Authenticator> authenticator,
                       std::shared_ptr<const PeerPolicy> policy) {
  Realms::Settings settings;
  settings.by_id.push_back({std::move(authenticator), std::move(policy)});
  return settings;
}

}  // namespace

Realms::Realms(Settings settings)
    : by_id_(std::move(settings.by_id)),
      by_origin_(std::move(settings.by_origin)),
      default_(settings.default_realm) {
  CHECK(serves(default_));
  for (size_t i = 0; i < by_id_.size(); ++i) {
    const RealmId id{static_cast<uint16_t>(i)};
    if (!serves(id)) continue;
    CHECK(by_id_[i].authenticator->id() == id && by_id_[i].policy != nullptr);
    by_name_.emplace(name_of(id), id);
  }
}

Realms::Realms(std::shared_ptr<const Authenticator> authenticator,
               std::shared_ptr<const PeerPolicy> policy)
    : Realms(alone(std::move(authenticator), std::move(policy))) {}

RealmId Realms::choose(const MessageView& request, RealmId of_listener,
                       RealmId of_allocation) const {
  if (serves(of_listener)) return of_listener;
  if (const auto shown = request.find(AttributeType::realm)) {
    const auto known = by_name_.find(without_quotes_and_nulls(shown->value));
    if (known != by_name_.end()) return known->second;
  }
  if (serves(of_allocation)) return of_allocation;
  if (by_origin_.empty()) return default_;
  // A page within others' frames has several; the first that is known counts.
  size_t looked_at = 0;
  for (const AttributeView attribute : request) {
    if (attribute.type != kOriginAttribute) continue;
    if (++looked_at > kMostOrigins) break;
    if (attribute.value.size() > kMaxOrigin) continue;
    const auto known = by_origin_.find(canonical_origin(text_of(attribute.value)));
    if (known != by_origin_.end()) return known->second;
  }
  return default_;
}

}  // namespace uturn
