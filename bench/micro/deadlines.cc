// Deadlines: the wheel of seconds with as many entries as allocations.
#include "bench/micro/samples.h"
#include "server/relay/deadline_queue.h"

namespace uturn {
namespace {

constexpr uint32_t kBatch = 128;  // due in one second

const Now kStart{Instant{} + 1h, CalendarTime{1'800'000'000s}};

/// `count` entries that are due between ten minutes and an hour from the start.
std::vector<DeadlineQueue::Handle> fill(DeadlineQueue& queue, uint32_t count) {
  std::vector<DeadlineQueue::Handle> handles;
  for (const uint32_t i : shuffled(count)) {
    handles.push_back(
        queue.add(kStart.monotonic + 600s + std::chrono::seconds(i % 3'000), handles.size()));
  }
  return handles;
}

void schedule(benchmark::State& state) {
  DeadlineQueue queue(kStart);
  fill(queue, static_cast<uint32_t>(state.range(0)));
  Walk walk(shuffled(3'000));
  for (auto _ : state) {
    queue.remove(queue.add(kStart.monotonic + std::chrono::seconds(walk.next()), 1));
  }
  set_rates(state, 0);
}
BENCHMARK(schedule)->Name("deadline/schedule_and_remove")->Arg(100)->Arg(100'000);

void reschedule(benchmark::State& state) {
  DeadlineQueue queue(kStart);
  const auto handles = fill(queue, static_cast<uint32_t>(state.range(0)));
  Walk walk(shuffled(static_cast<uint32_t>(handles.size())));
  int64_t seconds = 0;
  for (auto _ : state) {
    seconds = (seconds + 7) % 3'000;
    queue.move(handles[walk.next()], kStart.monotonic + 600s + std::chrono::seconds(seconds));
  }
  set_rates(state, 0);
}
BENCHMARK(reschedule)->Name("deadline/reschedule")->Arg(100)->Arg(100'000);

// What is due in each second comes out and goes back in, as refreshed allocations do.
void expire(benchmark::State& state) {
  DeadlineQueue queue(kStart);
  Now now = kStart;
  const auto seconds = static_cast<int64_t>(state.range(0) / kBatch);
  for (int64_t i = 0; i < state.range(0); ++i) {
    queue.add(now.monotonic + std::chrono::seconds(1 + i % seconds), static_cast<uint64_t>(i));
  }
  for (auto _ : state) {
    now.monotonic += 1s;
    const uint32_t expired = queue.expire(now, 2 * kBatch, [&](uint64_t payload) {
      queue.add(now.monotonic + std::chrono::seconds(seconds), payload);
    });
    CHECK(expired >= kBatch);
  }
  set_rates(state, 0, kBatch);
}
BENCHMARK(expire)->Name("deadline/expire_and_schedule")->Arg(1'280)->Arg(128'000);

}  // namespace
}  // namespace uturn
