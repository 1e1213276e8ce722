// PeerAddresses: every XOR-PEER-ADDRESS of a message, in order (RFC 8656, Sections 9.1 and 18.3).
#pragma once

#include <optional>

#include "protocol/attributes.h"
#include "protocol/message_view.h"

namespace uturn {

/// A range to loop over. CreatePermission may carry several; an element is nullopt where the value
/// is malformed. Lives no longer than the message it looks at.
class PeerAddresses {
 public:
  explicit PeerAddresses(const MessageView& message)
      : message_(message), id_(message.transaction_id()) {}

  class Iterator {
   public:
    std::optional<PeerAddress> operator*() const {
      const auto address = decode_xor_address((*at_).value, addresses_->id_);
      if (!address) return std::nullopt;
      return peer_address(*address);
    }
    Iterator& operator++() {
      ++at_;
      skip_others();
      return *this;
    }
    bool operator==(const Iterator& other) const { return at_ == other.at_; }

   private:
    friend class PeerAddresses;
    Iterator(const PeerAddresses* addresses, MessageView::Iterator at)
        : addresses_(addresses), at_(at) {
      skip_others();
    }
    void skip_others() {
      const auto end = addresses_->message_.end();
      while (at_ != end && (*at_).type != AttributeType::xor_peer_address) ++at_;
    }
    const PeerAddresses* addresses_;
    MessageView::Iterator at_;
  };

  Iterator begin() const { return {this, message_.begin()}; }
  Iterator end() const { return {this, message_.end()}; }

 private:
  const MessageView& message_;
  TransactionId id_;
};

}  // namespace uturn
