// TransactionIds: fresh random ids for indications, drawn in blocks (RFC 8489, Section 5).
#pragma once

#include <array>

#include "auth/random.h"
#include "protocol/message_view.h"

namespace uturn {

class TransactionIds {
 public:
  explicit TransactionIds(Random& random) : random_(random) {}

  TransactionId next() {
    if (left_ == 0) {
      random_.fill(block_);
      left_ = kIds;
    }
    --left_;
    TransactionId id;
    std::copy_n(block_.begin() + static_cast<std::ptrdiff_t>(left_ * id.bytes.size()),
                id.bytes.size(), id.bytes.begin());
    return id;
  }

 private:
  static constexpr size_t kIds = 512;  ///< drawing costs some thousand instructions, however many
  Random& random_;
  std::array<uint8_t, kIds * 12> block_{};
  size_t left_ = 0;
};

}  // namespace uturn
