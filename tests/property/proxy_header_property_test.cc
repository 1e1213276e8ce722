// A PROXY header, damaged or not, is read the same however it is chunked.
#include <gtest/gtest.h>

#include "protocol/proxy_header.h"
#include "tests/property/seeded.h"
#include "tests/protocol/hex.h"
#include "tests/protocol/read_everything.h"

namespace uturn {
namespace {

std::vector<uint8_t> random_header(Seeded& random) {
  constexpr std::string_view kLines[] = {"PROXY TCP4 192.0.2.1 198.51.100.7 54321 443\r\n",
                                         "PROXY TCP6 2001:db8::1 2001:db8::2 54321 443\r\n",
                                         "PROXY UNKNOWN\r\n"};
  constexpr std::string_view kBinary[] = {
      "0d0a0d0a000d0a515549540a 21 11 001a c0000201 c6336407 d431 01bb 03 0004 13697a02 04 0004 "
      "00000000",
      "0d0a0d0a000d0a515549540a 20 00 0000",
      "0d0a0d0a000d0a515549540a 21 21 0024 20010db8000000000000000000000001"
      "20010db8000000000000000000000002 d431 01bb"};
  if (random.one_in(2)) return from_hex(random.pick(kBinary));
  const std::string_view line = random.pick(kLines);
  return {line.begin(), line.end()};
}

TEST(ProxyHeaderProperty, AnyChunkingGivesTheSame) {
  for_seeds(1'000, [](Seeded& random) {
    auto stream = random_header(random);
    if (random.one_in(2)) random.pick(stream) ^= static_cast<uint8_t>(1 << random.below(8));
    const auto behind = random.bytes(random.below(200));
    stream.insert(stream.end(), behind.begin(), behind.end());

    const auto first = [&](size_t size) {
      return read_stream_proxy_header(ExactCopy(Bytes{stream}.first(size)).bytes());
    };
    const auto is_undecided = [&](size_t size) {
      const auto header = first(size);
      return !header && header.error() == ProxyHeaderError::incomplete;
    };
    const auto whole = first(stream.size());
    size_t decided_at = 0;
    while (decided_at < stream.size() && is_undecided(decided_at)) ++decided_at;
    const auto early = first(decided_at);
    ASSERT_EQ(early.has_value(), whole.has_value()) << decided_at << " of " << to_hex(stream);
    if (!whole) {
      EXPECT_EQ(early.error(), whole.error());
      return;
    }
    EXPECT_EQ(early->announced, whole->announced);
    EXPECT_EQ(early->consumed, whole->consumed);
    EXPECT_EQ(decided_at, whole->consumed) << "neither earlier nor later";
  });
}

}  // namespace
}  // namespace uturn
