// The kernel says how long the table is (proc(5), FDSize).
#include "io/descriptor_table.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <fstream>
#include <string>

namespace uturn {
namespace {

uint64_t descriptor_table_length() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    uint64_t length = 0;
    if (word == "FDSize:" && status >> length) return length;
  }
  ADD_FAILURE() << "there is no FDSize";
  return 0;
}

TEST(DescriptorTable, IsLongEnoughAndStaysSo) {
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  const uint64_t count = std::min<uint64_t>(2 * descriptor_table_length(), limit.rlim_max);
  const rlimit raised{std::max<rlim_t>(limit.rlim_cur, count), limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &raised), 0);
  lengthen_descriptor_table(count);
  EXPECT_GE(descriptor_table_length(), count);
  lengthen_descriptor_table(1);
  EXPECT_GE(descriptor_table_length(), count);
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

TEST(DescriptorTable, BeyondTheLimitItIsLeftAsItIs) {
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  const uint64_t before = descriptor_table_length();
  lengthen_descriptor_table(uint64_t{limit.rlim_cur} + 1);
  lengthen_descriptor_table(UINT64_MAX);
  lengthen_descriptor_table(0);
  EXPECT_EQ(descriptor_table_length(), before);
}

}  // namespace
}  // namespace uturn
