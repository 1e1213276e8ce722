// OpaqueString: the FreeformClass of PRECIS (RFC 8264, Sections 4.3, 8 and 9) over utf8proc's
// tables.
//
// Also: RFC 8265, Sections 4.2.1 and 4.2.2; RFC 8489, Sections 9.2.2 and 14.3.
#include "auth/opaque_string.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <vector>

namespace uturn {
namespace {

using CodePoint = utf8proc_int32_t;

struct Range {
  CodePoint first;
  CodePoint last;
};

template <size_t n>
bool is_in(CodePoint c, const Range (&ranges)[n]) {
  return std::ranges::any_of(ranges, [c](Range r) { return r.first <= c && c <= r.last; });
}

// RFC 8264, Section 9.6, which RFC 5892 decided one by one.
constexpr Range kExceptionsAllowed[] = {
    {0x00DF, 0x00DF}, {0x03C2, 0x03C2}, {0x06FD, 0x06FE}, {0x0F0B, 0x0F0B}, {0x3007, 0x3007}};
constexpr Range kExceptionsDisallowed[] = {
    {0x0640, 0x0640}, {0x07FA, 0x07FA}, {0x302E, 0x302F}, {0x3031, 0x3035}, {0x303B, 0x303B}};
constexpr Range kOldHangulJamo[] = {{0x1100, 0x11FF}, {0xA960, 0xA97C}, {0xD7B0, 0xD7FB}};
constexpr Range kArabicIndicDigits[] = {{0x0660, 0x0669}};
constexpr Range kExtendedArabicIndicDigits[] = {{0x06F0, 0x06F9}};
constexpr Range kGreek[] = {{0x0370, 0x03E1}, {0x03F0, 0x03FF}, {0x1F00, 0x1FFF}};
constexpr Range kHebrew[] = {{0x0591, 0x05F4}, {0xFB1D, 0xFB4F}};
constexpr Range kKanaAndHan[] = {{0x3005, 0x3005}, {0x3007, 0x3007},  {0x3041, 0x309F},
                                 {0x30A1, 0x30FA}, {0x30FC, 0x30FF},  {0x31F0, 0x31FF},
                                 {0x3400, 0x4DBF}, {0x4E00, 0x9FFF},  {0xF900, 0xFAFF},
                                 {0xFF66, 0xFF9F}, {0x20000, 0x3134F}};
// The scripts whose letters join: what RFC 5892, Appendix A.1 tests by joining types.
constexpr Range kJoiningScripts[] = {{0x0600, 0x08FF}, {0x1800, 0x18AF}, {0xA840, 0xA877}};

constexpr CodePoint kNonJoiner = 0x200C;
constexpr CodePoint kJoiner = 0x200D;
constexpr int kVirama = 9;  // canonical combining class

std::optional<std::vector<CodePoint>> decode_utf8(std::string_view text) {
  std::vector<CodePoint> points;
  points.reserve(text.size());
  const auto* at = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  auto left = static_cast<utf8proc_ssize_t>(text.size());
  while (left > 0) {
    CodePoint c = 0;
    const utf8proc_ssize_t length = utf8proc_iterate(at, left, &c);
    if (length <= 0) return std::nullopt;
    points.push_back(c);
    at += length;
    left -= length;
  }
  return points;
}

std::optional<std::string> map(std::string_view text, int options) {
  utf8proc_uint8_t* mapped = nullptr;
  const utf8proc_ssize_t size = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                             static_cast<utf8proc_ssize_t>(text.size()), &mapped,
                                             static_cast<utf8proc_option_t>(options));
  if (size < 0) return std::nullopt;
  std::string result(reinterpret_cast<const char*>(mapped), static_cast<size_t>(size));
  std::fill_n(mapped, size, utf8proc_uint8_t{0});  // it may be a password
  std::free(mapped);
  return result;
}

std::string encode(CodePoint c) {
  utf8proc_uint8_t bytes[4];
  const auto size = utf8proc_encode_char(c, bytes);
  return {reinterpret_cast<const char*>(bytes), static_cast<size_t>(size)};
}

/// "Decomposed and recomposed into something other than itself" (RFC 8264, Section 9.17).
bool has_compatibility_form(CodePoint c) {
  const std::string itself = encode(c);
  return map(itself, UTF8PROC_STABLE | UTF8PROC_COMPAT | UTF8PROC_COMPOSE) != itself;
}

bool is_noncharacter(CodePoint c) { return (c >= 0xFDD0 && c <= 0xFDEF) || (c & 0xFFFE) == 0xFFFE; }

/// RFC 5892, Appendix A: allowed between these neighbours only.
bool is_in_its_context(const std::vector<CodePoint>& text, size_t at) {
  const CodePoint c = text[at];
  const CodePoint before = at > 0 ? text[at - 1] : 0;
  const CodePoint after = at + 1 < text.size() ? text[at + 1] : 0;
  const auto anywhere = [&](const auto& ranges) {
    return std::ranges::any_of(text, [&](CodePoint other) { return is_in(other, ranges); });
  };
  switch (c) {
    case kNonJoiner:
      if (is_in(before, kJoiningScripts) && is_in(after, kJoiningScripts)) return true;
      [[fallthrough]];
    case kJoiner:
      return utf8proc_get_property(before)->combining_class == kVirama;
    case 0x00B7:  // MIDDLE DOT of Catalan
      return before == 'l' && after == 'l';
    case 0x0375:
      return is_in(after, kGreek);
    case 0x05F3:
    case 0x05F4:
      return is_in(before, kHebrew);
    case 0x30FB:
      return anywhere(kKanaAndHan);
    default:
      break;
  }
  // The two sorts of Arabic digits look alike and are not mixed.
  if (is_in(c, kArabicIndicDigits)) return !anywhere(kExtendedArabicIndicDigits);
  return !anywhere(kArabicIndicDigits);
}

bool needs_context(CodePoint c) {
  return c == kNonJoiner || c == kJoiner || c == 0x00B7 || c == 0x0375 || c == 0x05F3 ||
         c == 0x05F4 || c == 0x30FB || is_in(c, kArabicIndicDigits) ||
         is_in(c, kExtendedArabicIndicDigits);
}

/// The algorithm of RFC 8264, Section 8, in its order.
bool is_allowed(const std::vector<CodePoint>& text, size_t at) {
  const CodePoint c = text[at];
  if (c >= 0x21 && c <= 0x7E) return true;
  if (is_in(c, kExceptionsAllowed)) return true;
  if (is_in(c, kExceptionsDisallowed)) return false;
  if (needs_context(c)) return is_in_its_context(text, at);
  const utf8proc_property_t& property = *utf8proc_get_property(c);
  if (property.category == UTF8PROC_CATEGORY_CN || is_noncharacter(c)) return false;
  if (is_in(c, kOldHangulJamo)) return false;
  if (property.ignorable) return false;
  if (property.category == UTF8PROC_CATEGORY_CC) return false;
  if (has_compatibility_form(c)) return true;
  switch (property.category) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
    case UTF8PROC_CATEGORY_PC:
    case UTF8PROC_CATEGORY_PD:
    case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PI:
    case UTF8PROC_CATEGORY_PF:
    case UTF8PROC_CATEGORY_PO:
    case UTF8PROC_CATEGORY_SM:
    case UTF8PROC_CATEGORY_SC:
    case UTF8PROC_CATEGORY_SK:
    case UTF8PROC_CATEGORY_SO:
    case UTF8PROC_CATEGORY_ZS:
      return true;
    default:
      return false;
  }
}

bool is_printable_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= 0x20 && c <= 0x7E; });
}

}  // namespace

std::optional<std::string> opaque_string(std::string_view text) {
  if (text.empty()) return std::nullopt;
  if (is_printable_ascii(text)) return std::string{text};
  auto points = decode_utf8(text);
  if (!points) return std::nullopt;
  for (size_t i = 0; i < points->size(); ++i) {
    if (!is_allowed(*points, i)) return std::nullopt;
  }
  std::string spaced;
  for (CodePoint& c : *points) {
    spaced += encode(utf8proc_category(c) == UTF8PROC_CATEGORY_ZS ? ' ' : c);
    c = 0;
  }
  auto composed = map(spaced, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
  std::ranges::fill(spaced, '\0');
  return composed;
}

std::string opaque_string_or_same(std::string_view text) {
  return opaque_string(text).value_or(std::string{text});
}

bool is_plausible_name(std::string_view text) {
  if (text.empty()) return false;
  if (is_printable_ascii(text)) return true;
  const auto points = decode_utf8(text);
  return points && std::ranges::none_of(*points, [](CodePoint c) {
           return utf8proc_category(c) == UTF8PROC_CATEGORY_CC;
         });
}

}  // namespace uturn
