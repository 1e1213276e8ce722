// TransactionIds: fresh random ids for indications, drawn in blocks (RFC 8489, Section 5).
#pragma once

#include <array>

#include "auth/random.h"
#include "protocol/message_view.h"

namespace uturn {

class TransactionIds {
 public:
  explicit TransactionIds(Random& random) : random_(random) {}

  /// Good until the next call.
  const TransactionId& next() {
    if (left_ == 0) {
      random_.fill({reinterpret_cast<uint8_t*>(block_.data()), sizeof block_});
      left_ = kIds;
    }
    return block_[--left_];
  }

 private:
  static constexpr size_t kIds = 512;  ///< drawing costs some thousand instructions, however many
  Random& random_;
  std::array<TransactionId, kIds> block_{};
  size_t left_ = 0;
};
static_assert(sizeof(TransactionId) == 12);

}  // namespace uturn
