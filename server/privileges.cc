// Privileges: how root is given up.
#include "server/privileges.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <vector>

namespace uturn {
namespace {

constexpr size_t kNameBuffer = 16 * 1024;

std::optional<uint32_t> parse_id(std::string_view text) {
  uint32_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  // The highest value means "leave it" to the system calls.
  if (error != std::errc{} || end != text.data() + text.size() || id == UINT32_MAX) {
    return std::nullopt;
  }
  return id;
}

struct KnownUser {
  uid_t user;
  gid_t group;
};

std::optional<KnownUser> find_user(const std::string& name) {
  std::vector<char> buffer(kNameBuffer);
  passwd entry{};
  passwd* found = nullptr;
  if (const auto id = parse_id(name)) {
    ::getpwuid_r(*id, &entry, buffer.data(), buffer.size(), &found);
    return KnownUser{*id, found != nullptr ? found->pw_gid : *id};
  }
  ::getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (found == nullptr) return std::nullopt;
  return KnownUser{found->pw_uid, found->pw_gid};
}

std::optional<gid_t> find_group(const std::string& name) {
  if (const auto id = parse_id(name)) return *id;
  std::vector<char> buffer(kNameBuffer);
  group entry{};
  group* found = nullptr;
  ::getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (found == nullptr) return std::nullopt;
  return found->gr_gid;
}

Failure<std::string> system_failure(const char* what) {
  return Failure{std::string(what) + " failed: " + std::strerror(errno)};
}

}  // namespace

Result<Account, std::string> find_account(std::string_view run_as) {
  const size_t colon = run_as.find(':');
  const std::string user_name(run_as.substr(0, colon));
  const auto user = find_user(user_name);
  if (!user) return Failure{"server.run_as: there is no user '" + user_name + "'"};

  Account account{user->user, user->group, std::string(run_as)};
  if (colon != run_as.npos) {
    const std::string group_name(run_as.substr(colon + 1));
    const auto group = find_group(group_name);
    if (!group) return Failure{"server.run_as: there is no group '" + group_name + "'"};
    account.group = *group;
  }
  return account;
}

Result<Account, std::string> find_account_or_nobody(std::string_view run_as) {
  auto account = find_account(run_as);
  if (account || run_as != "uturn") return account;
  return find_account("nobody");
}

bool is_root() { return ::geteuid() == 0; }

bool create_file_for(const Account& account, const std::string& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
  if (fd < 0) return false;
  const bool is_given = ::fchown(fd, account.user, account.group) == 0;
  ::close(fd);
  return is_given;
}

Result<Done, std::string> drop_privileges(const Account& account) {
  if (::setgroups(0, nullptr) != 0) return system_failure("setgroups");
  if (::setresgid(account.group, account.group, account.group) != 0) {
    return system_failure("setresgid");
  }
  if (::setresuid(account.user, account.user, account.user) != 0) {
    return system_failure("setresuid");
  }
  // A set-user-id program must not bring it back either.
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return system_failure("PR_SET_NO_NEW_PRIVS");
  if (account.user != 0 && ::setuid(0) == 0) return Failure{std::string("root came back")};
  return Done{};
}

}  // namespace uturn
