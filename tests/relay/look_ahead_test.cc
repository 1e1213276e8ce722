// Looking ahead changes nothing, whoever is announced.
#include "server/relay/look_ahead.h"

#include <gtest/gtest.h>

namespace uturn {
namespace {

FiveTuple five_tuple(uint16_t port) {
  const IpAddress ip = IpAddress::v4(std::array<uint8_t, 4>{192, 0, 2, 1});
  return {client_address({ip, port, 0}), server_address({ip, 3478, 0})};
}

TEST(LookAhead, OfStrangersAndOfWhoIsGoneIsHarmless) {
  AllocationTable table(1);
  LookAhead ahead(table);
  ahead.expect(five_tuple(1));
  ahead.expect(table.next_id());
  ahead.expect(AllocationId{});
  ahead.fetch();

  const AllocationId one = table.add(five_tuple(1)).id;
  const AllocationId other = table.add(five_tuple(2)).id;
  table.remove(*table.find(other));
  for (int round = 0; round < 3; ++round) {
    for (size_t i = 0; i < LookAhead::kMost / 4; ++i) {
      ahead.expect(five_tuple(1));
      ahead.expect(five_tuple(2));
      ahead.expect(one);
      ahead.expect(other);
    }
    ahead.fetch();
  }
  EXPECT_EQ(table.find(five_tuple(1)), table.find(one));
  EXPECT_EQ(table.find(five_tuple(2)), nullptr);
  EXPECT_EQ(table.find(other), nullptr);
}

// Whom a step announces may end before his datagram is handled.
TEST(LookAhead, PromisesNothingAboutWhoIsThereLater) {
  AllocationTable table(1);
  LookAhead ahead(table);
  table.add(five_tuple(1));
  ahead.expect(five_tuple(1));
  ahead.fetch();
  table.remove(*table.find(five_tuple(1)));
  EXPECT_EQ(table.find(five_tuple(1)), nullptr);
}

}  // namespace
}  // namespace uturn
