// LentBuffers: the buffers a loop lends for answers, all free again when a pass ends.
#pragma once

#include <memory>

#include "protocol/bytes.h"

namespace uturn {

class LentBuffers {
 public:
  static constexpr size_t kBufferSize = 2048;

  explicit LentBuffers(size_t count)
      : count_(count), area_(std::make_unique_for_overwrite<uint8_t[]>(count * kBufferSize)) {}

  bool is_exhausted() const { return lent_ == count_; }

  /// The caller flushed what was queued and started over, where all were lent.
  MutableBytes lend(size_t size) {
    CHECK(size <= kBufferSize);
    CHECK(!is_exhausted());
    return {area_.get() + kBufferSize * lent_++, size};
  }

  void start_over() { lent_ = 0; }

 private:
  size_t count_;
  size_t lent_ = 0;
  std::unique_ptr<uint8_t[]> area_;
};

}  // namespace uturn
