// The state directory.
#include "server/state_dir.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "server/value_sources.h"

namespace uturn {
namespace {

constexpr size_t kMaxNonceKeys = 8;
constexpr size_t kMaxKeyFileBytes = 4096;

NonceKey make_key(Random& random) {
  NonceKey key;
  key.id = 1;
  random.fill(key.secret);
  return key;
}

Result<Done, std::string> failure(const std::string& what, int error_number) {
  return Failure{what + ": " + std::strerror(error_number)};
}

/// Keys that others can read are as good as published.
bool is_private(const std::string& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 && (status.st_mode & 077) == 0;
}

bool write_all(int fd, std::string_view content) {
  while (!content.empty()) {
    const ssize_t wrote = ::write(fd, content.data(), content.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return false;
    content.remove_prefix(static_cast<size_t>(wrote));
  }
  return true;
}

std::optional<uint8_t> parse_hex_byte(std::string_view text) {
  uint8_t byte = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), byte, 16);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return byte;
}

std::optional<NonceKey> parse_nonce_key(std::string_view line) {
  const size_t space = line.find(' ');
  if (space == line.npos) return std::nullopt;
  NonceKey key;
  const auto [end, error] = std::from_chars(line.data(), line.data() + space, key.id);
  if (error != std::errc{} || end != line.data() + space) return std::nullopt;

  const std::string_view hex = line.substr(space + 1);
  if (hex.size() != 2 * key.secret.size()) return std::nullopt;
  for (size_t i = 0; i < key.secret.size(); ++i) {
    const auto byte = parse_hex_byte(hex.substr(2 * i, 2));
    if (!byte) return std::nullopt;
    key.secret[i] = *byte;
  }
  return key;
}

}  // namespace

Result<LoadedNonceKeys, std::string> load_nonce_keys(const std::string& directory, Random& random) {
  const std::string path = directory + "/nonce.keys";
  struct stat status{};
  const bool is_there = ::stat(path.c_str(), &status) == 0;
  // Not being allowed to look does not make it absent.
  if (!is_there && errno == EACCES) return Failure{path + " cannot be read: Permission denied"};
  if (is_there) {
    auto text = read_small_file(path, kMaxKeyFileBytes);
    if (!text) return Failure{text.error()};
    auto keys = parse_nonce_keys(*text);
    OPENSSL_cleanse(text->data(), text->size());
    if (!keys) return Failure{path + " holds no nonce keys; remove it to have them made anew"};
    if (!is_private(path)) return Failure{path + " can be read by others; it must be mode 0600"};
    return LoadedNonceKeys{*std::move(keys), true, "nonce keys read from " + path};
  }

  ::mkdir(directory.c_str(), 0700);  // where that fails, so does the next step
  LoadedNonceKeys loaded{{make_key(random)}, true, "nonce keys made in " + path};
  std::string text = print_nonce_keys(loaded.keys);
  const auto written = write_by_rename(path, text, 0600);
  OPENSSL_cleanse(text.data(), text.size());
  if (!written) {
    loaded.survive_restart = false;
    loaded.said = "nonce keys are kept in memory only: " + written.error();
  }
  return loaded;
}

LoadedNonceKeys make_nonce_keys_in_memory(Random& random, const std::string& why) {
  return {{make_key(random)}, false, "nonce keys are kept in memory only: " + why};
}

std::string print_nonce_keys(const std::vector<NonceKey>& keys) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string text;
  for (const NonceKey& key : keys) {
    text += std::to_string(key.id) + ' ';
    for (const uint8_t byte : key.secret) text += {kHex[byte >> 4], kHex[byte & 0xF]};
    text += '\n';
  }
  return text;
}

std::optional<std::vector<NonceKey>> parse_nonce_keys(std::string_view text) {
  std::vector<NonceKey> keys;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const auto key = parse_nonce_key(text.substr(0, end));
    if (!key || keys.size() == kMaxNonceKeys) return std::nullopt;
    if (std::ranges::count(keys, key->id, &NonceKey::id) > 0) return std::nullopt;
    keys.push_back(*key);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  if (keys.empty()) return std::nullopt;
  return keys;
}

Result<Done, std::string> write_by_rename(const std::string& path, std::string_view content,
                                          unsigned mode) {
  const std::string fresh = path + "." + std::to_string(::getpid());
  ::unlink(fresh.c_str());
  const int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
  if (fd < 0) return failure(path + " cannot be written", errno);
  // fchmod, since the umask may have taken bits away that a reader needs.
  const bool is_whole = write_all(fd, content) && ::fchmod(fd, mode) == 0 && ::fsync(fd) == 0;
  const int write_error = errno;
  ::close(fd);
  if (!is_whole || ::rename(fresh.c_str(), path.c_str()) != 0) {
    const int error_number = is_whole ? errno : write_error;
    ::unlink(fresh.c_str());
    return failure(path + " cannot be written", error_number);
  }
  return Done{};
}

}  // namespace uturn
