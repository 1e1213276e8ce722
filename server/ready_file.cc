// The ready file.
#include "server/ready_file.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "server/state_dir.h"

namespace uturn {

Result<Done, std::string> remove_ready_file(const std::string& path) {
  if (path.empty() || ::unlink(path.c_str()) == 0 || errno == ENOENT) return Done{};
  return Failure{path + " cannot be removed: " + std::strerror(errno)};
}

Result<Done, std::string> write_ready_file(const std::string& path,
                                           const std::vector<ListenerUri>& listeners) {
  std::string lines;
  for (const ListenerUri& listener : listeners) lines += listener.to_string() + "\n";
  return write_by_rename(path, lines, 0644);
}

}  // namespace uturn
