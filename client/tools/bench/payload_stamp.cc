// PayloadStamp: written, read, turned back, and counted once.
#include "client/tools/bench/payload_stamp.h"

namespace uturn {

void write_stamp(std::span<uint8_t, kStampSize> out, const PayloadStamp& stamp) {
  store_be32(&out[0], stamp.run);
  store_be32(&out[4], stamp.flow);
  store_be32(&out[8], stamp.sequence);
  store_be32(&out[12], stamp.turned_after);
  store_be64(&out[16], static_cast<uint64_t>(stamp.time.time_since_epoch().count()));
}

std::optional<PayloadStamp> read_stamp(Bytes payload, uint32_t run) {
  if (payload.size() < kStampSize || load_be32(&payload[0]) != run) return std::nullopt;
  const auto time = static_cast<int64_t>(load_be64(&payload[16]));
  return PayloadStamp{.run = run,
                      .flow = load_be32(&payload[4]),
                      .sequence = load_be32(&payload[8]),
                      .turned_after = load_be32(&payload[12]),
                      .time = Instant{Duration{time}}};
}

void turn_stamp(MutableBytes payload, const PayloadStamp& stamp, Instant now) {
  CHECK(payload.size() >= kStampSize);
  const auto after = std::clamp<int64_t>((now - stamp.time).count(), 1, UINT32_MAX);
  store_be32(&payload[12], static_cast<uint32_t>(after));
}

SequenceWindow::Verdict SequenceWindow::take(uint32_t sequence) {
  const uint64_t bit = uint64_t{1} << sequence % 64;
  if (sequence >= next_) {
    clear_up_to(sequence);
    word_of(sequence) |= bit;
    next_ = uint64_t{sequence} + 1;
    return Verdict::in_order;
  }
  // The words are a ring: the one that the highest number is in may have room above it, and what
  // that room once meant is out of the window.
  const uint64_t oldest_word = next_ <= kSize ? 0 : (next_ - 1) / 64 + 1 - seen_.size();
  if (sequence / 64 < oldest_word) return Verdict::too_old;
  uint64_t& word = word_of(sequence);
  if ((word & bit) != 0) return Verdict::duplicate;
  word |= bit;
  return Verdict::reordered;
}

void SequenceWindow::clear_up_to(uint32_t sequence) {
  const uint64_t first = (next_ + 63) / 64;  // the first word that has no number yet
  const uint64_t last = sequence / 64;
  if (last < first) return;
  if (last - first >= seen_.size()) {
    seen_.fill(0);
    return;
  }
  for (uint64_t word = first; word <= last; ++word) seen_[word % seen_.size()] = 0;
}

}  // namespace uturn
