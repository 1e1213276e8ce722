// What waits on streams asks nothing of the heap, message by message: every operator new is
// counted.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#include "server/streams/incoming_bytes.h"
#include "server/streams/outgoing_queue.h"

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

TEST(NoHeap, IsAskedByTheFirstBlockSoTheCountCounts) {
  BlockPool pool(1);
  const size_t before = allocations_of_this_process;
  pool.give_back(pool.take());
  EXPECT_GT(allocations_of_this_process, before);
}

TEST(NoHeap, ForMessagesOfASlowClient) {
  BlockPool pool(1'000);
  SharedOutgoing shared{.pool = pool, .max_bytes = 20'000, .max_age = 1s};
  OutgoingQueue queue(shared);
  Now now{Instant{1h}, {}};
  const std::array<uint8_t, 1'200> payload{};
  std::array<Bytes, 16> spans;
  pool.give_back(pool.take());

  const size_t before = allocations_of_this_process;
  for (int i = 0; i < 1'000; ++i) {
    queue.push({Bytes{payload}.first(4), payload, 0}, Droppable::yes, now);
    now.monotonic += 10ms;
    if (queue.gather(spans, 500, now) > 0) queue.sent(spans[0].size());
  }
  EXPECT_EQ(allocations_of_this_process, before);
  EXPECT_GT(shared.dropped_full, 0u);
}

TEST(NoHeap, ForFramesInPieces) {
  BlockPool pool(100);
  SharedIncoming shared{pool};
  IncomingBytes kept(shared);
  std::array<uint8_t, 4'000> buffer{};
  pool.give_back(pool.take());

  const size_t before = allocations_of_this_process;
  size_t frames = 0;
  for (int i = 0; i < 1'000; ++i) {
    const std::array<uint8_t, 5> header{0x40, 0x00, 0x00, 0x40, 0xAA};  // and 63 bytes later
    std::ranges::copy(header, buffer.end() - header.size());
    frames += IncomingRead(kept, buffer, header.size()).next_frame().has_value();
    frames += IncomingRead(kept, buffer, 63).next_frame().has_value();
  }
  EXPECT_EQ(frames, 1'000u);
  EXPECT_EQ(allocations_of_this_process, before);
}

}  // namespace
}  // namespace uturn
