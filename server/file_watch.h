// FileWatch: says when files may have changed, however they are replaced.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace uturn {

/// By inotify on the directories of the files, and of what they are symbolic links to: editors and
/// certbot put a new file, or a new link, in the place of the old one. Where a directory cannot be
/// watched nothing is said of it; whoever must know compares file_states() now and then.
class FileWatch {
 public:
  explicit FileWatch(std::vector<std::string> paths);
  ~FileWatch();
  FileWatch(const FileWatch&) = delete;
  FileWatch& operator=(const FileWatch&) = delete;

  int descriptor() const { return descriptor_; }  ///< readable: something changed. -1: no inotify
  /// Forgets what is readable. Something else in these directories may have changed.
  void take();
  /// The directories as the links lie now; those that went are watched no more.
  void follow_links();
  const std::vector<std::string>& paths() const { return paths_; }

 private:
  std::vector<std::string> paths_;
  int descriptor_ = -1;
  std::map<std::string, int> watches_;  ///< by directory
};

/// What a file is recognised by: another one, or another content, has another state.
struct FileState {
  int error = 0;  ///< errno, where it cannot be looked at
  uint64_t device = 0;
  uint64_t inode = 0;
  uint64_t size = 0;
  int64_t modified_ns = 0;
  int64_t changed_ns = 0;  ///< owner and mode count: they may have been what was wrong
  friend bool operator==(const FileState&, const FileState&) = default;
};
std::vector<FileState> file_states(const std::vector<std::string>& paths);

}  // namespace uturn
