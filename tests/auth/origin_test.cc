// How origins are compared: as coturn stores them.
#include "auth/origin.h"

#include <gtest/gtest.h>

namespace uturn {
namespace {

TEST(Origin, IsInLowerCaseWithItsPortAndNothingBehindIt) {
  EXPECT_EQ(canonical_origin("https://Meet.Example.org"), "https://meet.example.org:443");
  EXPECT_EQ(canonical_origin("HTTP://example.org/room?x#y"), "http://example.org:80");
  EXPECT_EQ(canonical_origin("http://example.org:8080/"), "http://example.org:8080");
  EXPECT_EQ(canonical_origin("ftp://example.org"), "ftp://example.org:21");
  EXPECT_EQ(canonical_origin("https://[2001:DB8::1]"), "https://[2001:db8::1]:443");
  EXPECT_EQ(canonical_origin("https://[2001:db8::1]:444"), "https://[2001:db8::1]:444");
  EXPECT_EQ(canonical_origin("app://Example"), "app://example") << "no port that anybody knows";
}

TEST(Origin, IsTakenAsItIsWhereItIsNone) {
  EXPECT_EQ(canonical_origin(""), "");
  EXPECT_EQ(canonical_origin("Null"), "null");
  EXPECT_EQ(canonical_origin("://"), "://");
}

}  // namespace
}  // namespace uturn
