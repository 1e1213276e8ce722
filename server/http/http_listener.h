// HttpListener: the socket of an HTTP server, bound and listening, before anybody is served.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "protocol/result.h"
#include "protocol/transport_address.h"

namespace uturn {

/// A socket in the file system. Who may connect is the kernel's business, by owner, group and mode.
struct HttpUnixSocket {
  std::string path;
  mode_t mode = 0660;
  std::optional<uid_t> owner{};  ///< else whoever makes it
  std::optional<gid_t> group{};
};

/// Owns the descriptor, and the name in the file system while it is ours.
class HttpListener {
 public:
  static constexpr int kBacklog = 128;

  /// Port 0: ephemeral. The error is one sentence.
  static Result<HttpListener, std::string> open(const TransportAddress& address);
  /// A socket that an earlier run left, and that nobody answers at, is replaced; anything else in
  /// its place is an error.
  static Result<HttpListener, std::string> open(const HttpUnixSocket& socket);

  HttpListener(HttpListener&& other) noexcept;
  HttpListener& operator=(HttpListener&&) = delete;
  ~HttpListener();

  bool is_unix() const { return !path_.empty(); }
  /// With its real port; of a Unix socket nothing.
  const TransportAddress& address() const { return address_; }
  const std::string& path() const { return path_; }
  int descriptor() const { return fd_; }
  /// The descriptor is somebody else's from here on; the name stays ours.
  int release();
  /// Takes the name away, unless another socket has it by now.
  void remove_name();

 private:
  explicit HttpListener(int fd) : fd_(fd) {}

  int fd_ = -1;
  TransportAddress address_;
  std::string path_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace uturn
