// One pass enters the kernel twice: once to arm, to wait and to let completions arrive, and once to
// send. Everything between is this thread's alone.
#include "io/uring_loop.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <thread>

#include "io/error_queue.h"
#include "io/twins.h"
#include "io/uring_loop_class.h"

namespace uturn {
namespace {

constexpr uint32_t kSubmissions = 1'024;
constexpr UserData kWakeRead{RingRequest::wake, {0, 0}};
constexpr size_t kErrorsPerSocket = 16;  // read at a time
// What recent kernels complete in one entry (IO_LOCAL_TW_DEFAULT_MAX) before they return; where so
// many sockets were ready, more may be.
constexpr size_t kWorkPerEntry = 20;

}  // namespace

UringLoop::UringLoop(const LoopSettings& settings)
    : settings_(settings),
      batch_wait_(settings.busy_poll > 0ns ? 0ns : settings.batch_wait, settings.batch),
      sockets_(settings.max_sockets),
      receiver_(settings, sockets_, counters_),
      sender_(settings, receiver_, counters_),
      busy_peers_(settings.max_sockets, settings.twins),
      polls_(settings.max_streams),
      streams_(settings, *this, counters_),
      lent_(settings.send_queue),
      pass_began_(clock_.monotonic()),
      wake_fd_(::eventfd(0, EFD_CLOEXEC)) {
  CHECK(settings.max_sockets <= kMaxRingSlots);
  errors_.reserve(settings.icmp_errors_per_pass);
  errors_handed_over_.reserve(settings.icmp_errors_per_pass);
}

// The completion queue holds a completion for each buffer, the end and the cancellation of each
// socket's receive, an event of each stream, each send of a flush, and the wake. More than that is
// rare (a stream that was ready twice before it was asked), and what the kernel then keeps ends
// polls, which are armed anew.
Result<std::unique_ptr<UringLoop>, std::string> UringLoop::create(const LoopSettings& settings) {
  auto loop = std::unique_ptr<UringLoop>(new UringLoop(settings));
  if (loop->wake_fd_ < 0) return Failure{std::string("eventfd: ") + std::strerror(errno)};
  const size_t completions = loop->receiver_.buffer_count() + 2 * size_t{settings.max_sockets} +
                             size_t{settings.max_streams} + settings.send_queue + 1;
  auto ring = Ring::create(kSubmissions, static_cast<uint32_t>(completions));
  if (!ring) return Failure{ring.error()};
  loop->ring_ = std::move(*ring);
  loop->counters_.completion_entries = loop->ring_->completion_entries();
  loop->counters_.buffers = loop->receiver_.buffer_count();
  if (const int error = loop->receiver_.register_with(*loop->ring_); error < 0) {
    return Failure{std::string("mapping or registering the receive buffers: ") +
                   std::strerror(-error)};
  }
  return loop;
}

// A ring's end cancels its requests some time later, and until then their sockets stay bound; so
// they are cancelled here. Where the owner's thread ended before, that already did it.
UringLoop::~UringLoop() {
  const bool is_owner = owner_ == std::this_thread::get_id();
  sockets_.for_each([&](SocketId id, const OpenSocket& socket) {
    if (receiver_.is_departing(id)) return;
    if (is_owner) stop_receiving(id);
    ::close(socket.fd);
  });
  if (is_owner) streams_.unwatch_all();
  ring_.reset();
  if (wake_fd_ >= 0) ::close(wake_fd_);
}

void UringLoop::start() {
  owner_ = std::this_thread::get_id();
  ring_->enable();
  if (settings_.batch_wait > 0ns) make_sleeps_precise();
}

bool UringLoop::watch(SocketId stream, int fd) {
  polls_.begin(stream, fd);
  return true;
}

// As with a receive: with the poll's end the connection ends when its descriptor is closed.
void UringLoop::unwatch(SocketId stream, int) {
  while (polls_.is_armed(stream)) {
    polls_.prepare_cancel(*ring_, stream);
    ring_->poll();
    collect();
  }
  polls_.end(stream);
}

void UringLoop::run_pass(LoopHandler& handler, Instant wake_at) {
  ++counters_.passes;
  flush();
  wait(wake_at);
  pass_began_ = clock_.monotonic();
  read_error_queues();
  hand_over(handler);
  flush();
  batch_wait_.on_pass(pass_began_, counters_.datagrams_in);
  connect_busy_peers(busy_peers_, sockets_, counters_, pass_began_,
                     [this](UdpSocket twin, const OpenSocket& as) {
                       return watch(std::move(twin), as).value_or(SocketId{});
                     });
  receiver_.give_back();
  lent_.start_over();
}

// What arrived already is handled first: the kernel is asked for more only when less than a batch
// is left, so that a flood neither fills the queue of arrivals nor delays it without end.
void UringLoop::wait(Instant wake_at) {
  if (receiver_.arrived() >= settings_.batch) return;
  receiver_.question_doubted(*ring_);
  receiver_.arm_wanting(*ring_);
  polls_.question_doubted(*ring_);
  polls_.arm_wanting(*ring_);
  arm_wake();
  wake_at = std::min(wake_at, streams_.due());
  const Duration left = time_until(wake_at);
  size_t before = found();
  if (has_work() || left <= Duration::zero()) {
    ring_->poll();
  } else if (settings_.busy_poll > Duration::zero()) {
    spin(wake_at);
  } else {
    sleep(left);
  }
  collect();
  while (found() >= before + kWorkPerEntry && receiver_.arrived() < settings_.batch) {
    before = found();
    ring_->poll();
    collect();
  }
}

Duration UringLoop::time_until(Instant wake_at) const {
  return wake_at == kNever ? Duration::max() : wake_at - clock_.monotonic();
}

// Waking for as many as the rate lets expect would end half of the gatherings early, and the
// wake-ups cost more than the others save: so it is for as many as a pass handles.
void UringLoop::sleep(Duration left) {
  const Duration gathering = batch_wait_.gathering(clock_.monotonic());
  if (gathering == Duration::zero()) return ring_->wait(left);
  ++counters_.batched_waits;
  ring_->wait_for_batch(settings_.batch, gathering, left);
}

// Whoever has a core to burn saves the way into sleep and out of it.
void UringLoop::spin(Instant wake_at) {
  const Instant end = std::min(wake_at, clock_.monotonic() + settings_.busy_poll);
  do {
    ++counters_.busy_polls;
    ring_->poll();
    collect();
  } while (!has_work() && clock_.monotonic() < end);
  const Duration left = time_until(wake_at);
  if (!has_work() && left > Duration::zero()) ring_->wait(left);
}

void UringLoop::arm_wake() {
  if (std::exchange(wake_armed_, true)) return;
  io_uring_sqe& entry = ring_->next_entry();
  io_uring_prep_read(&entry, wake_fd_, &wake_count_, sizeof wake_count_, 0);
  io_uring_sqe_set_data64(&entry, kWakeRead.encode());
}

bool UringLoop::has_work() const {
  return receiver_.arrived() > 0 || receiver_.has_trouble() || receiver_.has_wanting() ||
         receiver_.has_doubted() || polls_.has_wanting() || polls_.has_doubted() ||
         streams_.ready() > 0 || !errors_.empty() || woken_;
}

// Returns how many completions were found to be lost.
uint64_t UringLoop::collect() {
  const uint32_t taken = ring_->for_each_completion([this](const io_uring_cqe& completion) {
    const UserData data = UserData::decode(completion.user_data);
    switch (data.request) {
      case RingRequest::receive_small:
      case RingRequest::receive_large:
        return receiver_.on_completion(data, completion);
      case RingRequest::send:
        return sender_.on_completion(data.socket.slot, completion.res);
      case RingRequest::wake:
      case RingRequest::cancel_wake:  // there was no read any more: its completion was lost
        wake_armed_ = false;
        woken_ = true;
        return;
      case RingRequest::cancel:
        return receiver_.on_cancel_refused(data.socket, completion.res);
      case RingRequest::poll:
        if (const auto events = polls_.on_completion(data.socket, completion)) {
          streams_.on_ready(data.socket, *events);
        }
        return;
      case RingRequest::cancel_poll:
        return polls_.on_cancel_refused(data.socket, completion.res);
    }
  });
  counters_.completions += taken;
  counters_.completions_most = std::max<uint64_t>(counters_.completions_most, taken);
  const auto [kept, lost] = ring_->take_overflows();
  counters_.completions_late += kept;
  counters_.completions_lost += lost;
  if (lost > 0) on_completions_lost();
  return lost;
}

// Whatever was armed is armed anew, and somebody may have called wake().
void UringLoop::on_completions_lost() {
  receiver_.on_completions_lost();
  polls_.on_completions_lost();
  if (!wake_armed_) return;
  io_uring_sqe& entry = ring_->next_entry();
  io_uring_prep_cancel64(&entry, kWakeRead.encode(), 0);
  io_uring_sqe_set_data64(&entry, UserData{RingRequest::cancel_wake, {0, 0}}.encode());
  io_uring_sqe_set_flags(&entry, IOSQE_CQE_SKIP_SUCCESS);
}

// The handler may close any socket while it is told of another, and its own sends may meet new
// errors.
void UringLoop::hand_over(LoopHandler& handler) {
  counters_.buffers_held_most =
      std::max<uint64_t>(counters_.buffers_held_most, receiver_.arrived());
  const auto batch = receiver_.take_batch();
  move_outgrown();
  if (!batch.empty()) handler.on_datagrams(batch);

  errors_handed_over_.swap(errors_);
  for (const IcmpError& error : errors_handed_over_) {
    if (!find(error.socket)) continue;
    ++counters_.icmp_errors;
    handler.on_icmp_error(error);
  }
  errors_handed_over_.clear();
  streams_.hand_over(handler, pass_began_);

  if (!std::exchange(woken_, false)) return;
  // Acquires as well: what a caller of wake() wrote before it found one under way is seen here.
  wake_under_way_.exchange(false, std::memory_order_acq_rel);
  handler.on_wake();
}

void UringLoop::move_outgrown() {
  for (const SocketId id : receiver_.outgrown()) {
    if (const OpenSocket* socket = find(id)) {
      stop_receiving(id);
      if (settings_.gro) receive_trains(socket->fd);
    }
    receiver_.move_to_large(id);
  }
}

void UringLoop::wake() {
  if (wake_under_way_.exchange(true, std::memory_order_acq_rel)) return;
  const uint64_t one = 1;
  CHECK(::write(wake_fd_, &one, sizeof one) == sizeof one);
}

// Round by round, so that one socket's errors do not use up the passes of the others.
void UringLoop::read_error_queues() {
  receiver_.visit_troubled([this](SocketId id) { take_errors(id); },
                           [this] { return errors_.size() < settings_.icmp_errors_per_pass; });
}

void UringLoop::take_errors(SocketId id) {
  const OpenSocket* socket = find(id);
  if (!socket) return;
  const size_t known = errors_.size();
  std::array<IcmpError, kErrorsPerSocket> read;
  const size_t room = std::min<size_t>(read.size(), settings_.icmp_errors_per_pass - known);
  const ErrorQueueRead result = read_error_queue(socket->fd, std::span(read).first(room));
  for (size_t i = 0; i < result.errors; ++i) {
    read[i].socket = socket->owner.is_valid() ? socket->owner : id;
    read[i].tag = socket->tag;
    errors_.push_back(read[i]);
  }
  if (result.exhausted) {
    receiver_.end_trouble(id);
  } else {
    receiver_.add_troubled(id);
  }
}

void UringLoop::send(const OutgoingDatagram& datagram) {
  const OpenSocket* socket = find(datagram.via);
  if (!socket) {
    ++counters_.send_error_drops;
    return;
  }
  if (sender_.queue().is_full() || datagram.ip.dont_fragment) flush();
  if (datagram.ip.dont_fragment) return send_unfragmented(*socket, datagram);
  if (socket->kind == SocketKind::relay) {
    const SocketId twin = busy_peers_.vote(datagram.via, datagram);
    if (twin.is_valid()) {
      return sender_.queue().add(twin, *sockets_.find(twin), datagram, pass_began_);
    }
  }
  sender_.queue().add(*socket, datagram, pass_began_);
}

// Alone between two changes of the socket's own DF on IPv4; IPv6 has a control message for it.
void UringLoop::send_unfragmented(const OpenSocket& socket, const OutgoingDatagram& datagram) {
  const bool is_v4 = socket.address.ip.is_v4();
  if (is_v4) set_dont_fragment(socket.fd, true);
  sender_.queue().add(socket, datagram, pass_began_);
  flush();
  if (is_v4) set_dont_fragment(socket.fd, false);
}

MutableBytes UringLoop::lend(size_t size) {
  if (lent_.is_exhausted()) {
    flush();
    lent_.start_over();
  }
  return lent_.lend(size);
}

void UringLoop::flush() {
  if (sender_.queue().empty()) return;
  counters_.sends_most = std::max<uint64_t>(counters_.sends_most, sender_.queue().size());
  sender_.submit(*ring_);
  bool any_lost = collect() > 0;
  while (sender_.under_way() > 0 && !any_lost) {
    ring_->wait(Duration::max());
    any_lost = collect() > 0;
  }
  if (any_lost) give_up_lost_sends();
  sender_.settle(pass_began_);
}

// Sends complete within submit(), so that whatever was not lost is in the queue or kept for it.
void UringLoop::give_up_lost_sends() {
  do {
    ring_->poll();
    collect();
  } while (ring_->has_overflow());
  sender_.on_completions_lost();
}

Result<std::unique_ptr<Loop>, std::string> try_uring_loop(const LoopSettings& settings) {
  auto loop = UringLoop::create(settings);
  if (!loop) return Failure{loop.error()};
  return std::unique_ptr<Loop>(std::move(*loop));
}

std::unique_ptr<Loop> make_uring_loop(const LoopSettings& settings) {
  auto loop = try_uring_loop(settings);
  return loop ? std::move(*loop) : nullptr;
}

}  // namespace uturn
