// Realms: those that a shard serves, and which of them a request is for.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "auth/authenticator.h"
#include "auth/peer_policy.h"
#include "auth/realm_id.h"
#include "protocol/message_view.h"

namespace uturn {

/// Who may log in to it, and to whom those may send. Its quota is the ledger's, by its name.
struct Realm {
  std::shared_ptr<const Authenticator> authenticator;
  std::shared_ptr<const PeerPolicy> policy;
};

/// Made anew where anything of it changes. Asked by requests; the policies by datagrams, too.
class Realms {
 public:
  static constexpr size_t kMost = 256;  ///< served at once, the default among them

  struct Settings {
    std::vector<Realm> by_id;  ///< empty where a number's realm is not served, or is not any more
    RealmId default_realm{};
    std::map<std::string, RealmId, std::less<>> by_origin;  ///< canonical_origin()
  };
  explicit Realms(Settings settings);
  /// A realm alone, number 0.
  Realms(std::shared_ptr<const Authenticator> authenticator,
         std::shared_ptr<const PeerPolicy> policy);

  /// The first of these that says something: the listener; the REALM that the request shows, where
  /// it is one of ours; the allocation that it is about, which keeps the realm it was made in; its
  /// ORIGIN; the default. So a challenge names the realm whose users will be asked.
  RealmId choose(const MessageView& request, RealmId of_listener, RealmId of_allocation) const;

  // Of a realm that is not served any more: the default's.
  const Authenticator& authenticator_of(RealmId id) const { return *realm(id).authenticator; }
  const PeerPolicy& policy_of(RealmId id) const { return *realm(id).policy; }
  const std::string& name_of(RealmId id) const { return authenticator_of(id).realm(); }

  bool serves(RealmId id) const {
    const auto index = static_cast<size_t>(id);
    return index < by_id_.size() && by_id_[index].authenticator != nullptr;
  }
  RealmId default_realm() const { return default_; }

 private:
  const Realm& realm(RealmId id) const {
    return by_id_[static_cast<size_t>(serves(id) ? id : default_)];
  }

  std::vector<Realm> by_id_;
  std::map<std::string, RealmId, std::less<>> by_name_;
  std::map<std::string, RealmId, std::less<>> by_origin_;
  RealmId default_;
};

}  // namespace uturn
