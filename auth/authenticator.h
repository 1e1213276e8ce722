// Authenticator: the long-term credential mechanism in the order of RFC 8489, Section 9.2.4.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "auth/access_token.h"
#include "auth/auth_failure.h"
#include "auth/nonce.h"
#include "auth/realm_id.h"
#include "auth/rest_secrets.h"
#include "auth/user_directory.h"
#include "protocol/error_code.h"
#include "protocol/message_builder.h"
#include "protocol/message_integrity.h"
#include "protocol/message_view.h"
#include "protocol/result.h"

namespace uturn {

/// Who somebody has proved to be; an allocation keeps it.
struct Identity {
  std::string username{};
  std::string quota_id{};          ///< empty: nobody to count by
  std::optional<Key> key{};        ///< what answers are signed with; none under --no-auth
  bool is_by_token = false;        ///< RFC 7635: `username` is the kid, and `key` the token's
  std::string credential_class{};  ///< whose limits count (CredentialClass)
  CalendarTime expires_at = CalendarTime::max();  ///< of the credential
  RealmId realm{};

  /// A name is one of its realm.
  bool is_named_like(const Identity& other) const {
    return realm == other.realm && username == other.username;
  }
};

/// "With any quotes and trailing nulls removed" (RFC 8489, Section 9.2.2).
std::string_view without_quotes_and_nulls(Bytes value);

struct Accepted {
  Identity identity;
  Integrity integrity = Integrity::sha1;  ///< what answers are signed with (Section 9.2.4)
};

/// An error to answer. `challenge`: with REALM, NONCE and PASSWORD-ALGORITHMS. `proved`: who it is
/// where that was proved (438 after good integrity), so that the answer can be signed.
struct Rejected {
  ErrorCode code{};
  bool challenge = false;
  std::optional<Accepted> proved{};
  AuthFailure why{};
  /// Somebody tried to log in and failed, with a nonce that proves where they receive.
  bool is_failed_login = false;
};
/// Ask again with complete() when the directory has answered.
struct Pending {
  size_t directory = 0;  ///< which was asked; complete() wants to know
};
struct Silence {};  ///< the directory is full: no answer, the client retransmits
using AuthVerdict = std::variant<Accepted, Rejected, Pending, Silence>;

/// The question that an answer belongs to. By default the last: an unknown user stays unknown.
struct Asked {
  DirectoryTicket ticket = 0;
  size_t directory = SIZE_MAX;
  RealmId realm{};
};

/// One realm's authentication. One per shard (directories that are shared lock inside). Sources are
/// asked in the order static users, REST secrets, further directories; the first that knows the
/// name decides. A name of the REST form that no secret fits may be one of a directory.
class Authenticator {
 public:
  struct Settings {
    std::string realm;
    bool required = true;             ///< false: --no-auth, everybody is accepted without identity
    std::string token_server_name{};  ///< THIRD-PARTY-AUTHORIZATION; empty: no tokens are taken
    std::shared_ptr<const TokenKeys> token_keys{};
    bool announce_username_anonymity = false;  ///< and only where every source can enumerate
    NonceMint::Settings nonce;
    RealmId id{};
  };

  /// Any source may be null or empty. What is announced is decided here, so static users are
  /// complete by now; they answer at once, always. Where sources change another authenticator takes
  /// over: a nonce that was given out carries what was announced with it.
  Authenticator(Settings settings, std::shared_ptr<UserDirectory> static_users,
                std::shared_ptr<const RestSecrets> rest_secrets,
                std::vector<std::shared_ptr<UserDirectory>> directories);

  /// `known`: the identity of the allocation on this five-tuple. A request by that name is verified
  /// with its key and no directory is asked: an expired credential ends no running allocation. Only
  /// where the request asks for another algorithm than that key's (the list may have changed with a
  /// reload) are the sources asked again, and the expiry still is not. Another name is
  /// authenticated like a new one; that it is the wrong one (441) is for the caller to say.
  ///
  /// With an ACCESS-TOKEN the token says who is there (RFC 7635, Section 7), whatever is known.
  AuthVerdict check(const MessageView& request, const ClientAddress& client, const Identity* known,
                    DirectoryTicket ticket, Now now) const;
  /// The same checks, with the answer that was pending. With `asked`, a user unknown there is
  /// looked for in the directories behind it, which may make it pending again.
  AuthVerdict complete(const MessageView& request, const ClientAddress& client,
                       const UserAnswer& answer, Now now, const Identity* known = nullptr,
                       Asked asked = {}) const;

  /// REALM, NONCE and PASSWORD-ALGORITHMS of a 401 or 438. The list is always there (Section 9.2.4
  /// demands it, old clients skip it) and holds MD5 alone where a source cannot do SHA-256.
  void add_challenge(MessageBuilder& answer, const ClientAddress& client, Now now) const;

  SecurityFeatures features() const { return features_; }
  const std::string& realm() const { return settings_.realm; }
  RealmId id() const { return settings_.id; }
  bool is_required() const { return settings_.required; }
  bool takes_tokens() const { return !settings_.token_server_name.empty(); }

 private:
  void decide_features();
  struct Attempt;
  Result<Attempt, Rejected> read_attempt(const MessageView& request, const ClientAddress& client,
                                         Now now) const;
  AuthVerdict ask_sources(const Attempt& attempt, DirectoryTicket ticket) const;
  std::optional<AuthVerdict> try_rest_secrets(const Attempt& attempt) const;
  AuthVerdict ask_directories(const Attempt& attempt, size_t from, DirectoryTicket ticket) const;
  AuthVerdict check_token(const Attempt& attempt, Bytes token) const;
  Rejected failed_login(const Attempt& attempt, AuthFailure why) const;
  AuthVerdict unknown(const Attempt& attempt, AuthFailure why = AuthFailure::unknown_user) const;
  AuthVerdict verify(const Attempt& attempt, const User& user) const;
  AuthVerdict accept(const Attempt& attempt, const User& user, const Key& key) const;
  AuthVerdict check_nonce(const Attempt& attempt, Identity identity) const;

  Settings settings_;
  NonceMint nonces_;
  std::shared_ptr<UserDirectory> static_users_;
  std::shared_ptr<const RestSecrets> rest_secrets_;
  std::vector<std::shared_ptr<UserDirectory>> directories_;
  Key nobodys_md5_key_;
  Key nobodys_sha256_key_;
  SecurityFeatures features_;
};

}  // namespace uturn
