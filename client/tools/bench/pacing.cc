// Pacing: schedules by number, and a window by slices of time.
#include "client/tools/bench/pacing.h"

#include <cmath>

namespace uturn {

TurnSchedule::TurnSchedule(double turns_per_second, uint32_t packets, uint32_t payload,
                           uint32_t allocations, Instant start)
    : nanoseconds_per_turn_(1e9 / turns_per_second),
      packets_(packets),
      payload_(payload),
      allocations_(allocations),
      start_(start) {
  CHECK(turns_per_second > 0 && allocations > 0);
}

Turn TurnSchedule::take() {
  const Turn turn{static_cast<uint32_t>(next_ % allocations_), packets_, payload_, next_at()};
  ++next_;
  return turn;
}

uint64_t TurnSchedule::due_before(Instant end) const {
  if (end <= next_at()) return 0;
  const double turns =
      std::ceil(static_cast<double>((end - start_).count()) / nanoseconds_per_turn_);
  return static_cast<uint64_t>(turns) - next_;
}

Instant TurnSchedule::at(uint64_t turn) const {
  return start_ + Duration{static_cast<int64_t>(static_cast<double>(turn) * nanoseconds_per_turn_)};
}

OpenLoopPacer::OpenLoopPacer(const BenchOptions& options, uint32_t allocations, Instant start) {
  const auto add = [&](double turns_per_second, uint32_t packets, uint32_t payload) {
    schedules_.emplace_back(turns_per_second, packets, payload, allocations, start);
  };
  if (options.rate) {
    const double share = static_cast<double>(allocations) / options.allocations;
    add(*options.rate * share / options.burst, options.burst, options.payload);
  }
  if (options.frames) {
    add(double{1} * options.frames->per_second * allocations, options.frames->packets,
        options.payload);
  }
  if (options.audio_rate > 0) add(double{1} * options.audio_rate * allocations, 1, kAudioPayload);
}

std::optional<Turn> OpenLoopPacer::take_due(Instant now) {
  const auto earliest = std::ranges::min_element(schedules_, {}, &TurnSchedule::next_at);
  if (earliest == schedules_.end() || earliest->next_at() > now) return std::nullopt;
  return earliest->take();
}

Instant OpenLoopPacer::next_at() const {
  Instant next = kNever;
  for (const TurnSchedule& schedule : schedules_) next = std::min(next, schedule.next_at());
  return next;
}

uint64_t OpenLoopPacer::packets_due_before(Instant end) const {
  uint64_t packets = 0;
  for (const TurnSchedule& schedule : schedules_) {
    packets += schedule.due_before(end) * schedule.packets();
  }
  return packets;
}

void OutstandingWindow::sent(Instant at, uint32_t packets) {
  Slice& slice = find(slice_of(at));
  if (slice.number != slice_of(at)) {
    outstanding_ -= slice.outstanding;  // of a time so long ago that it shares the place
    slice = {slice_of(at), 0};
  }
  slice.outstanding += packets;
  outstanding_ += packets;
}

void OutstandingWindow::received(Instant sent_at) {
  Slice& slice = find(slice_of(sent_at));
  if (slice.number != slice_of(sent_at) || slice.outstanding == 0) return;  // given up before
  --slice.outstanding;
  --outstanding_;
}

void OutstandingWindow::expire(Instant now) {
  const int64_t oldest = slice_of(now - kPatience);
  for (Slice& slice : slices_) {
    if (slice.number >= oldest || slice.outstanding == 0) continue;
    outstanding_ -= slice.outstanding;
    slice.outstanding = 0;
  }
}

}  // namespace uturn
