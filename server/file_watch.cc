// FileWatch by inotify.
#include "server/file_watch.h"

#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <set>
#include <utility>

namespace uturn {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxLinks = 16;  // a chain that is longer, or a ring, is nobody's certificate
constexpr uint32_t kChanges = IN_CREATE | IN_MOVED_TO | IN_CLOSE_WRITE | IN_ATTRIB | IN_DELETE |
                              IN_MOVED_FROM | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

fs::path directory_of(const fs::path& path) {
  const fs::path directory = path.parent_path();
  return directory.empty() ? fs::path{"."} : directory;
}

/// Of the file, and of whatever its links point to.
void add_directories(fs::path path, std::set<std::string>& directories) {
  for (int links = 0; links < kMaxLinks; ++links) {
    directories.insert(directory_of(path).string());
    std::error_code error;
    const fs::path target = fs::read_symlink(path, error);
    if (error) return;
    path = directory_of(path) / target;  // an absolute target replaces what stands before it
  }
}

int64_t nanoseconds(const timespec& time) {
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

FileState state_of(const std::string& path) {
  struct stat found{};
  if (::stat(path.c_str(), &found) != 0) return {.error = errno};
  return {.error = 0,
          .device = found.st_dev,
          .inode = found.st_ino,
          .size = static_cast<uint64_t>(found.st_size),
          .modified_ns = nanoseconds(found.st_mtim),
          .changed_ns = nanoseconds(found.st_ctim)};
}

}  // namespace

FileWatch::FileWatch(std::vector<std::string> paths)
    : paths_(std::move(paths)), descriptor_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
  follow_links();
}

FileWatch::~FileWatch() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void FileWatch::take() {
  alignas(inotify_event) std::array<char, 4'096> events;
  while (descriptor_ >= 0 && ::read(descriptor_, events.data(), events.size()) > 0) {
  }
}

void FileWatch::follow_links() {
  if (descriptor_ < 0) return;
  std::set<std::string> directories;
  for (const std::string& path : paths_) add_directories(path, directories);

  // A directory that was replaced has the same name and another watch: each is asked for anew, and
  // one that is watched already keeps its number.
  std::map<std::string, int> watches;
  std::set<int> kept;
  for (const std::string& directory : directories) {
    const int watch = ::inotify_add_watch(descriptor_, directory.c_str(), kChanges);
    if (watch < 0) continue;
    watches.emplace(directory, watch);
    kept.insert(watch);
  }
  for (const auto& [directory, watch] : watches_) {
    if (!kept.contains(watch)) ::inotify_rm_watch(descriptor_, watch);
  }
  watches_ = std::move(watches);
}

std::vector<FileState> file_states(const std::vector<std::string>& paths) {
  std::vector<FileState> states;
  for (const std::string& path : paths) states.push_back(state_of(path));
  return states;
}

}  // namespace uturn
