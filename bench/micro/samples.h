// Samples: the messages and addresses that micro benchmarks work on.
#pragma once

#include <benchmark/benchmark.h>

#include <array>
#include <numeric>
#include <random>
#include <vector>

#include "auth/key.h"
#include "protocol/message_builder.h"
#include "protocol/transport_address.h"

namespace uturn {

inline constexpr size_t kSamplePayload = 100;  ///< a packet of Opus with its RTP header, about

inline TransportAddress sample_address(std::string_view text) {
  const auto address = TransportAddress::parse(text);
  CHECK(address);
  return *address;
}

/// The `i`th of many clients or peers: 16 ports on each address.
inline TransportAddress sample_end(uint8_t network, uint32_t i) {
  const uint32_t host = i / 16;
  const std::array<uint8_t, 4> ip{network, static_cast<uint8_t>(host >> 16),
                                  static_cast<uint8_t>(host >> 8), static_cast<uint8_t>(host)};
  return {IpAddress::v4(ip), static_cast<uint16_t>(20'000 + i % 16), 0};
}

inline Key sample_key() {
  return Key::derive(PasswordAlgorithm::md5, "alice", "example.org", "secret");
}

inline const TransactionId kSampleTransaction{{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}};

/// A message that `body` wrote, in a vector of its own.
template <class Body>
std::vector<uint8_t> sample_message(Method method, MessageClass message_class, Body body) {
  std::array<uint8_t, 2'048> space{};
  MessageBuilder builder(space, method, message_class, kSampleTransaction);
  body(builder);
  const Bytes message = builder.finish();
  CHECK(!message.empty());
  return {message.begin(), message.end()};
}

inline std::vector<uint8_t> sample_send_indication(const TransportAddress& peer) {
  return sample_message(Method::send, MessageClass::indication, [&](MessageBuilder& builder) {
    const std::array<uint8_t, kSamplePayload> payload{};
    builder.add_xor_address(AttributeType::xor_peer_address, peer);
    builder.add(AttributeType::data, payload);
  });
}

/// As a browser sends it once it was challenged.
inline std::vector<uint8_t> sample_allocate_request() {
  return sample_message(Method::allocate, MessageClass::request, [](MessageBuilder& builder) {
    builder.add_requested_transport(17);
    builder.add_text(AttributeType::username, "1800000000:alice");
    builder.add_text(AttributeType::realm, "example.org");
    builder.add_text(AttributeType::nonce, "obMatJos2AAAAkrIlvd8gE8yHvX7oZ0kS0rVdQ");
    builder.add_integrity(sample_key().bytes());
  });
}

/// The numbers below `count` in an order that no prefetcher guesses.
inline std::vector<uint32_t> shuffled(uint32_t count) {
  std::vector<uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0u);
  std::shuffle(order.begin(), order.end(), std::mt19937(1));
  return order;
}

/// Walks round and round through an order.
class Walk {
 public:
  explicit Walk(std::vector<uint32_t> order) : order_(std::move(order)) {}
  uint32_t next() {
    if (at_ == order_.size()) at_ = 0;
    return order_[at_++];
  }

 private:
  std::vector<uint32_t> order_;
  size_t at_ = 0;
};

/// Items per second, and bytes where there are any; both of one turn of the loop.
inline void set_rates(benchmark::State& state, size_t bytes, int64_t items = 1) {
  state.SetItemsProcessed(state.iterations() * items);
  if (bytes > 0) state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(bytes));
}

}  // namespace uturn
