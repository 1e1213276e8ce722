// DeadlineQueue against a multimap: whatever is added, moved and removed, due is what is due.
#include <map>
#include <set>

#include "server/relay/deadline_queue.h"
#include "tests/property/seeded.h"

namespace uturn {
namespace {

Instant rounded_up(Instant deadline) {
  return Instant{std::chrono::ceil<std::chrono::seconds>(deadline.time_since_epoch())};
}
Now at(Instant instant) { return {instant, {}}; }

TEST(DeadlineQueueProperty, AgreesWithAMultimap) {
  for_seeds(60, [](Seeded& random) {
    Instant now = Instant{} + std::chrono::seconds(random.below(100'000));
    DeadlineQueue queue(at(now));
    struct Entry {
      DeadlineQueue::Handle handle;
      Instant deadline;
    };
    std::map<uint64_t, Entry> model;
    uint64_t next_payload = 0;
    const auto some_deadline = [&] {
      // Mostly within an hour, sometimes past, sometimes several turns of the wheel away.
      const auto ahead =
          std::chrono::milliseconds(random.below(random.one_in(8) ? 40'000'000 : 3'700'000));
      return random.one_in(10) ? now - 3s : now + ahead;
    };
    for (int step = 0; step < 600; ++step) {
      const size_t what = random.below(10);
      if (what < 5 || model.empty()) {
        const Instant deadline = some_deadline();
        model[next_payload] = {queue.add(deadline, next_payload), deadline};
        ++next_payload;
      } else if (what < 8) {
        auto chosen = std::next(model.begin(), static_cast<ptrdiff_t>(random.below(model.size())));
        if (what < 7) {
          chosen->second.deadline = some_deadline();
          queue.move(chosen->second.handle, chosen->second.deadline);
        } else {
          queue.remove(chosen->second.handle);
          model.erase(chosen);
        }
      } else {
        now += std::chrono::milliseconds(random.below(random.one_in(5) ? 6'000'000 : 20'000));
        std::set<uint64_t> due;
        queue.expire(at(now), UINT32_MAX, [&](uint64_t payload) {
          EXPECT_TRUE(due.insert(payload).second) << "once is enough";
        });
        for (auto entry = model.begin(); entry != model.end();) {
          const bool is_due = rounded_up(entry->second.deadline) <= now;
          EXPECT_EQ(due.contains(entry->first), is_due);
          entry = is_due ? model.erase(entry) : std::next(entry);
        }
      }
      ASSERT_EQ(queue.size(), model.size());
    }
  });
}

TEST(DeadlineQueueProperty, WorkIsBoundedAndNothingIsForgotten) {
  for_seeds(20, [](Seeded& random) {
    Instant now = Instant{} + 1h;
    DeadlineQueue queue(at(now));
    const size_t entries = 1 + random.below(2'000);
    for (size_t i = 0; i < entries; ++i) {
      queue.add(now + std::chrono::milliseconds(random.below(5'000)), i);
    }
    now += 6s;
    std::set<uint64_t> due;
    const auto most = static_cast<uint32_t>(1 + random.below(100));
    while (queue.size() > 0) {
      EXPECT_LE(queue.next(), now) << "what is left over is due at once";
      const uint32_t taken = queue.expire(at(now), most, [&](uint64_t p) { due.insert(p); });
      ASSERT_GT(taken, 0u);
      ASSERT_LE(taken, most);
    }
    EXPECT_EQ(due.size(), entries);
    EXPECT_EQ(queue.next(), kNever);
  });
}

TEST(DeadlineQueue, CallbackMayAddMoveAndRemove) {
  Instant now = Instant{} + 1h;
  DeadlineQueue queue(at(now));
  const auto removed = queue.add(now + 1s, 1);
  const auto moved = queue.add(now + 1s, 2);
  std::vector<uint64_t> due;
  queue.add(now + 1s, 0);  // taken first: the newest of a second
  now += 2s;
  queue.expire(at(now), 100, [&](uint64_t payload) {
    due.push_back(payload);
    if (payload != 0) return;
    queue.remove(removed);
    queue.move(moved, now + 10s);
    queue.add(now + 5s, 3);
    queue.add(now - 1s, 4);  // due already
  });
  EXPECT_EQ(due, (std::vector<uint64_t>{0, 4}));
  now += 20s;
  queue.expire(at(now), 100, [&](uint64_t payload) { due.push_back(payload); });
  EXPECT_EQ(due, (std::vector<uint64_t>{0, 4, 3, 2}));
}

TEST(DeadlineQueue, AfterADayWithoutAnythingToDoItIsOnTime) {
  Instant now = Instant{} + 1h;
  DeadlineQueue queue(at(now));
  now += std::chrono::hours(24);
  queue.add(now + 10s, 7);
  size_t due = 0;
  queue.expire(at(now + 9s), 1'000, [&](uint64_t) { ++due; });
  EXPECT_EQ(due, 0u);
  queue.expire(at(now + 10s), 1'000, [&](uint64_t) { ++due; });
  EXPECT_EQ(due, 1u);
}

}  // namespace
}  // namespace uturn
