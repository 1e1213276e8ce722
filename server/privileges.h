// Privileges: a server started as root becomes an ordinary user once its sockets are bound.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "protocol/result.h"

namespace uturn {

struct Account {
  uid_t user = 0;
  gid_t group = 0;
  std::string said;  ///< "uturn:uturn", for the log
};

/// USER[:GROUP], names or numbers; without a group the user's own. The error names what is unknown.
Result<Account, std::string> find_account(std::string_view run_as);

/// The same for the configuration's value: where the built-in default "uturn" does not exist, since
/// no package made it, "nobody" does.
Result<Account, std::string> find_account_or_nobody(std::string_view run_as);

bool is_root();

/// Gives up everything: supplementary groups, group, user, and any way back. Called once, before or
/// after threads start (glibc changes all of them).
Result<Done, std::string> drop_privileges(const Account& account);

}  // namespace uturn
