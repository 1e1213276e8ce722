// One pass: wait, read what the sockets have in fair shares, hand it over, send what was queued.
#include "io/epoll_loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <vector>

#include "io/epoll_loop_class.h"
#include "io/error_queue.h"
#include "io/twins.h"

namespace uturn {
namespace {

constexpr uint64_t kWakeEvent = UINT64_MAX;  // names no socket
constexpr uint64_t kStreamsEvent = UINT64_MAX - 1;
constexpr size_t kIcmpErrorsPerSocket = 8;  // of one pass, so that one cannot take all

uint64_t event_of(SocketId id) { return uint64_t{id.generation} << 32 | id.slot; }
SocketId socket_of(uint64_t event) {
  return {static_cast<uint32_t>(event), static_cast<uint32_t>(event >> 32)};
}

}  // namespace

EpollLoop::EpollLoop(const LoopSettings& settings, int epoll, int stream_epoll, int wake_event)
    : settings_(settings),
      epoll_(epoll),
      wake_event_(wake_event),
      batch_wait_(settings.busy_poll > 0ns ? 0ns : settings.batch_wait, settings.batch),
      pass_time_(clock_.monotonic()),
      sockets_(settings.max_sockets),
      reader_(settings, counters_),
      queue_(settings.send_queue, settings.gso),
      busy_peers_(settings.max_sockets, settings.twins),
      polls_(stream_epoll, settings.stream_events),
      streams_(settings, polls_, counters_),
      lent_(settings.send_queue),
      events_(std::max(1u, settings.batch / 2)),
      errors_(settings.icmp_errors_per_pass) {
  CHECK(settings.batch > 0 && settings.icmp_errors_per_pass > 0);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = kWakeEvent;
  CHECK(::epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_event_, &event) == 0);
  event.data.u64 = kStreamsEvent;
  CHECK(::epoll_ctl(epoll_, EPOLL_CTL_ADD, polls_.fd(), &event) == 0);
}

EpollLoop::~EpollLoop() {
  sockets_.for_each([](SocketId, OpenSocket& socket) { ::close(socket.fd); });
  ::close(wake_event_);
  ::close(epoll_);
}

void EpollLoop::start() {
  if (settings_.batch_wait > 0ns) make_sleeps_precise();
}

Result<SocketId, OpenError> EpollLoop::open(const UdpSocketSpec& spec, uint64_t tag) {
  if (sockets_.size() == sockets_.capacity()) return Failure{OpenError::no_descriptors};
  auto socket = UdpSocket::open(spec, settings_.gro);
  if (!socket) return Failure{socket.error()};
  return add(std::move(*socket), spec, tag);
}

Result<SocketId, OpenError> EpollLoop::adopt(LooseSocket loose, const UdpSocketSpec& spec,
                                             uint64_t tag, bool discard_queued) {
  if (discard_queued) discard_received(loose.handle);
  return add(UdpSocket(loose.handle), spec, tag);
}

LooseSocket EpollLoop::detach(SocketId id) {
  OpenSocket* socket = sockets_.find(id);
  if (!socket) return {};
  if (queue_.uses(socket->fd)) flush();
  close_twin(id);
  if (socket->receives) ::epoll_ctl(epoll_, EPOLL_CTL_DEL, socket->fd, nullptr);
  const LooseSocket loose{socket->fd};
  sockets_.remove(id);
  return loose;
}

// What the socket has queued leaves first: its descriptor may name another one a moment later.
void EpollLoop::close(SocketId id) {
  const LooseSocket loose = detach(id);
  if (loose.handle < 0) return;
  ::close(loose.handle);
  reader_.forget(id);
}

TransportAddress EpollLoop::local_address(SocketId id) const {
  const OpenSocket* socket = sockets_.find(id);
  return socket ? socket->address : TransportAddress{};
}

void EpollLoop::send(const OutgoingDatagram& datagram) {
  const OpenSocket* socket = sockets_.find(datagram.via);
  if (!socket) {
    ++counters_.send_error_drops;
    return;
  }
  if (queue_.is_full() || datagram.ip.dont_fragment) flush();
  if (datagram.ip.dont_fragment) return send_unfragmented(*socket, datagram);
  if (socket->kind == SocketKind::relay) {
    const SocketId twin = busy_peers_.vote(datagram.via, datagram);
    if (twin.is_valid()) return queue_.add(twin, *sockets_.find(twin), datagram, pass_time_);
  }
  queue_.add(*socket, datagram, pass_time_);
}

// Closing ends epoll's watch as well.
void EpollLoop::close_twin(SocketId owner) {
  if (const SocketId twin = busy_peers_.twin_of(owner); twin.is_valid()) {
    const int fd = sockets_.find(twin)->fd;
    if (queue_.uses(fd)) flush();
    ::close(fd);
    sockets_.remove(twin);
  }
  busy_peers_.forget(owner);
  counters_.twins = busy_peers_.twins();
}

MutableBytes EpollLoop::lend(size_t size) {
  if (lent_.is_exhausted()) {
    flush();
    lent_.start_over();
  }
  return lent_.lend(size);
}

void EpollLoop::run_pass(LoopHandler& handler, Instant wake_at) {
  ++counters_.passes;
  flush();
  const auto events =
      wait(reader_.has_undelivered() ? Instant::min() : std::min(wake_at, streams_.due()));
  pass_time_ = clock_.monotonic();
  reader_.start_pass();
  read(events);
  hand_over(handler);
  flush();
  batch_wait_.on_pass(pass_time_, counters_.datagrams_in);
  connect_busy_peers(busy_peers_, sockets_, counters_, pass_time_,
                     [this](UdpSocket twin, const OpenSocket& as) {
                       return watch(std::move(twin), as).value_or(SocketId{});
                     });
  lent_.start_over();
}

void EpollLoop::flush() {
  if (queue_.empty()) return;
  counters_.send_entries = settings_.send_queue;
  counters_.sends_most = std::max<uint64_t>(counters_.sends_most, queue_.size());
  queue_.count_sent(counters_);
  const size_t runs = queue_.build().size();
  for (size_t next = 0; next < runs;) next += send_runs_from(next);
  queue_.clear();
}

void EpollLoop::wake() {
  if (wake_under_way_.exchange(true, std::memory_order_acq_rel)) return;
  const uint64_t one = 1;
  CHECK(::write(wake_event_, &one, sizeof one) == sizeof one);
}

Result<SocketId, OpenError> EpollLoop::add(UdpSocket socket, const UdpSocketSpec& spec,
                                           uint64_t tag) {
  const OpenSocket as{
      .kind = spec.kind,
      .large_buffers = spec.kind == SocketKind::listener,
      .receives = !spec.receives_later,
      .tag = tag,
      .address = spec.address.port != 0 ? TransportAddress{spec.address} : socket.local_address()};
  const auto id = watch(std::move(socket), as);
  if (!id) return Failure{OpenError::no_descriptors};  // epoll's watches are limited per user, too
  return *id;
}

std::optional<SocketId> EpollLoop::watch(UdpSocket socket, OpenSocket as) {
  as.fd = socket.fd();
  const auto id = sockets_.add(as);
  if (!id) return std::nullopt;
  if (as.receives && !watch(*id, as.fd)) {
    sockets_.remove(*id);
    return std::nullopt;
  }
  socket.release();
  return *id;
}

bool EpollLoop::watch(SocketId id, int fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = event_of(id);
  return ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0;
}

bool EpollLoop::begin_receiving(SocketId id, const UdpSocketSpec& spec) {
  OpenSocket* socket = sockets_.find(id);
  if (!socket || socket->receives) return false;
  // Watched first: where epoll has no room, the socket keeps its smallest buffer.
  if (!watch(id, socket->fd)) return false;
  const auto dropped = make_receiving(socket->fd, spec);
  if (!dropped) {
    ::epoll_ctl(epoll_, EPOLL_CTL_DEL, socket->fd, nullptr);
    return false;
  }
  socket->kernel_drops = *dropped;
  socket->receives = true;
  return true;
}

std::span<const epoll_event> EpollLoop::wait(Instant until) {
  int ready = settings_.busy_poll > Duration::zero() ? spin(until) : 0;
  if (ready == 0) {
    gather(until);
    ready = wait_for(until);
  }
  return std::span(events_).first(static_cast<size_t>(std::max(ready, 0)));
}

// A sleep that nothing ends early, for what arrives meanwhile is only looked at afterwards.
void EpollLoop::gather(Instant until) {
  const Instant now = clock_.monotonic();
  const Duration gathering = batch_wait_.gathering(now);
  if (gathering == Duration::zero() || until <= now) return;
  ++counters_.batched_waits;
  sleep_for(std::min(gathering, until - now));
}

// Whoever has a core to burn saves the way into sleep and out of it.
int EpollLoop::spin(Instant until) {
  const Instant now = clock_.monotonic();
  const Instant end = std::min(until, now + settings_.busy_poll);
  if (end <= now) return 0;
  int ready = 0;
  do {
    ++counters_.busy_polls;
    ready = wait_for(Instant::min());
  } while (ready == 0 && clock_.monotonic() < end);
  return ready;
}

// Level-triggered; the kernel moves what it reported to the end of its list, so that with more
// sockets ready than one pass can take each has its turn.
int EpollLoop::wait_for(Instant until) {
  const int most = static_cast<int>(events_.size());
  if (until == kNever) return ::epoll_wait(epoll_, events_.data(), most, -1);
  const Instant now = clock_.monotonic();
  const Duration rest = until > now ? until - now : Duration::zero();
  if (has_fine_wait_) {
    const int ready = wait_finely(rest);
    if (ready >= 0 || errno == EINTR) return ready;
    has_fine_wait_ = false;
  }
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(rest).count();
  return ::epoll_wait(epoll_, events_.data(), most,
                      static_cast<int>(std::min<int64_t>(milliseconds, 60'000)));
}

// An old kernel does not know the call (ENOSYS), an old seccomp profile refuses it (EPERM, and
// whatever else it was written to say).
int EpollLoop::wait_finely(Duration rest) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(rest);
  const timespec patience{static_cast<time_t>(seconds.count()),
                          static_cast<long>((rest - seconds).count())};
  return ::epoll_pwait2(epoll_, events_.data(), static_cast<int>(events_.size()), &patience,
                        nullptr);
}

// A train may be far longer than its socket's share, so that each time another socket is first.
void EpollLoop::read(std::span<const epoll_event> events) {
  const Shares shares = shares_of(events);
  const bool may_read = !reader_.has_undelivered();
  turn_ += may_read;
  uint32_t left = settings_.batch;
  for (size_t i = 0; i < events.size(); ++i) {
    const epoll_event& event = events[(i + turn_) % events.size()];
    if (event.data.u64 == kWakeEvent) {
      was_woken_ = true;
      continue;
    }
    if (event.data.u64 == kStreamsEvent) {
      polls_.collect(streams_);
      continue;
    }
    const SocketId id = socket_of(event.data.u64);
    OpenSocket* socket = sockets_.find(id);
    if (!socket) continue;
    if (event.events & EPOLLERR) read_errors(id, *socket);
    if (!(event.events & EPOLLIN) || !may_read || left == 0) continue;
    const uint32_t share = socket->kind == SocketKind::listener ? shares.listener : shares.relay;
    left -= std::min(left, reader_.read(id, *socket, std::min(share, left)));
  }
}

// A listener speaks for many clients, a relay socket for one: where both are ready, the listeners
// share one half of the batch and the relay sockets the other.
EpollLoop::Shares EpollLoop::shares_of(std::span<const epoll_event> events) {
  uint32_t listeners = 0;
  uint32_t relays = 0;
  for (const epoll_event& event : events) {
    const OpenSocket* socket = sockets_.find(socket_of(event.data.u64));
    if (!socket || !(event.events & EPOLLIN)) continue;
    ++(socket->kind == SocketKind::listener ? listeners : relays);
  }
  const uint32_t part = listeners > 0 && relays > 0 ? settings_.batch / 2 : settings_.batch;
  return {std::max(1u, part / std::max(1u, listeners)), std::max(1u, part / std::max(1u, relays))};
}

void EpollLoop::read_errors(SocketId id, const OpenSocket& socket) {
  const std::span room = std::span(errors_).subspan(errors_read_);
  const auto result =
      read_error_queue(socket.fd, room.first(std::min(room.size(), kIcmpErrorsPerSocket)));
  for (size_t i = 0; i < result.errors; ++i) {
    room[i].socket = socket.owner.is_valid() ? socket.owner : id;
    room[i].tag = socket.tag;
  }
  errors_read_ += result.errors;
}

// The handler may close any socket while it is told of another.
void EpollLoop::hand_over(LoopHandler& handler) {
  if (const auto batch = reader_.deliver(); !batch.empty()) handler.on_datagrams(batch);
  for (const IcmpError& error : std::span(errors_).first(std::exchange(errors_read_, 0))) {
    if (!sockets_.find(error.socket)) continue;
    ++counters_.icmp_errors;
    handler.on_icmp_error(error);
  }
  streams_.hand_over(handler, pass_time_);
  if (take_wakes()) handler.on_wake();
}

// A wake() from here on is another pass's; whoever called one before is heard in this.
bool EpollLoop::take_wakes() {
  if (!std::exchange(was_woken_, false)) return false;
  uint64_t wakes = 0;
  CHECK(::read(wake_event_, &wakes, sizeof wakes) == sizeof wakes);
  wake_under_way_.exchange(false, std::memory_order_acq_rel);
  return true;
}

// Sends consecutive runs of one socket in one call. Returns how many are dealt with.
size_t EpollLoop::send_runs_from(size_t first) {
  const auto runs = queue_.runs();
  size_t end = first + 1;
  while (end < runs.size() && runs[end].fd == runs[first].fd) ++end;
  for (int repeats = 0;; ++repeats) {
    const int sent = ::sendmmsg(runs[first].fd, &queue_.messages()[first],
                                static_cast<unsigned>(end - first), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) return static_cast<size_t>(sent);
    switch (const SendFate fate = queue_.fate_of(runs[first], errno, repeats, pass_time_)) {
      case SendFate::repeat:
        ++counters_.send_soft_retries;
        continue;
      case SendFate::send_singly:
        ++counters_.gso_refused;
        send_singly(runs[first]);
        return 1;
      case SendFate::drop_blocked:
      case SendFate::drop_failed:
        SendQueue::take_back(runs[first], counters_);
        count_dropped(fate, runs[first].datagrams);
        return 1;
    }
  }
}

void EpollLoop::send_singly(const SendRun& run) {
  SendQueue::take_back(run, counters_);
  queue_.for_each_single(run, [&](const msghdr& message, size_t bytes) {
    for (int repeats = 0;; ++repeats) {
      if (::sendmsg(run.fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) {
        ++counters_.datagrams_out;
        counters_.bytes_out += bytes;
        return;
      }
      const SendFate fate = SendQueue::fate_of_single(errno, repeats);
      if (fate != SendFate::repeat) return count_dropped(fate, 1);
      ++counters_.send_soft_retries;
    }
  });
}

void EpollLoop::count_dropped(SendFate fate, uint64_t datagrams) {
  (fate == SendFate::drop_blocked ? counters_.send_would_block_drops
                                  : counters_.send_error_drops) += datagrams;
}

// Alone between two changes of the socket's own DF on IPv4; IPv6 has a control message for it.
void EpollLoop::send_unfragmented(const OpenSocket& socket, const OutgoingDatagram& datagram) {
  const bool is_v4 = socket.address.ip.is_v4();
  if (is_v4) set_dont_fragment(socket.fd, true);
  queue_.add(socket, datagram, pass_time_);
  flush();
  if (is_v4) set_dont_fragment(socket.fd, false);
}

Result<std::unique_ptr<Loop>, std::string> try_epoll_loop(const LoopSettings& settings) {
  const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  const int stream_epoll = ::epoll_create1(EPOLL_CLOEXEC);
  const int epoll_error = errno;
  const int wake_event = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  const int wake_error = errno;
  if (epoll >= 0 && stream_epoll >= 0 && wake_event >= 0) {
    return std::unique_ptr<Loop>(
        std::make_unique<EpollLoop>(settings, epoll, stream_epoll, wake_event));
  }
  for (const int fd : {epoll, stream_epoll, wake_event}) {
    if (fd >= 0) ::close(fd);
  }
  if (epoll < 0 || stream_epoll < 0)
    return Failure{std::string("epoll_create1: ") + std::strerror(epoll_error)};
  return Failure{std::string("eventfd: ") + std::strerror(wake_error)};
}

std::unique_ptr<Loop> make_epoll_loop(const LoopSettings& settings) {
  auto loop = try_epoll_loop(settings);
  return loop ? std::move(*loop) : nullptr;
}

}  // namespace uturn
