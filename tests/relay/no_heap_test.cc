// Relaying allocates nothing: every operator new of this program is counted.
#include <cstdlib>
#include <new>

#include "tests/relay/test_relay.h"

namespace {
size_t allocations_of_this_process = 0;
void* counted(size_t size) {
  ++allocations_of_this_process;
  void* const memory = std::malloc(size > 0 ? size : 1);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
}  // namespace

void* operator new(size_t size) { return counted(size); }
void* operator new[](size_t size) { return counted(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t) noexcept { std::free(memory); }

namespace uturn {
namespace {

class NoHeap : public testing::Test {
 protected:
  NoHeap() {
    alice.allocate();
    alice.bind_channel(0x4000, "198.51.100.7:5000");
    arrival = {.five_tuple = alice.five_tuple(), .listener = {1, 1}};
    tag = relay.sockets().all().begin()->second.tag;
  }
  Packet packet(Bytes bytes) {
    buffer.assign(kHeadroom, 0);
    buffer.insert(buffer.end(), bytes.begin(), bytes.end());
    return {{buffer.data(), kHeadroom}, {&buffer[kHeadroom], bytes.size()}};
  }
  /// How often the heap was asked while `relay_one` relayed a thousand datagrams.
  template <class RelayOne>
  size_t heap_asked(RelayOne relay_one) {
    EXPECT_TRUE(std::holds_alternative<Forward>(relay_one()));
    const size_t before = allocations_of_this_process;
    bool all_forwarded = true;
    for (int i = 0; i < 1'000; ++i) all_forwarded &= std::holds_alternative<Forward>(relay_one());
    const size_t asked = allocations_of_this_process - before;
    EXPECT_TRUE(all_forwarded);
    return asked;
  }
  TestRelay relay;
  TestClient& alice = relay.client("192.0.2.1:4000");
  std::vector<uint8_t> buffer;
  Arrival arrival;
  RelayTag tag;
};

TEST_F(NoHeap, IsAskedByRequestsSoTheCountCounts) {
  const size_t before = allocations_of_this_process;
  relay.client("192.0.2.9:4000").allocate();
  EXPECT_GT(allocations_of_this_process, before);
}

TEST_F(NoHeap, ForChannelDataToAPeer) {
  const Packet data = packet(channel_data(0x4000, "hello"));
  EXPECT_EQ(heap_asked([&] { return relay.at().on_client_packet(arrival, data, relay.now); }), 0u);
}

TEST_F(NoHeap, ForASendIndication) {
  std::array<uint8_t, 200> message{};
  MessageBuilder builder(message, Method::send, MessageClass::indication, {});
  builder.add_xor_address(AttributeType::xor_peer_address, address("198.51.100.7:6000"));
  builder.add_text(AttributeType::data, "hello");
  const Packet data = packet(builder.finish());
  EXPECT_EQ(heap_asked([&] { return relay.at().on_client_packet(arrival, data, relay.now); }), 0u);
}

TEST_F(NoHeap, ForPeerDataOnAChannel) {
  const Packet data = packet(bytes_of("hello"));
  const PeerAddress peer = peer_at("198.51.100.7:5000");
  EXPECT_EQ(heap_asked([&] { return relay.at().on_peer_packet(tag, peer, {}, data, relay.now); }),
            0u);
}

TEST_F(NoHeap, ForPeerDataInAnIndication) {
  const Packet data = packet(bytes_of("hello"));
  const PeerAddress peer = peer_at("198.51.100.7:6000");
  EXPECT_EQ(heap_asked([&] { return relay.at().on_peer_packet(tag, peer, {}, data, relay.now); }),
            0u);
}

TEST_F(NoHeap, ForAShortcutToAChannelAndToIndications) {
  auto& bob = relay.client("192.0.2.2:4000", "bob");
  bob.allocate();
  alice.bind_channel(0x4002, bob.relayed.to_string());
  bob.create_permission(alice.relayed.to_string());
  // Its header is overwritten, so each datagram is written anew.
  const std::vector<uint8_t> data = channel_data(0x4002, "hello");
  const Packet datagram = packet(data);
  const auto relay_one = [&] {
    std::ranges::copy(data, datagram.bytes().begin());
    return relay.at().on_client_packet(arrival, datagram, relay.now);
  };
  EXPECT_EQ(heap_asked(relay_one), 0u);
  bob.bind_channel(0x4000, alice.relayed.to_string());
  EXPECT_EQ(heap_asked(relay_one), 0u);
  EXPECT_GT(relay.counters().shortcuts_here, 2'000u);
}

TEST_F(NoHeap, ForDatagramsThatAreDropped) {
  const Packet data = packet(channel_data(0x4001, "not bound"));
  const size_t before = allocations_of_this_process;
  for (int i = 0; i < 1'000; ++i) relay.at().on_client_packet(arrival, data, relay.now);
  EXPECT_EQ(allocations_of_this_process, before);
}

// What a million idle allocations cost is this times a million, and their permissions.
TEST(Memory, OfAnAllocationIsLessThanAKilobyte) { EXPECT_LE(sizeof(Allocation), 896u); }

}  // namespace
}  // namespace uturn
