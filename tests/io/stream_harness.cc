// Strangers' ends of connections on plain sockets, written without the code under test.
#include "tests/io/stream_harness.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace uturn {
namespace {

sockaddr_in name_of(const TransportAddress& address) {
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(address.port);
  std::memcpy(&name.sin_addr, address.ip.bytes().data(), 4);
  return name;
}

TransportAddress own_address(int fd) {
  sockaddr_in name{};
  socklen_t size = sizeof name;
  EXPECT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&name), &size), 0);
  std::array<uint8_t, 4> bytes;
  std::memcpy(bytes.data(), &name.sin_addr, bytes.size());
  return {IpAddress::v4(bytes), ntohs(name.sin_port)};
}

int bound_socket(std::string_view address) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  EXPECT_GE(fd, 0);
  const sockaddr_in name = name_of({ip(address), 0});
  EXPECT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&name), sizeof name), 0);
  return fd;
}

class KernelStreamStranger : public StreamStranger {
 public:
  explicit KernelStreamStranger(int fd) : fd_(fd), address_(own_address(fd)) {
    EXPECT_EQ(::fcntl(fd_, F_SETFL, O_NONBLOCK), 0);
  }
  ~KernelStreamStranger() override {
    if (fd_ >= 0) ::close(fd_);
  }

  TransportAddress address() const override { return address_; }

  size_t write(std::string_view bytes) override {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0) note(errno);
    return sent < 0 ? 0 : static_cast<size_t>(sent);
  }

  std::string read(size_t most) override {
    std::string bytes(most, '\0');
    const ssize_t got = ::recv(fd_, bytes.data(), bytes.size(), 0);
    if (got < 0) note(errno);
    bytes.resize(got < 0 ? 0 : static_cast<size_t>(got));
    return bytes;
  }

  void end_writing() override { EXPECT_EQ(::shutdown(fd_, SHUT_WR), 0); }
  void reset() override {
    const linger at_once{1, 0};
    EXPECT_EQ(::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    ::close(std::exchange(fd_, -1));
  }
  bool has_ended() override {
    const ssize_t got = peek();
    return got == 0 && !was_reset_;
  }
  bool was_reset() override {
    peek();
    return was_reset_;
  }

 private:
  ssize_t peek() {
    char byte = 0;
    const ssize_t got = ::recv(fd_, &byte, 1, MSG_PEEK);
    if (got < 0) note(errno);
    return got;
  }
  void note(int error) { was_reset_ |= error == ECONNRESET || error == EPIPE; }

  int fd_;
  TransportAddress address_;
  bool was_reset_ = false;
};

class KernelStreamHost : public StreamHost {
 public:
  explicit KernelStreamHost(std::string_view address) : fd_(bound_socket(address)) {
    EXPECT_EQ(::listen(fd_, 1'024), 0);
    EXPECT_EQ(::fcntl(fd_, F_SETFL, O_NONBLOCK), 0);
  }
  ~KernelStreamHost() override { ::close(fd_); }

  TransportAddress address() const override { return own_address(fd_); }
  std::unique_ptr<StreamStranger> accept() override {
    const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
    return fd < 0 ? nullptr : std::make_unique<KernelStreamStranger>(fd);
  }

 private:
  int fd_;
};

class KernelStreamStrangers : public StreamStrangers {
 public:
  std::unique_ptr<StreamStranger> connect(std::string_view from,
                                          const TransportAddress& to) override {
    const int fd = bound_socket(from);
    const sockaddr_in name = name_of(to);
    EXPECT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&name), sizeof name), 0)
        << std::strerror(errno);
    return std::make_unique<KernelStreamStranger>(fd);
  }
  std::unique_ptr<StreamHost> host(std::string_view address) override {
    return std::make_unique<KernelStreamHost>(address);
  }
};

}  // namespace

std::shared_ptr<StreamStrangers> kernel_stream_strangers() {
  return std::make_shared<KernelStreamStrangers>();
}

void StreamNotebook::on_accepted(std::span<const AcceptedStream> batch) {
  accept_batches.push_back(batch.size());
  for (const AcceptedStream& stream : batch) {
    accepted.push_back(stream);
    if (on_connection) on_connection(stream);
  }
}

void StreamNotebook::on_stream_events(std::span<const StreamEvent> batch) {
  event_batches.push_back(batch.size());
  for (const StreamEvent& event : batch) {
    events.push_back(event);
    if (on_event) on_event(event);
  }
}

StreamEvent StreamNotebook::told_of(SocketId id) const {
  StreamEvent sum{.socket = id};
  for (const StreamEvent& event : events) {
    if (event.socket != id) continue;
    sum.tag = event.tag;
    sum.readable |= event.readable;
    sum.writable |= event.writable;
    sum.failed |= event.failed;
  }
  return sum;
}

void StreamContract::SetUp() {
  if (GetParam().missing.empty() && !GetParam().streams) {
    GTEST_SKIP() << "the virtual network carries datagrams only";
  }
  LoopContract::SetUp();
}

SocketId StreamContract::listen(std::string_view address, uint64_t tag) {
  StreamSpec spec;
  spec.address = at(address);
  const auto id = streams().listen(spec, tag);
  CHECK(id);
  return *id;
}

StreamContract::Connection StreamContract::connection() {
  const SocketId listener = listen();
  const size_t before = book.accepted.size();
  auto there = stranger_to(listener);
  CHECK(until([&] { return book.accepted.size() > before; }));
  streams().close(listener);
  return {book.accepted.back().socket, std::move(there)};
}

std::string StreamContract::read_all(Loop& from, SocketId id) {
  std::string text;
  std::array<uint8_t, 16'384> buffer;
  for (;;) {
    const auto got = from.streams().read(id, buffer);
    if (!got) {
      last_error = got.error();
      return text;
    }
    text += as_string(Bytes{buffer}.first(*got));
  }
}

bool StreamContract::hears(SocketId id, std::string_view text) {
  std::string heard;
  return until([&] {
           heard += read_all(id);
           return heard.size() >= text.size();
         }) &&
         heard == text;
}

bool StreamContract::hears(StreamStranger& stranger, std::string_view text) {
  std::string heard;
  return until([&] {
           heard += stranger.read();
           return heard.size() >= text.size();
         }) &&
         heard == text;
}

}  // namespace uturn
