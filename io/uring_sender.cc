// Sends in one submission; the few that failed again, by plain sendmsg.
#include "io/uring_sender.h"

#include <cerrno>

namespace uturn {

UringSender::UringSender(const LoopSettings& settings, UringReceiver& receiver,
                         LoopCounters& counters)
    : receiver_(receiver), counters_(counters), queue_(settings.send_queue, settings.gso) {
  counters_.send_entries = settings.send_queue;
  CHECK(settings.send_queue <= kMaxRingSlots);
  failures_.reserve(settings.send_queue);
  completed_.reserve(settings.send_queue);
}

void UringSender::submit(Ring& ring) {
  const auto runs = queue_.build();
  const auto messages = queue_.messages();
  for (uint32_t i = 0; i < runs.size(); ++i) {
    io_uring_sqe& entry = ring.next_entry();
    io_uring_prep_sendmsg(&entry, runs[i].fd, &messages[i].msg_hdr, MSG_DONTWAIT | MSG_NOSIGNAL);
    io_uring_sqe_set_data64(&entry, UserData{RingRequest::send, {i, 0}}.encode());
  }
  queue_.count_sent(counters_);
  under_way_ = static_cast<uint32_t>(runs.size());
  completed_.assign(runs.size(), false);
  ring.submit();
}

void UringSender::on_completion(uint32_t run, int result) {
  CHECK(under_way_ > 0);
  --under_way_;
  completed_[run] = true;
  if (result < 0) failures_.push_back({run, -result});
}

void UringSender::on_completions_lost() {
  for (uint32_t run = 0; under_way_ > 0; ++run) {
    if (completed_[run]) continue;
    drop(queue_.runs()[run], SendFate::drop_failed);
    --under_way_;
  }
}

void UringSender::settle(Instant now) {
  CHECK(under_way_ == 0);
  for (const FailedSend& failure : failures_) {
    repair(queue_.runs()[failure.run], queue_.messages()[failure.run].msg_hdr, failure.error, now);
  }
  failures_.clear();
  queue_.clear();
}

void UringSender::repair(const SendRun& run, const msghdr& message, int error, Instant now) {
  for (int repeats = 0;; ++repeats) {
    switch (const SendFate fate = queue_.fate_of(run, error, repeats, now)) {
      case SendFate::repeat:
        count_soft_error(run);
        break;
      case SendFate::send_singly:
        ++counters_.gso_refused;
        return send_singly(run);
      case SendFate::drop_blocked:
      case SendFate::drop_failed:
        return drop(run, fate);
    }
    if (::sendmsg(run.fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return;
    error = errno;
  }
}

void UringSender::send_singly(const SendRun& run) {
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
      count_soft_error(run);
    }
  });
}

// By failing, the send took the pending error; what it was about stands in the socket's error
// queue.
void UringSender::count_soft_error(const SendRun& run) {
  ++counters_.send_soft_retries;
  receiver_.add_troubled(run.via);
}

void UringSender::drop(const SendRun& run, SendFate fate) {
  SendQueue::take_back(run, counters_);
  count_dropped(fate, run.datagrams);
}

void UringSender::count_dropped(SendFate fate, uint64_t datagrams) {
  (fate == SendFate::drop_blocked ? counters_.send_would_block_drops
                                  : counters_.send_error_drops) += datagrams;
}

}  // namespace uturn
