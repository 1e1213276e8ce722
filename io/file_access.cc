// File access: errors of open(2), and for EACCES who we are and what stands in the way.
#include "io/file_access.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace uturn {
namespace {

std::string user_name(uid_t user) {
  std::array<char, 4096> room;
  passwd entry{};
  passwd* found = nullptr;
  ::getpwuid_r(user, &entry, room.data(), room.size(), &found);
  return found != nullptr ? found->pw_name : std::to_string(user);
}

std::string group_name(gid_t group) {
  std::array<char, 4096> room;
  struct group entry{};
  struct group* found = nullptr;
  ::getgrgid_r(group, &entry, room.data(), room.size(), &found);
  return found != nullptr ? found->gr_name : std::to_string(group);
}

/// "root:root 0600"
std::string owner_and_mode(const struct stat& status) {
  std::array<char, 16> mode{};
  std::snprintf(mode.data(), mode.size(), "%04o", static_cast<unsigned>(status.st_mode & 07777));
  return user_name(status.st_uid) + ":" + group_name(status.st_gid) + " " + mode.data();
}

/// The first directory on the way to `path` that may not be passed; empty where all may.
std::string closed_directory(const std::string& path) {
  for (size_t slash = path.find('/', 1); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    const std::string directory = path.substr(0, slash);
    if (::faccessat(AT_FDCWD, directory.c_str(), X_OK, AT_EACCESS) != 0) return directory;
  }
  return "";
}

std::string explain_permission(const std::string& path) {
  std::string text =
      ": we are " + user_name(::geteuid()) + " (uid " + std::to_string(::geteuid()) + "), ";
  const std::string directory = closed_directory(path);
  struct stat status{};
  const std::string& obstacle = directory.empty() ? path : directory;
  if (::stat(obstacle.c_str(), &status) != 0) return text + "and may not even look at it";
  text += directory.empty() ? "the file is " : "the directory " + directory + " is ";
  return text + owner_and_mode(status);
}

}  // namespace

std::string explain_file_error(const std::string& path, int error) {
  std::string text = path + ": cannot be read: " + std::strerror(error);
  if (error == EACCES) text += explain_permission(path);
  return text;
}

}  // namespace uturn
