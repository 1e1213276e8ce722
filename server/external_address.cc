// Detecting the public address: by a Binding request to a STUN server (RFC 8489, Section 2).
#include "server/external_address.h"

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>

#include "auth/random.h"
#include "client/stun_client.h"
#include "client/turn_uri.h"

namespace uturn {
namespace {

constexpr std::string_view kStun = "stun:";
constexpr std::chrono::milliseconds kPatience{5000};

/// A connected UDP socket, closed when it goes.
class Connection {
 public:
  explicit Connection(const addrinfo& to)
      : fd_(::socket(to.ai_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    if (fd_ >= 0 && ::connect(fd_, to.ai_addr, to.ai_addrlen) != 0) {
      ::close(fd_);
      fd_ = -1;
    }
  }
  Connection(const Connection&) = delete;
  ~Connection() {
    if (fd_ >= 0) ::close(fd_);
  }
  bool is_open() const { return fd_ >= 0; }
  void send(Bytes bytes) { (void)::send(fd_, bytes.data(), bytes.size(), 0); }
  /// What came, empty for an ICMP error, nullopt where nothing came in time.
  std::optional<Bytes> receive(std::chrono::milliseconds patience) {
    pollfd readable{fd_, POLLIN, 0};
    if (::poll(&readable, 1, static_cast<int>(patience.count())) <= 0) return std::nullopt;
    const ssize_t size = ::recv(fd_, buffer_.data(), buffer_.size(), 0);
    return Bytes{buffer_}.first(size > 0 ? static_cast<size_t>(size) : 0);
  }

 private:
  int fd_;
  std::array<uint8_t, 2048> buffer_{};
};

Now now() {
  const auto monotonic = std::chrono::steady_clock::now().time_since_epoch();
  const auto calendar = std::chrono::system_clock::now();
  return {Instant(std::chrono::duration_cast<Duration>(monotonic)),
          std::chrono::floor<std::chrono::seconds>(calendar)};
}

std::chrono::milliseconds time_until(Instant deadline) {
  return std::clamp(std::chrono::ceil<std::chrono::milliseconds>(deadline - now().monotonic),
                    std::chrono::milliseconds(0), kPatience);
}

/// Drives the client until it has an answer or patience ends.
std::optional<IpAddress> bind(Connection& connection, std::chrono::milliseconds patience) {
  CsprngRandom random;
  StunClient client({}, random);
  const Instant give_up = now().monotonic + patience;
  client.bind(now());
  while (true) {
    while (const auto request = client.poll_transmit(now())) connection.send(*request);
    if (const auto event = client.poll_event()) {
      const auto* mapped = std::get_if<Mapped>(&*event);
      return mapped == nullptr ? std::nullopt : std::optional(mapped->address.ip);
    }
    if (is_past(give_up, now())) return std::nullopt;
    const auto came = connection.receive(time_until(std::min(client.next_deadline(), give_up)));
    if (came && came->empty()) {
      client.handle_unreachable();
    } else if (came) {
      client.handle(*came, now());
    }
    client.on_deadline(now());
  }
}

}  // namespace

std::optional<DetectWish> DetectWish::parse(std::string_view text) {
  if (text == "metadata") return DetectWish{true, {}};
  if (!text.starts_with(kStun) || !TurnUri::parse(text)) return std::nullopt;
  return DetectWish{false, std::string(text.substr(kStun.size()))};
}

Result<Detected, std::string> detect_external(const DetectWish& wish,
                                              std::vector<std::string>& asked) {
  if (!wish.by_metadata) return ask_stun(wish.stun_host, asked, kPatience);
  return ask_metadata("http://169.254.169.254", asked);
}

Result<Detected, std::string> ask_stun(const std::string& host, std::vector<std::string>& asked,
                                       std::chrono::milliseconds patience) {
  const auto uri = TurnUri::parse(std::string(kStun) + host);
  if (!uri) return Failure{"'" + host + "' is no host of a STUN server"};

  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* list = nullptr;
  const int error =
      ::getaddrinfo(uri->host.c_str(), std::to_string(uri->port).c_str(), &hints, &list);
  if (error != 0) return Failure{uri->host + ": " + ::gai_strerror(error)};
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(list, ::freeaddrinfo);

  for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
    Connection connection(*entry);
    if (!connection.is_open()) continue;
    const auto address = bind(connection, patience);
    if (!address) {
      asked.push_back("asked stun:" + host + ": no answer");
      continue;
    }
    asked.push_back("asked stun:" + host + ": " + address->to_string());
    return Detected{*address, "stun:" + host + " says " + address->to_string()};
  }
  return Failure{"stun:" + host + " did not answer"};
}

}  // namespace uturn
