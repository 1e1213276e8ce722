// File access, by mode bits and owners.
#include "server/file_access.h"

#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <vector>

namespace uturn {
namespace {

constexpr mode_t kRead = 4;
constexpr mode_t kEnter = 1;

std::string user_name(uid_t user) {
  std::array<char, 4096> buffer;
  passwd entry{};
  passwd* found = nullptr;
  ::getpwuid_r(user, &entry, buffer.data(), buffer.size(), &found);
  return found != nullptr ? found->pw_name : std::to_string(user);
}

std::string group_name(gid_t group_id) {
  std::array<char, 4096> buffer;
  group entry{};
  group* found = nullptr;
  ::getgrgid_r(group_id, &entry, buffer.data(), buffer.size(), &found);
  return found != nullptr ? found->gr_name : std::to_string(group_id);
}

/// "mode 0600, owner root:root"
std::string owner_and_mode(const struct stat& status) {
  std::string mode = "0000";
  for (size_t i = 0; i < 4; ++i) {
    mode[3 - i] = static_cast<char>('0' + ((status.st_mode >> (3 * i)) & 7));
  }
  return "mode " + mode + ", owner " + user_name(status.st_uid) + ":" + group_name(status.st_gid);
}

/// "/", "/etc", "/etc/uturn" of "/etc/uturn/key.pem".
std::vector<std::string> directories_above(const std::string& path) {
  std::vector<std::string> directories;
  for (size_t slash = 0; slash != path.npos; slash = path.find('/', slash + 1)) {
    directories.push_back(slash == 0 ? "/" : path.substr(0, slash));
  }
  return directories;
}

/// Links lead elsewhere, as those of /etc/letsencrypt/live do; what cannot be resolved stays.
std::string resolved(const std::string& path) {
  std::error_code error;
  const auto real = std::filesystem::canonical(path, error);
  return error ? path : real.string();
}

bool grants(const Account& account, const struct stat& status, mode_t wish) {
  if (account.user == 0) return true;
  if (status.st_uid == account.user) return ((status.st_mode >> 6) & wish) != 0;
  if (status.st_gid == account.group) return ((status.st_mode >> 3) & wish) != 0;
  return (status.st_mode & wish) != 0;
}

}  // namespace

std::string explain_access(const std::string& path) {
  const std::string who =
      "uid " + std::to_string(::geteuid()) + " (" + user_name(::geteuid()) + ") may not ";
  struct stat status{};
  for (const std::string& directory : directories_above(path)) {
    if (::eaccess(directory.c_str(), X_OK) == 0) continue;
    if (errno != EACCES || ::stat(directory.c_str(), &status) != 0) return {};
    return who + "enter " + directory + ": " + owner_and_mode(status);
  }
  if (::eaccess(path.c_str(), R_OK) == 0 || errno != EACCES) return {};
  if (::stat(path.c_str(), &status) != 0) return {};
  return who + "read it: " + owner_and_mode(status);
}

bool may_read(const Account& account, const std::string& path) {
  const std::string real = resolved(path);
  struct stat status{};
  for (const std::string& directory : directories_above(real)) {
    if (::stat(directory.c_str(), &status) == 0 && !grants(account, status, kEnter)) return false;
  }
  return ::stat(real.c_str(), &status) != 0 || grants(account, status, kRead);
}

}  // namespace uturn
