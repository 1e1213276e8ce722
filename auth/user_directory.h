// UserDirectory: who is a user, and with which keys. The answer may come later.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "auth/key.h"
#include "protocol/bytes.h"
#include "protocol/time.h"
#include "protocol/transport_address.h"

namespace uturn {

/// A user as a directory knows one. `quota_id` is what quotas count by: the id of a TURN REST name
/// without its timestamp, else the name.
struct User {
  std::string username;
  std::string quota_id{};
  std::optional<Key> md5{};
  std::optional<Key> sha256{};
  CalendarTime expires_at = CalendarTime::max();  ///< TURN REST: the credential ends then
  std::string credential_class{};                 ///< whose limits count; empty: everybody's
};

/// Names the request that waits for an answer; the relay gives it out (a PendingId packed into 64
/// bits).
using DirectoryTicket = uint64_t;
/// There is no place to wait: nobody may be asked who could answer later.
inline constexpr DirectoryTicket kNoTicket = UINT64_MAX;

struct UserUnknown {};
struct UserPending {};      ///< the answer will come with the ticket of the question
struct UserTryLater {};     ///< the directory is full: the client gets no answer and retransmits
struct UserUnavailable {};  ///< it was waited for long enough: 500, and no other source is asked
using UserAnswer = std::variant<User, UserUnknown, UserTryLater, UserUnavailable>;
using UserLookup = std::variant<User, UserUnknown, UserTryLater, UserUnavailable, UserPending>;

/// The question: by name, or by USERHASH (then username is empty).
struct UserQuestion {
  std::string_view username{};
  Bytes userhash{};
  std::string_view realm{};
  IpAddress client{};  ///< who asks to be let in; a webhook is told
};

/// Implemented by static users, TURN REST secrets, databases, and chains of them. Called on a
/// shard's thread: whatever would block answers UserPending and comes back through the shard.
class UserDirectory {
 public:
  virtual ~UserDirectory() = default;
  virtual UserLookup look_up(const UserQuestion& question, DirectoryTicket ticket, Now now) = 0;
  /// Can every user of the realm be checked by SHA-256 (no MD5-only key)? Then it is announced.
  virtual bool knows_sha256() const = 0;
  /// Can names be enumerated, so that USERHASH can be answered?
  virtual bool knows_userhash() const = 0;
};

}  // namespace uturn
