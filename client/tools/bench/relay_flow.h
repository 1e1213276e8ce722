// RelayFlow: one way of packets through one allocation, and what it sends and has received.
#pragma once

#include <array>
#include <cstdint>

#include "client/tools/bench/options.h"
#include "client/tools/bench/payload_stamp.h"
#include "protocol/channel_data.h"
#include "protocol/message_view.h"
#include "protocol/transport_address.h"

namespace uturn {

/// What stands before a payload on its way to the server, made once; the lengths are set for each
/// packet. From a peer nothing does.
class FlowHeader {
 public:
  FlowHeader() = default;
  static FlowHeader channel_data(ChannelNumber channel);
  /// A Send indication (RFC 8656, Section 11.1). All of a flow have one transaction id: nobody
  /// answers them.
  static FlowHeader send_indication(const PeerAddress& peer, const TransactionId& id);

  size_t size() const { return size_; }
  /// Bytes that must follow the payload.
  uint8_t padding(size_t payload) const {
    return size_ > kChannelHeaderSize ? static_cast<uint8_t>(padding_of(payload)) : 0;
  }
  void write(uint8_t* out, size_t payload) const;

  static constexpr size_t kMaxSize = 48;

 private:
  std::array<uint8_t, kMaxSize> bytes_{};
  uint8_t size_ = 0;
};

struct RelayFlow {
  SocketId via;
  TransportAddress to;
  FlowHeader header{};
  uint64_t receiver = 0;  ///< the tag of the socket where it shall arrive
  uint64_t sender = 0;    ///< of the socket it leaves from: where an echo shall arrive
  bool is_to_client = false;
  uint32_t next_sequence = 0;
  SequenceWindow arrived{};
  SequenceWindow returned{};  ///< of an echo
};

}  // namespace uturn
