// Setting up and entering an io_uring by liburing 2.3, which is what Debian 12 has.
#include "io/uring_ring.h"

#include <algorithm>
#include <cerrno>

#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif

namespace uturn {
namespace {

// liburing maps and unmaps by system calls that the thread sanitizer does not see. Where another
// thread's ring gets the addresses of one that has ended, the end came before the beginning.
[[maybe_unused]] char ring_memory;
void on_ring_memory_gone() {
#if defined(__SANITIZE_THREAD__)
  __tsan_release(&ring_memory);
#endif
}
void on_ring_memory_mapped() {
#if defined(__SANITIZE_THREAD__)
  __tsan_acquire(&ring_memory);
#endif
}

constexpr uint32_t kFewestCompletions = 4'096;

int set_up(io_uring& ring, uint32_t submissions, uint32_t completions) {
  io_uring_params params{};
  params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_R_DISABLED |
                 IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;
  params.cq_entries = completions;
  return io_uring_queue_init_params(submissions, &ring, &params);
}

__kernel_timespec timespec_of(Duration duration) {
  return {.tv_sec = duration / 1s, .tv_nsec = (duration % 1s).count()};
}

}  // namespace

Result<std::unique_ptr<Ring>, std::string> Ring::create(uint32_t submissions,
                                                        uint32_t completions) {
  auto ring = std::unique_ptr<Ring>(new Ring);
  completions = std::max(completions, kFewestCompletions);  // never fewer than submissions
  int error = set_up(ring->ring_, submissions, completions);
  while (error == -ENOMEM && completions > kFewestCompletions) {
    completions /= 2;
    error = set_up(ring->ring_, submissions, completions);
  }
  on_ring_memory_mapped();
  if (error == 0) return ring;
  ring->ring_.ring_fd = -1;
  return Failure{std::string("io_uring_setup: ") + std::strerror(-error)};
}

Ring::~Ring() {
  on_ring_memory_gone();
  if (ring_.ring_fd >= 0) io_uring_queue_exit(&ring_);
}

// liburing 2.3 declares io_uring_enable_rings() but does not export it.
void Ring::enable() {
  CHECK(io_uring_register(static_cast<unsigned>(ring_.ring_fd), IORING_REGISTER_ENABLE_RINGS,
                          nullptr, 0) == 0);
  // Saves a descriptor look-up per entry into the kernel; a thread has room for 16 of them.
  io_uring_register_ring_fd(&ring_);
}

io_uring_sqe& Ring::next_entry() {
  io_uring_sqe* entry = io_uring_get_sqe(&ring_);
  if (!entry) {
    submit();
    entry = io_uring_get_sqe(&ring_);
  }
  CHECK(entry);
  return *entry;
}

// The kernel may take a part only (it lacks memory for requests, or wants the overflown completions
// fetched first); what is submitted refers to this pass's buffers, so nothing may be left behind.
void Ring::submit() {
  while (io_uring_sq_ready(&ring_) > 0) {
    const int taken = io_uring_submit(&ring_);
    CHECK(taken >= 0 || passes_by_itself(taken));
    if (taken < 0) enter(io_uring_get_events(&ring_));
  }
}

void Ring::poll() {
  submit();
  enter(io_uring_get_events(&ring_));
}

void Ring::wait(Duration timeout, uint32_t completions) {
  io_uring_cqe* first = nullptr;
  if (timeout == Duration::max()) {
    enter(io_uring_submit_and_wait(&ring_, completions));
  } else {
    __kernel_timespec time = timespec_of(timeout);
    enter(io_uring_submit_and_wait_timeout(&ring_, &first, completions, &time, nullptr));
  }
  submit();  // the rest, where the kernel took a part only
}

// While it waits for several, completions wake nobody: they are work that is put off until there is
// enough of it or the time is over.
void Ring::wait_for_batch(uint32_t enough, Duration gathering, Duration timeout) {
  wait(std::min(gathering, timeout), enough);
  if (timeout <= gathering || io_uring_cq_ready(&ring_) > 0 || has_overflow()) return;
  wait(timeout == Duration::max() ? timeout : timeout - gathering);
}

void Ring::enter(int result) {
  CHECK(result >= 0 || result == -ETIME || passes_by_itself(result));
  if (has_overflow()) ++kept_;
}

// No memory for requests, completions to be fetched first, a signal; and EBADR: completions were
// lost for want of memory, which take_overflows() tells. Anything else would be so for ever.
bool Ring::passes_by_itself(int result) {
  return result == -EAGAIN || result == -EBUSY || result == -EINTR || result == -EBADR;
}

Ring::Overflows Ring::take_overflows() {
  const uint32_t dropped = *ring_.cq.koverflow;
  const uint32_t lost = dropped - std::exchange(dropped_seen_, dropped);  // wraps with it
  return {std::exchange(kept_, 0), lost};
}

}  // namespace uturn
