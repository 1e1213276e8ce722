// Reading a secret without showing it.
#include "server/terminal.h"

#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <string_view>

namespace uturn {
namespace {

constexpr size_t kMaxLine = 4'096;

/// Nothing where input ends before a line does, or the line is too long.
std::optional<std::string> read_line() {
  std::string line;
  for (;;) {
    char c = 0;
    const ssize_t got = ::read(STDIN_FILENO, &c, 1);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 || line.size() > kMaxLine) return std::nullopt;
    if (got == 0 && line.empty()) return std::nullopt;
    if (got == 0 || c == '\n') break;
    line += c;
  }
  if (line.ends_with('\r')) line.pop_back();
  return line;
}

void say(std::string_view text) {
  const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
  (void)written;  // who cannot be prompted can still type
}

class WithoutEcho {
 public:
  WithoutEcho() {
    has_terminal_ = ::tcgetattr(STDIN_FILENO, &before_) == 0;
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    if (has_terminal_) ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
  }
  ~WithoutEcho() {
    if (has_terminal_) ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  }

 private:
  termios before_{};
  bool has_terminal_ = false;
};

std::optional<std::string> ask(const std::string& prompt) {
  const WithoutEcho silence;
  say(prompt);
  auto line = read_line();
  say("\n");
  return line;
}

}  // namespace

Result<Secret, std::string> read_new_secret(const std::string& what) {
  const Failure nothing{"no " + what + " was given"};
  if (::isatty(STDIN_FILENO) == 0) {
    auto line = read_line();
    if (!line || line->empty()) return nothing;
    return Secret(*std::move(line));
  }
  auto first = ask("The " + what + ": ");
  if (!first || first->empty()) return nothing;
  const auto second = ask("The same again: ");
  if (second != first) return Failure{std::string("the two are not the same")};
  return Secret(*std::move(first));
}

}  // namespace uturn
