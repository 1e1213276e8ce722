// Names and passwords as OpaqueString prepares them (RFC 8265, Section 4.2).
#include "auth/opaque_string.h"

#include <gtest/gtest.h>

#include "auth/key.h"

namespace uturn {
namespace {

// The examples of RFC 8265, Section 4.3, by their numbers.
TEST(OpaqueString, IsThatOfTheRfcsExamples) {
  EXPECT_EQ(opaque_string("correct horse battery staple"), "correct horse battery staple");  // 12
  EXPECT_EQ(opaque_string("Correct Horse Battery Staple"), "Correct Horse Battery Staple");  // 13
  EXPECT_EQ(opaque_string("πßå"), "πßå");                                                    // 14
  EXPECT_EQ(opaque_string("Jack of ♦s"), "Jack of ♦s");                                      // 15
  EXPECT_EQ(opaque_string("foo\u1680bar"), "foo bar");                                       // 16
  EXPECT_EQ(opaque_string(""), std::nullopt);                                                // 17
  EXPECT_EQ(opaque_string("my cat is a \tby"), std::nullopt);                                // 18
}

TEST(OpaqueString, ComposesAndChangesNoCaseOrWidth) {
  EXPECT_EQ(opaque_string("Zoe\u0308"), "Zo\u00EB");
  EXPECT_EQ(opaque_string("\u212Bngstr\u00F6m"), "\u00C5ngstr\u00F6m");  // a singleton of NFC
  EXPECT_EQ(opaque_string("\uFF21\uFF22\uFF43"), "\uFF21\uFF22\uFF43");  // full width stays
  EXPECT_EQ(opaque_string("M\u00AAtr\u2168"), "M\u00AAtr\u2168");        // no Form KC
  EXPECT_EQ(opaque_string("マトリックス"), "マトリックス");
}

// RFC 8489, B.1 prepares its password as SASLprep did; by RFC 8264, Section 9.13 it is none.
TEST(OpaqueString, RefusesWhatCannotBeSeen) {
  EXPECT_EQ(opaque_string("The\u00ADM\u00AAtr\u2168"), std::nullopt);  // SOFT HYPHEN
  EXPECT_EQ(opaque_string("a\u200Bb"), std::nullopt);                  // ZERO WIDTH SPACE
  EXPECT_EQ(opaque_string("a\u202Eb"), std::nullopt);                  // right-to-left override
  EXPECT_EQ(opaque_string("a\x7F"), std::nullopt);
  EXPECT_EQ(opaque_string("a\u0085"), std::nullopt);
  EXPECT_EQ(opaque_string(std::string_view{"a\0b", 3}), std::nullopt);
  EXPECT_EQ(opaque_string("\uFDD0"), std::nullopt);  // a noncharacter
  EXPECT_EQ(opaque_string("\u0378"), std::nullopt);  // not assigned
  EXPECT_EQ(opaque_string("\u1100\u1161"), std::nullopt);
  EXPECT_EQ(opaque_string("\uE000"), std::nullopt);  // private use
}

TEST(OpaqueString, RefusesWhatIsNoUtf8) {
  for (const char* text : {"\xFF", "a\xC3", "\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80"}) {
    EXPECT_EQ(opaque_string(text), std::nullopt);
    EXPECT_FALSE(is_plausible_name(text));
    EXPECT_EQ(opaque_string_or_same(text), text);
  }
}

// RFC 5892, Appendix A.
TEST(OpaqueString, LooksAtTheNeighboursWhereTheyDecide) {
  EXPECT_EQ(opaque_string("col\u00B7lecci\u00F3"), "col\u00B7lecci\u00F3");
  EXPECT_EQ(opaque_string("a\u00B7b"), std::nullopt);
  EXPECT_EQ(opaque_string("\u0915\u094D\u200D\u0937"), "\u0915\u094D\u200D\u0937");  // virama
  EXPECT_EQ(opaque_string("a\u200Db"), std::nullopt);
  EXPECT_EQ(opaque_string("\u0645\u06CC\u200C\u062E\u0648"), "\u0645\u06CC\u200C\u062E\u0648");
  EXPECT_EQ(opaque_string("\u0661\u0662"), "\u0661\u0662");
  EXPECT_EQ(opaque_string("\u0661\u06F2"), std::nullopt);
  EXPECT_EQ(opaque_string("ア\u30FBイ"), "ア\u30FBイ");
  EXPECT_EQ(opaque_string("a\u30FBb"), std::nullopt);
}

TEST(OpaqueString, PreparedTwiceIsPreparedOnce) {
  for (const char* text : {"Zoe\u0308", "foo\u1680bar", "\u212B", "\u1E9B\u0323", "\u0344", "q"}) {
    const auto once = opaque_string(text);
    ASSERT_TRUE(once) << text;
    EXPECT_EQ(opaque_string(*once), once) << text;
  }
}

TEST(PlausibleName, IsAnyPrintableUtf8) {
  EXPECT_TRUE(is_plausible_name("1800000000:@alice:example.org"));
  EXPECT_TRUE(is_plausible_name("マトリックス"));
  EXPECT_TRUE(is_plausible_name("The\u00ADMatrix"));  // not prepared, and somebody's all the same
  EXPECT_FALSE(is_plausible_name(""));
  EXPECT_FALSE(is_plausible_name("alice\n"));
  EXPECT_FALSE(is_plausible_name(std::string_view{"al\0ice", 6}));
}

}  // namespace
}  // namespace uturn
