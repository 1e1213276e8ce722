// Readiness: what keeps a server from taking one more allocation.
#include "server/health.h"

#include <gtest/gtest.h>

namespace uturn {
namespace {

ServerSample healthy() {
  ServerSample sample;
  sample.shards.resize(2);
  sample.answering = 2;
  sample.ports = {{"192.0.2.1", "udp", 100, 99, 0}};
  sample.process.open_descriptors = 90;
  sample.process.max_descriptors = 100;
  sample.allocations_held = 9;
  sample.allocations_limit = 10;
  return sample;
}

TEST(Readiness, IsThereAsLongAsOneMoreFits) {
  const Health health = find_readiness(healthy());
  EXPECT_TRUE(health.is_good);
  EXPECT_EQ(health.said, "ok\n");
}

TEST(Readiness, EndsWithTheLastPortWhichMayRest) {
  ServerSample sample = healthy();
  sample.ports[0].resting = 1;
  EXPECT_EQ(find_readiness(sample).said, "no relay port is free\n");
  sample.ports.push_back({"192.0.2.2", "udp", 100, 0, 0});
  EXPECT_TRUE(find_readiness(sample).is_good);
}

TEST(Readiness, SaysAllThatIsWrong) {
  ServerSample sample = healthy();
  sample.answering = 1;
  sample.is_draining = true;
  sample.process.open_descriptors = 97;
  sample.allocations_held = 10;
  const Health health = find_readiness(sample);
  EXPECT_FALSE(health.is_good);
  EXPECT_EQ(health.said,
            "the server drains\nof 2 workers 1 answer\nno descriptors are left\n"
            "limits.allocations is reached\n");
}

}  // namespace
}  // namespace uturn
