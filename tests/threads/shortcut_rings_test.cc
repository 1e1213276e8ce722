// The rings by which datagrams cross from shard to shard.
#include "server/shortcut_rings.h"

#include <gtest/gtest.h>

#include <numeric>
#include <thread>

namespace uturn {
namespace {

TransportAddress at(std::string_view text) { return *TransportAddress::parse(text); }

/// `payload` must outlive it, as a datagram's buffer does.
Shortcut shortcut_of(Bytes payload, uint16_t port = 5'000) {
  Forward forward{{1, 1}, at("[2001:db8::7]:49152"), {}, payload, {46, 1, 63, false, {}}};
  return {forward, peer_address({at("192.0.2.1:0").ip, port, 0}), 1};
}

TEST(ShortcutRing, CarriesADatagramWithItsAddressesAndFieldsAndRoomInFront) {
  ShortcutRing ring;
  EXPECT_EQ(ring.next(), nullptr);
  EXPECT_TRUE(ring.push(shortcut_of(bytes_of("hello"), 6'000)));
  ShortcutSlot* const slot = ring.next();
  ASSERT_NE(slot, nullptr);
  EXPECT_EQ(static_cast<const TransportAddress&>(slot->from()), at("192.0.2.1:6000"));
  EXPECT_EQ(static_cast<const TransportAddress&>(slot->to()), at("[2001:db8::7]:49152"));
  EXPECT_EQ(slot->ip(), (IpFields{46, 1, 63, false, {}}));
  EXPECT_EQ(text_of(slot->packet().bytes()), "hello");
  const MutableBytes room = slot->packet().header(kHeadroom);
  EXPECT_EQ(room.data() + room.size(), slot->packet().bytes().data());
  EXPECT_EQ(ring.next(), nullptr);
}

TEST(ShortcutRing, CarriesWhatIsEmptyAndWhatIsLongest) {
  ShortcutRing ring;
  const std::vector<uint8_t> longest(ShortcutSlot::kMaxPayload, 0x5A);
  EXPECT_TRUE(ring.push(shortcut_of({})));
  EXPECT_TRUE(ring.push(shortcut_of(longest)));
  EXPECT_EQ(ring.next()->packet().size(), 0u);
  EXPECT_TRUE(equal(ring.next()->packet().bytes(), longest));
}

// What was taken may still be on its way out: only release() makes room.
TEST(ShortcutRing, IsFullUntilWhatWasTakenIsReleased) {
  ShortcutRing ring;
  for (uint32_t i = 0; i < kShortcutSlots; ++i) EXPECT_TRUE(ring.push(shortcut_of({})));
  EXPECT_FALSE(ring.push(shortcut_of({})));
  ASSERT_NE(ring.next(), nullptr);
  ASSERT_NE(ring.next(), nullptr);
  EXPECT_FALSE(ring.push(shortcut_of({})));
  ring.release();
  EXPECT_TRUE(ring.push(shortcut_of({})));
  EXPECT_TRUE(ring.push(shortcut_of({})));
  EXPECT_FALSE(ring.push(shortcut_of({})));
}

// Many times around, full and empty again; every byte comes as it went.
TEST(ShortcutRing, OneThreadFillsWhileAnotherEmpties) {
  constexpr uint32_t kDatagrams = 50'000;
  ShortcutRing ring;
  const auto byte_of = [](uint32_t number) { return static_cast<uint8_t>(number * 7); };
  std::thread producer([&] {
    std::array<uint8_t, 64> payload;
    for (uint32_t i = 0; i < kDatagrams; ++i) {
      payload.fill(byte_of(i));
      const Bytes part = Bytes{payload}.first(i % payload.size());
      while (!ring.push(shortcut_of(part, static_cast<uint16_t>(i)))) std::this_thread::yield();
    }
  });
  for (uint32_t i = 0; i < kDatagrams;) {
    ShortcutSlot* const slot = ring.next();
    if (slot == nullptr) {
      ring.release();
      std::this_thread::yield();
      continue;
    }
    ASSERT_EQ(slot->from().port, static_cast<uint16_t>(i));
    const MutableBytes bytes = slot->packet().bytes();
    ASSERT_EQ(bytes.size(), i % 64);
    for (const uint8_t byte : bytes) ASSERT_EQ(byte, byte_of(i));
    std::ranges::fill(slot->packet().header(48), 0);  // a header is written in front
    if (++i % 100 == 0) ring.release();
  }
  producer.join();
  EXPECT_EQ(ring.next(), nullptr);
}

TEST(ShortcutRings, AreMadeOnceAndForOneDirection) {
  ShortcutRings rings(3);
  EXPECT_EQ(rings.between(0, 2), nullptr);
  rings.make(0, 2);
  ShortcutRing* const made = rings.between(0, 2);
  EXPECT_NE(made, nullptr);
  EXPECT_EQ(rings.between(2, 0), nullptr);
  rings.make(0, 2);
  EXPECT_EQ(rings.between(0, 2), made);
}

TEST(ShortcutRings, AreNoMoreThanTheirLimit) {
  constexpr uint8_t kShards = 12;
  static_assert(kShards * (kShards - 1) > kShortcutRings);
  static_assert(sizeof(ShortcutSlot) <= kShortcutSlotSize);
  ShortcutRings rings(kShards);
  uint32_t made = 0;
  for (uint8_t from = 0; from < kShards; ++from) {
    for (uint8_t to = 0; to < kShards; ++to) {
      if (from == to) continue;
      rings.make(from, to);
      made += rings.between(from, to) != nullptr;
    }
  }
  EXPECT_EQ(made, kShortcutRings);
}

// Every shard makes the ways to all others while it is sent to already.
TEST(ShortcutRings, ShardsMakeTheirsAtTheSameTime) {
  constexpr uint8_t kShards = 4;
  constexpr uint32_t kEach = 500;
  ShortcutRings rings(kShards);
  std::vector<uint32_t> heard(kShards);
  std::vector<std::thread> shards;
  for (uint8_t self = 0; self < kShards; ++self) {
    shards.emplace_back([&rings, &heard, self] {
      std::array<uint32_t, kShards> sent{};
      const auto take = [&] {
        for (uint8_t from = 0; from < kShards; ++from) {
          ShortcutRing* const ring = rings.between(from, self);
          if (ring == nullptr) continue;
          while (ring->next() != nullptr) ++heard[self];
          ring->release();
        }
      };
      while (std::accumulate(sent.begin(), sent.end(), 0u) < kEach * (kShards - 1) ||
             heard[self] < kEach * (kShards - 1)) {
        for (uint8_t to = 0; to < kShards; ++to) {
          if (to == self || sent[to] == kEach) continue;
          rings.make(self, to);
          if (rings.between(self, to)->push(shortcut_of(bytes_of("x")))) ++sent[to];
        }
        take();
        std::this_thread::yield();
      }
    });
  }
  for (std::thread& shard : shards) shard.join();
  for (const uint32_t count : heard) EXPECT_EQ(count, kEach * (kShards - 1));
}

}  // namespace
}  // namespace uturn
