// Values from the environment and from files.
#include "server/value_sources.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace uturn {
namespace {

bool is_variable_name(std::string_view text) {
  constexpr std::string_view kLetters =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
  return !text.empty() && text.find_first_not_of(kLetters) == text.npos &&
         (text.front() < '0' || text.front() > '9');
}

std::string cannot_read(const std::string& path, int error_number) {
  return path + " cannot be read: " + std::strerror(error_number);
}

Result<std::string, std::string> read_descriptor(int fd, const std::string& path,
                                                 size_t max_bytes) {
  struct stat status{};
  if (::fstat(fd, &status) != 0) return Failure{cannot_read(path, errno)};
  if (!S_ISREG(status.st_mode)) return Failure{path + " cannot be read: not a regular file"};
  std::string content(max_bytes + 1, '\0');
  size_t size = 0;
  while (size < content.size()) {
    const ssize_t got = ::read(fd, content.data() + size, content.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Failure{cannot_read(path, errno)};
    if (got == 0) break;
    size += static_cast<size_t>(got);
  }
  if (size > max_bytes) {
    return Failure{path + " is longer than " + std::to_string(max_bytes) + " bytes"};
  }
  content.resize(size);
  return content;
}

}  // namespace

ValueSources process_value_sources() {
  return {[](const std::string& name) -> std::optional<std::string> {
            const char* value = std::getenv(name.c_str());
            if (value == nullptr) return std::nullopt;
            return value;
          },
          [](const std::string& path) { return read_small_file(path, kMaxValueFileBytes); }};
}

Result<std::string, std::string> read_small_file(const std::string& path, size_t max_bytes) {
  // Without O_NONBLOCK a FIFO would block here for ever.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return Failure{cannot_read(path, errno)};
  auto content = read_descriptor(fd, path, max_bytes);
  ::close(fd);
  return content;
}

Result<std::string, std::string> expand_value(std::string_view text, const ValueSources& sources) {
  constexpr std::string_view kFile = "file:";
  if (text.starts_with(kFile)) {
    auto content = sources.file(std::string(text.substr(kFile.size())));
    if (content && content->ends_with('\n')) content->pop_back();
    if (content && content->ends_with('\r')) content->pop_back();
    return content;
  }

  std::string out;
  while (true) {
    const size_t dollar = text.find("${");
    if (dollar == text.npos) return out.append(text);
    if (dollar > 0 && text[dollar - 1] == '$') {
      out.append(text.substr(0, dollar - 1)).append("${");
      text.remove_prefix(dollar + 2);
      continue;
    }
    const size_t brace = text.find('}', dollar);
    if (brace == text.npos) return Failure{std::string("'${' without '}'")};
    const std::string name(text.substr(dollar + 2, brace - dollar - 2));
    if (!is_variable_name(name)) {
      return Failure{std::string("'${...}' must hold the name of an environment variable")};
    }
    const auto value = sources.environment(name);
    if (!value) return Failure{"the environment variable " + name + " is not set"};
    out.append(text.substr(0, dollar)).append(*value);
    text.remove_prefix(brace + 1);
  }
}

}  // namespace uturn
