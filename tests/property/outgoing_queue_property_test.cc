// The outgoing queue agrees with a naive model under any pushes, sends and times.
#include <gtest/gtest.h>

#include <deque>
#include <string>

#include "server/streams/outgoing_queue.h"
#include "tests/property/seeded.h"

namespace uturn {
namespace {

/// The rules and nothing else: whole strings in two lists, and the one that is leaving.
class Model {
 public:
  Model(size_t max_bytes, Duration max_age) : max_bytes_(max_bytes), max_age_(max_age) {}

  bool push(const std::string& message, Droppable droppable, Now now) {
    drop_old(now);
    if (leaving_.size() + bytes_of(answers_) + message.size() > max_bytes_) {
      ++full;
      return false;
    }
    while (bytes() + message.size() > max_bytes_) {
      data_.pop_front();
      ++full;
    }
    (droppable == Droppable::yes ? data_ : answers_).push_back({message, now.monotonic});
    return true;
  }
  std::string waiting(Now now) {
    drop_old(now);
    std::string all = leaving_;
    for (const auto* list : {&answers_, &data_})
      for (const Message& message : *list) all += message.bytes;
    return all;
  }
  void sent(size_t count) {
    for (;;) {
      const size_t part = std::min(count, leaving_.size());
      leaving_.erase(0, part);
      count -= part;
      if (count == 0) return;
      auto& list = answers_.empty() ? data_ : answers_;
      leaving_ = list.front().bytes;
      list.pop_front();
    }
  }
  void drop_old(Now now) {
    while (!data_.empty() && data_.front().pushed + max_age_ <= now.monotonic) {
      data_.pop_front();
      ++old;
    }
  }
  size_t bytes() const { return leaving_.size() + bytes_of(answers_) + bytes_of(data_); }
  size_t messages() const { return !leaving_.empty() + answers_.size() + data_.size(); }

  uint64_t full = 0;
  uint64_t old = 0;

 private:
  struct Message {
    std::string bytes;
    Instant pushed;
  };
  static size_t bytes_of(const std::deque<Message>& list) {
    size_t sum = 0;
    for (const Message& message : list) sum += message.bytes.size();
    return sum;
  }
  size_t max_bytes_;
  Duration max_age_;
  std::string leaving_;
  std::deque<Message> answers_;
  std::deque<Message> data_;
};

/// One queue and its model, which are told and asked the same.
class Both {
 public:
  Both(Seeded& random, BlockPool& pool, size_t max_bytes)
      : random_(random),
        shared_{.pool = pool, .max_bytes = max_bytes, .max_age = 500ms},
        model_(max_bytes, 500ms) {}

  void push(size_t longest) {
    const auto bytes = random_.bytes(1 + random_.below(longest));
    const auto padding = static_cast<uint8_t>(random_.below(4));
    const auto droppable = random_.one_in(5) ? Droppable::no : Droppable::yes;
    const size_t header = random_.below(std::min<size_t>(bytes.size() + 1, 48));
    std::string whole(bytes.begin(), bytes.end());
    whole.append(padding, '\0');
    const OutgoingMessage message{Bytes{bytes}.first(header), Bytes{bytes}.subspan(header),
                                  padding};
    EXPECT_EQ(queue_.push(message, droppable, now_), model_.push(whole, droppable, now_));
  }
  void leave() {
    std::vector<Bytes> spans(1 + random_.below(20));
    const size_t most = 1 + (random_.one_in(2) ? random_.below(40'000) : random_.below(200));
    spans.resize(queue_.gather(spans, most, now_));
    std::string gathered;
    for (const Bytes span : spans) gathered += text_of(span);
    const std::string waiting = model_.waiting(now_);
    EXPECT_EQ(gathered, waiting.substr(0, gathered.size()));
    EXPECT_EQ(gathered.empty(), waiting.empty());
    EXPECT_LE(gathered.size(), most);
    const size_t sent = random_.one_in(3) ? random_.below(gathered.size() + 1) : gathered.size();
    queue_.sent(sent);
    model_.sent(sent);
  }
  void wait(Duration longest) {
    now_.monotonic += Duration{static_cast<int64_t>(random_.below(longest.count() + 1))};
    queue_.drop_old(now_);
    model_.drop_old(now_);
  }
  void leave_all() {
    while (!queue_.empty()) leave();
  }
  void expect_the_same(const BlockPool& pool) const {
    EXPECT_EQ(queue_.bytes(), model_.bytes());
    EXPECT_EQ(queue_.empty(), model_.messages() == 0);
    EXPECT_EQ(shared_.dropped_full, model_.full);
    EXPECT_EQ(shared_.dropped_old, model_.old);
    EXPECT_EQ(shared_.dropped_without_block, 0u);
    // Each of the three rows of messages begins and ends within a block.
    EXPECT_LE(pool.taken(), (model_.bytes() + 16 * model_.messages()) / kBlockBytes + 6);
    if (model_.messages() == 0) {
      EXPECT_EQ(pool.taken(), 0u);
    }
  }

 private:
  Seeded& random_;
  SharedOutgoing shared_;
  OutgoingQueue queue_{shared_};
  Model model_;
  Now now_{Instant{1h}, {}};
};

TEST(OutgoingQueueProperty, AgreesWithTheModel) {
  for_seeds(300, [](Seeded& random) {
    BlockPool pool(100'000);
    Both both(random, pool, 1 + random.below(random.one_in(2) ? 300'000 : 3'000));
    const size_t longest = random.one_in(3) ? 20'000 : 1'500;
    const size_t leave_one_in = 1 + random.below(8);
    for (int step = 0; step < 150; ++step) {
      if (random.one_in(leave_one_in))
        both.leave();
      else
        both.push(longest);
      if (random.one_in(10)) both.wait(random.one_in(5) ? Duration{1s} : Duration{50ms});
      both.expect_the_same(pool);
      if (testing::Test::HasFailure()) return;
    }
    both.leave_all();
    both.expect_the_same(pool);
  });
}

// Sizes around a block's, where records and messages end with it, begin in it, or straddle it.
TEST(OutgoingQueueProperty, AgreesAroundTheEndsOfBlocks) {
  for_seeds(300, [](Seeded& random) {
    BlockPool pool(1'000);
    SharedOutgoing shared{.pool = pool, .max_bytes = 1'000'000, .max_age = 1h};
    OutgoingQueue queue(shared);
    const Now now{Instant{1h}, {}};
    std::string expected;
    for (int i = 0; i < 30; ++i) {
      const auto bytes = random.bytes(kBlockBytes - 40 + random.below(48));
      ASSERT_TRUE(queue.push({bytes, {}}, Droppable::yes, now));
      expected.append(bytes.begin(), bytes.end());
      while (queue.bytes() > 5 * kBlockBytes) {
        std::array<Bytes, 3> spans;
        const size_t count = queue.gather(spans, 1 + random.below(2 * kBlockBytes), now);
        size_t size = 0;
        for (size_t at = 0; at < count; ++at) {
          EXPECT_EQ(text_of(spans[at]), expected.substr(size, spans[at].size()));
          size += spans[at].size();
        }
        queue.sent(size);
        expected.erase(0, size);
      }
      EXPECT_LE(pool.taken(), 8u);
    }
  });
}

}  // namespace
}  // namespace uturn
