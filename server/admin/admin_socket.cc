// The admin socket's place and its permissions.
#include "server/admin/admin_socket.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

namespace uturn {
namespace {

constexpr mode_t kSocketMode = 0660;
constexpr mode_t kDirectoryMode = 0750;

std::string path_in(const char* runtime_directory) {
  return std::string(runtime_directory) + "/uturn/admin.sock";
}

/// The directory of a socket, where it is missing and its parent is there: owned as the socket is.
void make_directory_of(const std::string& path, const std::optional<Account>& account) {
  const std::string directory = std::filesystem::path(path).parent_path().string();
  if (::mkdir(directory.c_str(), kDirectoryMode) != 0) return;
  if (account) (void)!::chown(directory.c_str(), account->user, account->group);
}

Result<std::unique_ptr<HttpServer>, std::string> open_at(const std::string& path,
                                                         const std::optional<Account>& account) {
  make_directory_of(path, account);
  HttpUnixSocket socket{.path = path, .mode = kSocketMode};
  if (account) {
    socket.owner = account->user;
    socket.group = account->group;
  }
  // Kicks and reloads take their time; lists are asked for in pages.
  return HttpServer::open(socket, {.workers = 4, .connections = 64});
}

}  // namespace

Result<AdminSocket, std::string> open_admin_socket(const AdminConfig& config,
                                                   const std::optional<Account>& run_as,
                                                   const char* runtime_directory) {
  if (config.socket.empty()) return AdminSocket{nullptr, "admin.socket is empty"};
  const bool is_default = config.socket == AdminConfig{}.socket;
  auto opened = open_at(config.socket, run_as);
  if (opened) return AdminSocket{std::move(*opened), {}};
  if (!is_default) return Failure{"admin.socket: " + opened.error()};
  if (::geteuid() == 0 || runtime_directory == nullptr || *runtime_directory == '\0') {
    return AdminSocket{nullptr, opened.error()};
  }
  auto elsewhere = open_at(path_in(runtime_directory), std::nullopt);
  if (!elsewhere) return AdminSocket{nullptr, elsewhere.error()};
  return AdminSocket{std::move(*elsewhere), opened.error()};
}

std::string find_admin_socket(const char* runtime_directory) {
  const std::string built_in = AdminConfig{}.socket;
  struct stat found{};
  if (::stat(built_in.c_str(), &found) == 0 || runtime_directory == nullptr) return built_in;
  const std::string elsewhere = path_in(runtime_directory);
  return ::stat(elsewhere.c_str(), &found) == 0 ? elsewhere : built_in;
}

}  // namespace uturn
