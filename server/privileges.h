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

/// Makes an empty file that belongs to this account, so that it can be opened again once root was
/// given up. What is there already stays as it is, a link included: it may be somebody's trap.
bool create_file_for(const Account& account, const std::string& path);

/// Gives up everything: supplementary groups, group, user, and any way back. Called once, before or
/// after threads start (glibc changes all of them).
Result<Done, std::string> drop_privileges(const Account& account);

}  // namespace uturn
