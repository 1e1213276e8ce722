// What bounds the relay, against naive models: ports, answers, requests that wait, reservations.
#include <map>
#include <set>

#include "protocol/message_builder.h"
#include "server/relay/answer_budget.h"
#include "server/relay/pending_table.h"
#include "server/relay/port_pool.h"
#include "server/relay/reservation_table.h"
#include "tests/property/seeded.h"

namespace uturn {
namespace {

class RandomOf final : public Random {
 public:
  explicit RandomOf(Seeded& seeded) : seeded_(seeded) {}
  void fill(MutableBytes out) override {
    for (uint8_t& byte : out) byte = seeded_.byte();
  }

 private:
  Seeded& seeded_;
};

Now at(Duration since_start) { return {Instant{} + 1h + since_start, {}}; }

TEST(PortPoolProperty, EachPortIsLentOnceAndRestsItsTime) {
  for_seeds(40, [](Seeded& seeded) {
    RandomOf random(seeded);
    const auto first = static_cast<uint16_t>(65'300 + seeded.below(100));
    const PortRange range{first, static_cast<uint16_t>(first + seeded.below(65'535 - first + 1))};
    PortPool pool(range);
    std::set<uint16_t> lent;
    std::map<uint16_t, Instant> resting;
    Duration time{};
    const auto is_free = [&](uint32_t port) {
      return range.first <= port && port <= range.last &&
             !lent.contains(static_cast<uint16_t>(port)) &&
             !resting.contains(static_cast<uint16_t>(port));
    };
    const auto expect_lent = [&](uint16_t port) {
      ASSERT_TRUE(is_free(port)) << port;
      lent.insert(port);
    };
    for (int step = 0; step < 500; ++step) {
      time += std::chrono::seconds(seeded.below(10));
      pool.end_rests(at(time));
      std::erase_if(resting, [&](const auto& r) { return r.second <= at(time).monotonic; });
      const size_t what = seeded.below(8);
      if (what < 2) {
        const auto port = pool.take_any(random);
        ASSERT_EQ(port.has_value(), lent.size() + resting.size() < range.size());
        if (port) expect_lent(*port);
      } else if (what < 4) {
        const bool with_next = what == 3;
        bool is_possible = false;
        for (uint32_t p = range.first; p <= range.last; ++p) {
          is_possible |= p % 2 == 0 && is_free(p) && (!with_next || is_free(p + 1));
        }
        const auto port = pool.take_even(random, with_next);
        ASSERT_EQ(port.has_value(), is_possible);
        if (!port) continue;
        ASSERT_EQ(*port % 2, 0);
        expect_lent(*port);
        if (with_next) expect_lent(static_cast<uint16_t>(*port + 1));
      } else if (!lent.empty()) {
        const uint16_t port =
            *std::next(lent.begin(), static_cast<ptrdiff_t>(seeded.below(lent.size())));
        lent.erase(port);
        if (what == 7) {
          pool.rest(port, at(time).monotonic + 60s);
          resting[port] = at(time).monotonic + 60s;
        } else {
          pool.give_back(port);
        }
      }
      ASSERT_EQ(pool.taken(), lent.size());
      ASSERT_EQ(pool.resting(), resting.size());
      ASSERT_EQ(pool.free(), range.size() - lent.size() - resting.size());
    }
  });
}

TEST(PortPoolProperty, AllPortsAreEquallyLikely) {
  Seeded seeded(7);
  RandomOf random(seeded);
  PortPool pool({50'000, 50'015});
  std::map<uint16_t, int> drawn;
  for (int i = 0; i < 16'000; ++i) {
    const uint16_t port = *pool.take_any(random);
    ++drawn[port];
    pool.give_back(port);
  }
  ASSERT_EQ(drawn.size(), 16u);
  for (const auto& [port, times] : drawn) EXPECT_NEAR(times, 1'000, 200) << port;
}

TEST(PortPools, DrawEachAddressOfAFamilyEquallyOften) {
  Seeded seeded(9);
  RandomOf random(seeded);
  const std::vector<IpAddress> addresses{
      *IpAddress::parse("192.0.2.1"), *IpAddress::parse("192.0.2.2"),
      *IpAddress::parse("2001:db8::1"), *IpAddress::parse("2001:db8::2"),
      *IpAddress::parse("2001:db8::3")};
  PortPools pools(addresses, {50'000, 59'999}, random);
  std::vector<TakenPorts> all;
  size_t first = 0;
  for (int i = 0; i < 2'000; ++i) {
    all.push_back(*pools.take(AddressFamily::ipv4, PortWish::any, at(0s)));
    if (all.back().port.address().ip == addresses[0]) ++first;
  }
  EXPECT_GT(first, 850u);
  EXPECT_LT(first, 1'150u);
}

TEST(PortPools, SpreadOverAddressesAndKeepPairsOnOne) {
  Seeded seeded(8);
  RandomOf random(seeded);
  const std::vector<IpAddress> addresses{*IpAddress::parse("192.0.2.1"),
                                         *IpAddress::parse("192.0.2.2"),
                                         *IpAddress::parse("2001:db8::1")};
  PortPools pools(addresses, {50'000, 50'009}, random);
  EXPECT_TRUE(pools.serves(AddressFamily::ipv4) && pools.serves(AddressFamily::ipv6));
  std::vector<TakenPorts> all;
  std::set<TransportAddress> unique;
  while (auto taken = pools.take(AddressFamily::ipv4, PortWish::even_with_next, at(0s))) {
    EXPECT_EQ(taken->port.address().ip, taken->next.address().ip);
    EXPECT_EQ(taken->port.address().port + 1, taken->next.address().port);
    unique.insert(taken->port.address());
    unique.insert(taken->next.address());
    EXPECT_TRUE(pools.held().is_held(taken->next.address()));
    all.push_back(std::move(*taken));
  }
  EXPECT_EQ(unique.size(), 20u) << "both addresses, to the last port";
  EXPECT_EQ(pools.taken(), 20u);
  all.clear();
  EXPECT_EQ(pools.taken(), 0u);
  EXPECT_FALSE(pools.held().is_held({addresses[0], 50'000, 0}));
}

TEST(AnswerBudgetProperty, AnswersTheBurstAndThenExactlyTheRate) {
  for_seeds(20, [](Seeded& seeded) {
    RandomOf random(seeded);
    const auto rate = static_cast<uint32_t>(1 + seeded.below(3'000));
    const auto burst = static_cast<uint32_t>(200 + seeded.below(5'000));
    AnswerBudget budget(64, rate, burst, random);
    const IpAddress source = *IpAddress::parse("192.0.2.1");
    uint64_t answered = 0;
    Duration time{};
    EXPECT_TRUE(budget.has(AnswerKind::binding, source, at(time)));
    for (int step = 0; step < 200; ++step) {  // takes whatever is to be had
      while (budget.has(AnswerKind::binding, source, at(time))) {
        budget.spend(AnswerKind::binding, source, at(time));
        ++answered;
      }
      const double seconds = std::chrono::duration<double>(time).count();
      EXPECT_NEAR(static_cast<double>(answered), burst + rate * seconds,
                  2 + 0.001 * static_cast<double>(answered));
      time += std::chrono::milliseconds(seeded.below(40));
    }
    EXPECT_TRUE(budget.has(AnswerKind::challenge, source, at(time))) << "budgeted apart";
  });
}

TEST(AnswerBudgetProperty, ForgetsSourcesAtRandomAndNeverGrows) {
  Seeded seeded(3);
  RandomOf random(seeded);
  AnswerBudget budget(64, 1, 1, random);
  const IpAddress victim = *IpAddress::parse("192.0.2.1");
  budget.spend(AnswerKind::binding, victim, at(0s));
  EXPECT_FALSE(budget.has(AnswerKind::binding, victim, at(0s)));
  size_t forgotten = 0;
  for (uint32_t i = 0; i < 100'000; ++i) {
    std::array<uint8_t, 4> bytes{};
    store_be32(bytes.data(), 0x0A00'0000 + i);
    const IpAddress flood = IpAddress::v4(bytes);
    ASSERT_TRUE(budget.has(AnswerKind::binding, flood, at(0s))) << "a new source is answered";
    budget.spend(AnswerKind::binding, flood, at(0s));
    if (i % 1'000 == 0 && budget.has(AnswerKind::binding, victim, at(0s))) ++forgotten;
  }
  EXPECT_GT(forgotten, 50u) << "a full table does not keep anybody out";
}

// Forged sources wash a victim's bucket out of the table again and again; its limit must survive
// that.
TEST(AnswerBudgetProperty, AFloodFromEverywhereDoesNotLiftAVictimsLimit) {
  Seeded seeded(4);
  RandomOf random(seeded);
  AnswerBudget budget(1'024, 2'000, 20'000, random);
  const IpAddress victim = *IpAddress::parse("192.0.2.1");
  uint32_t answered = 0;
  for (uint32_t i = 0; i < 300'000; ++i) {  // three seconds, 100,000 of each a second
    const Now now = at(Duration{std::chrono::microseconds(10 * i)});
    if (budget.has(AnswerKind::challenge, victim, now)) {
      budget.spend(AnswerKind::challenge, victim, now);
      ++answered;
    }
    std::array<uint8_t, 4> bytes{};
    store_be32(bytes.data(), static_cast<uint32_t>(seeded.word()));
    budget.spend(AnswerKind::challenge, IpAddress::v4(bytes), now);
  }
  const uint32_t limit = 20'000 + 3 * 2'000;
  EXPECT_LT(answered, 4 * limit) << "each washing out costs a tenth of a second's answers";
}

TEST(PendingTableProperty, AgreesWithAMap) {
  for_seeds(30, [](Seeded& seeded) {
    const auto limit = static_cast<uint32_t>(1 + seeded.below(20));
    PendingTable table(limit);
    std::map<uint8_t, PendingId> model;
    std::vector<PendingId> ended;
    const auto arrival_of = [](uint8_t key) {
      const IpAddress ip = IpAddress::v4(std::array<uint8_t, 4>{192, 0, 2, uint8_t(key / 2)});
      Arrival arrival;
      arrival.five_tuple.client = client_address({ip, 4'000, 0});
      return arrival;
    };
    const auto id_of = [](uint8_t key) { return TransactionId{{uint8_t(key % 2)}}; };
    for (int step = 0; step < 500; ++step) {
      const auto key = static_cast<uint8_t>(seeded.below(40));
      PendingRequest* const found = table.find(arrival_of(key).five_tuple, id_of(key));
      ASSERT_EQ(found != nullptr, model.contains(key));
      const PendingId next = table.next_id();
      ASSERT_EQ(table.find(next), nullptr) << "an id that is still to come";
      ASSERT_FALSE(std::ranges::count(ended, next));
      if (seeded.one_in(5)) {
        table.skip_next_id();
        if (model.size() < limit) {
          ASSERT_NE(table.next_id(), next);
        }
      } else if (found != nullptr && seeded.one_in(2)) {
        ASSERT_EQ(table.find(found->id), found);
        ended.push_back(found->id);
        table.remove(*found);
        model.erase(key);
      } else if (found == nullptr) {
        std::array<uint8_t, 100> bytes{};
        MessageBuilder builder(bytes, Method::allocate, MessageClass::request, id_of(key));
        builder.add_u32(AttributeType::lifetime, key);
        PendingRequest* const added =
            table.add(arrival_of(key), *MessageView::parse(builder.finish()));
        ASSERT_EQ(added != nullptr, model.size() < limit);
        if (added == nullptr) continue;
        ASSERT_EQ(added->id, next);
        ASSERT_TRUE(equal(added->bytes(), builder.finish()));
        model[key] = added->id;
      }
      ASSERT_EQ(table.size(), model.size());
      for (const PendingId id : ended) ASSERT_EQ(table.find(id), nullptr);
    }
  });
}

TEST(ReservationTableProperty, GivesToTheRightUserInTimeAndOnce) {
  for_seeds(30, [](Seeded& seeded) {
    RandomOf random(seeded);
    const auto shard = seeded.byte();
    ReservationTable table(shard);
    std::map<uint64_t, std::pair<std::string, Instant>> model;
    const std::array<std::string, 3> users{"alice", "bob", "carol"};
    Duration time{};
    for (int step = 0; step < 300; ++step) {
      time += std::chrono::seconds(seeded.below(3));
      if (model.empty() || seeded.one_in(2)) {
        const uint64_t token = table.make_token(random);
        ASSERT_EQ(ReservationTable::shard_of(token), shard);
        const std::string& user = seeded.pick(users);
        table.add(token, {{}, {}, {}, user, at(time).monotonic + 30s});
        ASSERT_TRUE(model.try_emplace(token, user, at(time).monotonic + 30s).second);
      } else {
        const auto chosen =
            std::next(model.begin(), static_cast<ptrdiff_t>(seeded.below(model.size())));
        const std::string& user = seeded.pick(users);
        const bool is_valid =
            chosen->second.first == user && at(time).monotonic < chosen->second.second;
        ASSERT_EQ(table.redeem(chosen->first, user, at(time)).has_value(), is_valid);
        if (is_valid) model.erase(chosen);
      }
      ASSERT_EQ(table.size(), model.size());
    }
    ASSERT_EQ(table.any().has_value(), !model.empty());
    for (const auto& [token, _] : model) ASSERT_TRUE(table.remove(token));
    ASSERT_FALSE(table.any());
  });
}

}  // namespace
}  // namespace uturn
