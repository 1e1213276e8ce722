// Fuzz target: text as a range of addresses; what parses is ordered, written and parsed again.
#include "auth/address_range.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  if (const auto range = uturn::AddressRange::parse(text)) {
    CHECK(range->first.family() == range->last.family());
    CHECK(range->contains(range->first) && range->contains(range->last));
    CHECK(uturn::AddressRange::parse(range->to_string()) == range);
  }
  return 0;
}
