// Queueing for a slow client, and dropping what cannot wait.
#include "server/streams/outgoing_queue.h"

namespace uturn {

bool OutgoingQueue::push(const OutgoingMessage& message, Droppable droppable, Now now) {
  drop_old(now);
  const size_t size = message.size();
  if (undroppable_bytes() + size > shared_->max_bytes) {
    ++shared_->dropped_full;
    return false;
  }
  while (bytes() + size > shared_->max_bytes) {
    data_.drop_oldest();
    ++shared_->dropped_full;
  }
  MessageFifo& fifo = droppable == Droppable::yes ? data_ : answers_;
  if (fifo.push(message, now.monotonic)) return true;
  ++shared_->dropped_without_block;
  return false;
}

size_t OutgoingQueue::gather(std::span<Bytes> spans, size_t most, Now now) {
  drop_old(now);
  Gathering gathering{spans, most};
  answers_.gather_begun(gathering);  // of the two, at most one has begun
  data_.gather_begun(gathering);
  answers_.gather_waiting(gathering);
  data_.gather_waiting(gathering);
  return gathering.count;
}

void OutgoingQueue::sent(size_t count) {
  count = answers_.sent_begun(count);
  count = data_.sent_begun(count);
  count = answers_.sent(count);
  count = data_.sent(count);
  CHECK(count == 0);
}

void OutgoingQueue::drop_old(Now now) {
  while (is_past(next_drop(), now)) {
    data_.drop_oldest();
    ++shared_->dropped_old;
  }
}

Instant OutgoingQueue::next_drop() const {
  return data_.empty() ? kNever : data_.oldest() + shared_->max_age;
}

}  // namespace uturn
