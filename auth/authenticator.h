// Authenticator: the long-term credential mechanism in the order of RFC 8489, Section 9.2.4.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "auth/nonce.h"
#include "auth/rest_secrets.h"
#include "auth/user_directory.h"
#include "protocol/error_code.h"
#include "protocol/message_builder.h"
#include "protocol/message_integrity.h"
#include "protocol/message_view.h"

namespace uturn {

/// Who somebody has proved to be; an allocation keeps it.
struct Identity {
  std::string username;
  std::string quota_id;
  std::optional<Key> key;  ///< what answers are signed with; none under --no-auth
};

struct Accepted {
  Identity identity;
  Integrity integrity = Integrity::sha1;  ///< sign answers with the kind the request had
};

/// An error to answer. `challenge`: with REALM, NONCE and PASSWORD-ALGORITHMS. `identity`: who it
/// is where that was proved (438 after good integrity), so that the answer can be signed.
struct Rejected {
  ErrorCode code{};
  bool challenge = false;
  std::optional<Accepted> proved;
};
struct Pending {};  ///< ask again with complete() when the directory has answered
struct Silence {};  ///< the directory cannot answer: no answer, the client retransmits
using AuthVerdict = std::variant<Accepted, Rejected, Pending, Silence>;

/// One realm's authentication. One per shard (directories that are shared lock inside). Sources are
/// asked in the order static users, REST secrets, further directories; the first that knows the
/// name decides.
class Authenticator {
 public:
  struct Settings {
    std::string realm;
    bool required = true;  ///< false: --no-auth, everybody is accepted without identity
    bool announce_username_anonymity = false;  ///< and only where every source can enumerate
    NonceMint::Settings nonce;
  };

  Authenticator(Settings settings, std::shared_ptr<UserDirectory> static_users,
                std::shared_ptr<RestSecrets> rest_secrets,
                std::vector<std::shared_ptr<UserDirectory>> directories);

  /// `known`: the identity of the allocation on this five-tuple. A request by that name is verified
  /// with its key and no directory is asked: an expired credential ends no running allocation.
  AuthVerdict check(const MessageView& request, const ClientAddress& client, const Identity* known,
                    DirectoryTicket ticket, Now now) const;
  /// The same checks, with the answer that was pending.
  AuthVerdict complete(const MessageView& request, const ClientAddress& client,
                       const UserAnswer& answer, Now now) const;

  /// REALM, NONCE and, where announced, PASSWORD-ALGORITHMS of a 401 or 438.
  void add_challenge(MessageBuilder& answer, const ClientAddress& client, Now now) const;

  SecurityFeatures features() const { return features_; }
  const std::string& realm() const { return settings_.realm; }
  bool is_required() const { return settings_.required; }

 private:
  Settings settings_;
  NonceMint nonces_;
  std::shared_ptr<UserDirectory> static_users_;
  std::shared_ptr<RestSecrets> rest_secrets_;
  std::vector<std::shared_ptr<UserDirectory>> directories_;
  SecurityFeatures features_;
};

}  // namespace uturn
