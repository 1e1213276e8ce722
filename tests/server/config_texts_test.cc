// Durations, sizes, counts and the distance of words.
#include "server/config_texts.h"

#include <gtest/gtest.h>

namespace uturn {
namespace {

TEST(ConfigTexts, DurationsHaveUnits) {
  EXPECT_EQ(parse_duration("200us"), 200us);
  EXPECT_EQ(parse_duration("15ms"), 15ms);
  EXPECT_EQ(parse_duration("30s"), 30s);
  EXPECT_EQ(parse_duration("10m"), 10min);
  EXPECT_EQ(parse_duration("1h30m"), 90min);
  EXPECT_EQ(parse_duration("7d"), 168h);
  EXPECT_EQ(parse_duration("0"), 0s);
}

TEST(ConfigTexts, WhatIsNoDurationIsNothing) {
  for (const char* text : {"", "10", "s", "-1s", "1x", "1s2", " 1s", "1s ", "1.5h", "10M",
                           "99999999999999999999s", "9999999999d"}) {
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
  }
}

TEST(ConfigTexts, SizesHaveUnitsOfTwoKinds) {
  EXPECT_EQ(parse_size("65536"), 65'536u);
  EXPECT_EQ(parse_size("64KiB"), 65'536u);
  EXPECT_EQ(parse_size("4MiB"), 4'194'304u);
  EXPECT_EQ(parse_size("1GB"), 1'000'000'000u);
  for (const char* text : {"", "KiB", "64K", "64kib", "-1KiB", "99999999999999GiB"}) {
    EXPECT_EQ(parse_size(text), std::nullopt) << text;
  }
}

TEST(ConfigTexts, CountsMayBeGrouped) {
  EXPECT_EQ(parse_count("1_000_000"), 1'000'000u);
  EXPECT_EQ(parse_count("4294967295"), 4'294'967'295u);
  for (const char* text : {"", "_1", "1_", "+1", "-1", "0x10", "4294967296", "1.0", "1 "}) {
    EXPECT_EQ(parse_count(text), std::nullopt) << text;
  }
}

TEST(ConfigTexts, PortRangesAreNeverEmpty) {
  EXPECT_EQ(parse_port_range("49152-65535"), (PortRange{49152, 65535}));
  EXPECT_EQ(parse_port_range("1-1"), (PortRange{1, 1}));
  for (const char* text : {"", "-", "2-1", "0-5", "1-65536", "5", "1-2-3", "a-b", "1 -2"}) {
    EXPECT_EQ(parse_port_range(text), std::nullopt) << text;
  }
}

TEST(ConfigTexts, WhatIsPrintedIsReadBack) {
  for (const Duration duration : {Duration{0s}, Duration{200us}, Duration{90s}, Duration{1h},
                                  Duration{48h}, Duration{1h + 1s}, Duration{1001us}}) {
    EXPECT_EQ(parse_duration(print_duration(duration)), duration) << print_duration(duration);
  }
  for (const uint64_t size : {0ull, 1023ull, 1024ull, 65'537ull, 4ull << 20, 3ull << 30}) {
    EXPECT_EQ(parse_size(print_size(size)), size) << print_size(size);
  }
}

TEST(ConfigTexts, TextsAreQuotedWhereYamlWouldMisreadThem) {
  EXPECT_EQ(yaml_quoted("example.org"), "example.org");
  EXPECT_EQ(yaml_quoted(""), "\"\"");
  EXPECT_EQ(yaml_quoted("null"), "\"null\"");
  EXPECT_EQ(yaml_quoted("a: b"), "\"a: b\"");
  EXPECT_EQ(yaml_quoted("say \"hi\"\\\n"), "\"say \\\"hi\\\"\\\\\\x0a\"");
}

TEST(ConfigTexts, DistanceCountsTypingMistakes) {
  EXPECT_EQ(edit_distance("realm", "realm"), 0u);
  EXPECT_EQ(edit_distance("realm", "raelm"), 1u);   // swapped
  EXPECT_EQ(edit_distance("realm", "rehlm"), 1u);   // replaced
  EXPECT_EQ(edit_distance("realm", "real"), 1u);    // left out
  EXPECT_EQ(edit_distance("realm", "reallm"), 1u);  // doubled
  EXPECT_EQ(edit_distance("", "realm"), 5u);
}

}  // namespace
}  // namespace uturn
