// Arming, ending and arming anew.
#include "io/uring_polls.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <span>
#include <utility>

namespace uturn {

UringPolls::UringPolls(uint32_t max_streams) : polls_(max_streams), next_doubted_(max_streams) {
  CHECK(max_streams <= kMaxRingSlots);
  wanting_.reserve(max_streams);
}

void UringPolls::begin(SocketId id, int fd) {
  Poll& poll = polls_[id.slot];
  CHECK(poll.fd < 0);
  poll = Poll{.fd = fd, .generation = id.generation};
  want_arming(id, poll);
}

void UringPolls::end(SocketId id) {
  Poll* poll = find(id);
  CHECK(poll && !poll->armed);
  if (poll->wants_arming) std::erase(wanting_, id);
  *poll = Poll{};
}

bool UringPolls::is_armed(SocketId id) const {
  const Poll* poll = const_cast<UringPolls*>(this)->find(id);
  return poll && poll->armed;
}

void UringPolls::prepare_cancel(Ring& ring, SocketId id) {
  io_uring_sqe& entry = ring.next_entry();
  io_uring_prep_cancel64(&entry, UserData{RingRequest::poll, id}.encode(), 0);
  io_uring_sqe_set_data64(&entry, UserData{RingRequest::cancel_poll, id}.encode());
  io_uring_sqe_set_flags(&entry, IOSQE_CQE_SKIP_SUCCESS);
}

void UringPolls::arm_wanting(Ring& ring) {
  const size_t count = std::min(wanting_.size(), kArmedPerPass);
  for (const SocketId id : std::span(wanting_).first(count)) {
    Poll& poll = *find(id);
    io_uring_sqe& entry = ring.next_entry();
    io_uring_prep_poll_multishot(&entry, poll.fd, POLLIN | POLLOUT | POLLRDHUP);
    io_uring_sqe_set_data64(&entry, UserData{RingRequest::poll, id}.encode());
    poll.wants_arming = false;
    poll.armed = true;
    poll.armed_in = round_;
  }
  wanting_.erase(wanting_.begin(), wanting_.begin() + static_cast<std::ptrdiff_t>(count));
  ++round_;
}

std::optional<uint32_t> UringPolls::on_completion(SocketId id, const io_uring_cqe& completion) {
  Poll* poll = find(id);
  if (!poll) return std::nullopt;
  if (!(completion.flags & IORING_CQE_F_MORE)) {
    poll->armed = false;
    want_arming(id, *poll);
  }
  if (completion.res < 0) return std::nullopt;
  return static_cast<uint32_t>(completion.res);
}

void UringPolls::question_doubted(Ring& ring) {
  const size_t end = std::min(next_doubted_ + kDoubtedPerPass, polls_.size());
  for (; next_doubted_ < end; ++next_doubted_) {
    const Poll& poll = polls_[next_doubted_];
    if (!poll.armed || !is_doubted(poll)) continue;
    prepare_cancel(ring, {static_cast<uint32_t>(next_doubted_), poll.generation});
  }
}

// The end of a poll is completed before its cancellation can find nothing; so where it is still
// thought to be armed, that completion was lost.
void UringPolls::on_cancel_refused(SocketId id, int result) {
  Poll* poll = find(id);
  if (result != -ENOENT || !poll || !poll->armed || !is_doubted(*poll)) return;
  poll->armed = false;
  want_arming(id, *poll);
}

UringPolls::Poll* UringPolls::find(SocketId id) {
  if (id.slot >= polls_.size()) return nullptr;
  Poll& poll = polls_[id.slot];
  return poll.fd >= 0 && poll.generation == id.generation ? &poll : nullptr;
}

void UringPolls::want_arming(SocketId id, Poll& poll) {
  if (!std::exchange(poll.wants_arming, true)) wanting_.push_back(id);
}

}  // namespace uturn
