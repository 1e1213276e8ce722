// Transaction: the retransmission schedule of RFC 8489, Section 6.2.1, to the millisecond.
#include "client/transaction.h"

#include <gtest/gtest.h>

namespace uturn {
namespace {

using namespace std::chrono_literals;

Now at(Duration since_start) { return {Instant{since_start}, CalendarTime{}}; }

Transaction start(const RetransmissionSettings& settings, Duration rto = 500ms,
                  bool reliable = false) {
  return {TransactionId{{1}}, Method::binding, {0xAA}, settings, rto, reliable, at(0ms)};
}

/// Serves every deadline until the transaction fails: the times of sending, then of failing.
std::vector<Duration> run(Transaction transaction) {
  std::vector<Duration> times;
  for (;;) {
    const Now now{transaction.next_deadline(), CalendarTime{}};
    times.push_back(now.monotonic - Instant{});
    if (transaction.has_failed(now)) return times;
    EXPECT_TRUE(transaction.poll(now));
    EXPECT_FALSE(transaction.poll(now)) << "twice at one time";
  }
}

TEST(Transaction, IsSentAtTheTimesOfTheRfcsExample) {
  EXPECT_EQ(run(start({})),
            (std::vector<Duration>{0ms, 500ms, 1500ms, 3500ms, 7500ms, 15500ms, 31500ms, 39500ms}));
}

TEST(Transaction, CountAndLastWaitAreConfigurable) {
  EXPECT_EQ(run(start({.request_count = 3, .last_wait = 4})),
            (std::vector<Duration>{0ms, 500ms, 1500ms, 3500ms}));
}

TEST(Transaction, TheRtoIsNotRoundedToSeconds) {
  EXPECT_EQ(run(start({.request_count = 2}, 721ms)),
            (std::vector<Duration>{0ms, 721ms, 721ms + 16 * 721ms}));
}

TEST(Transaction, OverAReliableTransportNothingIsSentTwice) {
  EXPECT_EQ(run(start({}, 500ms, true)), (std::vector<Duration>{0ms, 39500ms}));
  EXPECT_EQ(run(start({.reliable_timeout = 5s}, 500ms, true)), (std::vector<Duration>{0ms, 5s}));
}

TEST(Transaction, ALateOwnerDoesNotStretchTheSchedule) {
  Transaction transaction = start({});
  EXPECT_TRUE(transaction.poll(at(0ms)));
  EXPECT_FALSE(transaction.poll(at(499ms)));
  EXPECT_TRUE(transaction.poll(at(700ms)));
  EXPECT_EQ(transaction.next_deadline(), Instant{1500ms});
}

TEST(Transaction, AnOwnerThatSleptSendsOneRequestAndNoBurst) {
  Transaction transaction = start({});
  EXPECT_TRUE(transaction.poll(at(0ms)));
  EXPECT_TRUE(transaction.poll(at(10s)));
  EXPECT_FALSE(transaction.poll(at(10s)));
  EXPECT_EQ(transaction.next_deadline(), Instant{11s});
}

TEST(Transaction, EveryRetransmissionIsTheSameRequest) {
  Transaction transaction = start({});
  const std::vector<uint8_t> request{0xAA};
  EXPECT_TRUE(equal(*transaction.poll(at(0ms)), request));
  EXPECT_TRUE(equal(*transaction.poll(at(500ms)), request));
}

TEST(Transaction, ARoundTripIsNotMeasuredAfterARetransmission) {
  Transaction transaction = start({});
  EXPECT_FALSE(transaction.round_trip(at(0ms))) << "nothing was sent";
  transaction.poll(at(0ms));
  EXPECT_EQ(transaction.round_trip(at(30ms)), 30ms);
  transaction.poll(at(500ms));
  EXPECT_FALSE(transaction.round_trip(at(530ms)));
}

}  // namespace
}  // namespace uturn
