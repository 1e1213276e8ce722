// The contract tests' strangers and notebook, on plain sockets.
#include "tests/io/loop_harness.h"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "io/epoll_loop.h"
#include "io/uring_loop.h"
#include "tests/io/stream_harness.h"

namespace uturn {
namespace {

constexpr int kPatienceMs = 3'000;

// A name of either family, written without the code under test.
struct Name {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

Name name_of(const TransportAddress& address) {
  Name name;
  if (address.ip.is_v4()) {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&name.storage);
    v4->sin_family = AF_INET;
    v4->sin_port = htons(address.port);
    std::memcpy(&v4->sin_addr, address.ip.bytes().data(), 4);
    name.size = sizeof *v4;
  } else {
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&name.storage);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(address.port);
    std::memcpy(&v6->sin6_addr, address.ip.bytes().data(), 16);
    name.size = sizeof *v6;
  }
  return name;
}

TransportAddress address_of(const sockaddr_storage& storage) {
  if (storage.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage);
    std::array<uint8_t, 4> bytes;
    std::memcpy(bytes.data(), &v4.sin_addr, bytes.size());
    return {IpAddress::v4(bytes), ntohs(v4.sin_port)};
  }
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(storage);
  std::array<uint8_t, 16> bytes;
  std::memcpy(bytes.data(), &v6.sin6_addr, bytes.size());
  return {IpAddress::v6(bytes), ntohs(v6.sin6_port)};
}

class KernelStranger : public Stranger {
 public:
  explicit KernelStranger(const IpAddress& ip)
      : v4_(ip.is_v4()), fd_(::socket(v4_ ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    EXPECT_GE(fd_, 0);
    const Name name = name_of({ip, 0});
    EXPECT_EQ(::bind(fd_, reinterpret_cast<const sockaddr*>(&name.storage), name.size), 0);
    set(v4_ ? IPPROTO_IP : IPPROTO_IPV6, v4_ ? IP_RECVTOS : IPV6_RECVTCLASS, 1);
    set(v4_ ? IPPROTO_IP : IPPROTO_IPV6, v4_ ? IP_RECVTTL : IPV6_RECVHOPLIMIT, 1);
    set(SOL_SOCKET, SO_RCVBUF, 4 << 20);
    set(SOL_SOCKET, SO_SNDBUF, 4 << 20);
  }
  ~KernelStranger() override { ::close(fd_); }

  TransportAddress address() const override {
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    EXPECT_EQ(::getsockname(fd_, reinterpret_cast<sockaddr*>(&storage), &size), 0);
    return address_of(storage);
  }

  void send(const TransportAddress& to, std::string_view bytes, const IpFields& ip) override {
    set(v4_ ? IPPROTO_IP : IPPROTO_IPV6, v4_ ? IP_TOS : IPV6_TCLASS, ip.dscp << 2 | ip.ecn);
    set(v4_ ? IPPROTO_IP : IPPROTO_IPV6, v4_ ? IP_TTL : IPV6_UNICAST_HOPS, ip.ttl ? ip.ttl : -1);
    const Name name = name_of(to);
    EXPECT_EQ(::sendto(fd_, bytes.data(), bytes.size(), 0,
                       reinterpret_cast<const sockaddr*>(&name.storage), name.size),
              static_cast<ssize_t>(bytes.size()))
        << std::strerror(errno);
  }

  void send_train(const TransportAddress& to, std::string_view bytes, uint16_t segment) override {
    set(IPPROTO_UDP, UDP_SEGMENT, segment);
    send(to, bytes, {});
    set(IPPROTO_UDP, UDP_SEGMENT, 0);
  }

  std::optional<Heard> hear() override {
    if (!readable(kPatienceMs)) return std::nullopt;
    std::array<char, 65'536> buffer;
    alignas(cmsghdr) std::array<char, 256> control;
    sockaddr_storage from{};
    iovec piece{buffer.data(), buffer.size()};
    msghdr message{};
    message.msg_name = &from;
    message.msg_namelen = sizeof from;
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t size = ::recvmsg(fd_, &message, 0);
    if (size < 0) return std::nullopt;
    Heard heard;
    heard.bytes.assign(buffer.data(), static_cast<size_t>(size));
    heard.from = address_of(from);
    for (cmsghdr* c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) read(*c, heard);
    return heard;
  }

  bool has_heard_nothing() override { return !readable(0); }

 private:
  bool readable(int wait_ms) const {
    pollfd wanted{fd_, POLLIN, 0};
    return ::poll(&wanted, 1, wait_ms) == 1 && (wanted.revents & POLLIN);
  }

  void set(int level, int option, int value) {
    EXPECT_EQ(::setsockopt(fd_, level, option, &value, sizeof value), 0) << std::strerror(errno);
  }

  static void read(cmsghdr& c, Heard& heard) {
    int value = 0;
    std::memcpy(&value, CMSG_DATA(&c), std::min(sizeof value, c.cmsg_len - CMSG_LEN(0)));
    const bool is_v4 = c.cmsg_level == IPPROTO_IP;
    const bool is_v6 = c.cmsg_level == IPPROTO_IPV6;
    if ((is_v4 && c.cmsg_type == IP_TOS) || (is_v6 && c.cmsg_type == IPV6_TCLASS)) {
      heard.dscp = static_cast<uint8_t>(value >> 2);
      heard.ecn = static_cast<uint8_t>(value & 3);
    }
    if ((is_v4 && c.cmsg_type == IP_TTL) || (is_v6 && c.cmsg_type == IPV6_HOPLIMIT)) {
      heard.ttl = static_cast<uint8_t>(value);
    }
  }

  bool v4_;
  int fd_;
};

}  // namespace

std::unique_ptr<Stranger> kernel_stranger(std::string_view text) {
  return std::make_unique<KernelStranger>(ip(text));
}

std::vector<World> all_worlds() {
  World epoll;
  epoll.name = "epoll";
  epoll.loop = make_epoll_loop;
  epoll.stranger = kernel_stranger;
  epoll.streams = kernel_stream_strangers();
  epoll.has = {.segmentation = true,
               .fragmentation = true,
               .descriptors = true,
               .real_time = true,
               .no_allocation = true};
  World uring = epoll;
  uring.name = "io_uring";
  uring.loop = make_uring_loop;
  if (const auto possible = probe_uring(); !possible) uring.missing = possible.error();
  return {epoll, uring, simulated_world()};
}

std::string name_of_world(const testing::TestParamInfo<World>& info) { return info.param.name; }

void Notebook::on_datagrams(std::span<ReceivedDatagram> batch) {
  batches.push_back(batch.size());
  for (ReceivedDatagram& d : batch) {
    received.push_back(
        {d.socket, d.tag, d.from, d.to, d.dscp, d.ecn, d.ttl, as_string(d.packet.bytes())});
    if (on_datagram) on_datagram(d);
  }
}

std::vector<std::string> Notebook::texts() const {
  std::vector<std::string> all;
  for (const Received& r : received) all.push_back(r.bytes);
  return all;
}

std::vector<std::string> Notebook::texts_of(SocketId socket) const {
  std::vector<std::string> some;
  for (const Received& r : received) {
    if (r.socket == socket) some.push_back(r.bytes);
  }
  return some;
}

std::function<void(ReceivedDatagram&)> echo_on(Loop& loop) {
  return [&loop](ReceivedDatagram& d) {
    IpFields ip;
    ip.source = d.to;
    loop.send({d.socket, d.from, {}, d.packet.bytes(), ip});
  };
}

TransportAddress at(std::string_view text) {
  const auto address = TransportAddress::parse(text);
  CHECK(address);
  return *address;
}

IpAddress ip(std::string_view text) {
  const auto address = IpAddress::parse(text);
  CHECK(address);
  return *address;
}

std::string as_string(Bytes bytes) { return std::string(text_of(bytes)); }

std::string pattern(size_t size, unsigned seed) {
  std::string bytes(size, '\0');
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 31 + seed * 7919 + (i >> 8));
  return bytes;
}

LoopSettings LoopContract::small_settings() {
  LoopSettings settings;
  settings.max_sockets = 2'048;
  settings.small_buffers = 1'024;
  settings.max_streams = 1'024;
  return settings;
}

void LoopContract::SetUp() {
  if (!GetParam().missing.empty()) GTEST_SKIP() << GetParam().missing;
  GetParam().begin();
  loop = new_loop();
}

std::unique_ptr<Loop> LoopContract::new_loop(const LoopSettings& settings) const {
  auto loop = GetParam().loop(settings);
  CHECK(loop);
  loop->start();
  return loop;
}

void LoopContract::restart(const LoopSettings& settings) {
  loop.reset();
  loop = new_loop(settings);
}

std::unique_ptr<Stranger> LoopContract::stranger(std::string_view ip) const {
  return GetParam().stranger(ip);
}

SocketId LoopContract::open(std::string_view address, uint64_t tag, SocketKind kind) {
  UdpSocketSpec spec;
  spec.kind = kind;
  spec.address = at(address);
  spec.receive_buffer = 4 << 20;
  spec.send_buffer = 4 << 20;
  const auto id = loop->open(spec, tag);
  CHECK(id);
  return *id;
}

SocketId LoopContract::open_listener(std::string_view address, uint64_t tag) {
  return open(address, tag, SocketKind::listener);
}

void LoopContract::send(SocketId via, const TransportAddress& to, std::string_view payload,
                        IpFields ip) {
  loop->send({via, to, {}, bytes_of(said_.emplace_back(payload)), ip});
}

void LoopContract::pass(Loop& loop, LoopHandler& handler) {
  loop.run_pass(handler, loop.now().monotonic);
}

bool LoopContract::pass_until(Loop& loop, LoopHandler& handler,
                              const std::function<bool()>& enough) {
  const Instant give_up = loop.now().monotonic + std::chrono::milliseconds(kPatienceMs);
  while (!enough()) {
    if (is_past(give_up, loop.now())) return false;
    loop.run_pass(handler, std::min(give_up, loop.now().monotonic + 20ms));
  }
  return true;
}

bool LoopContract::receive(size_t count) {
  return pass_until([&] { return notebook.received.size() >= count; });
}

void LoopContract::settle() {
  for (size_t seen = ~size_t{0}; seen != notebook.received.size();) {
    seen = notebook.received.size();
    for (int i = 0; i < 8; ++i) pass();
  }
}

}  // namespace uturn
