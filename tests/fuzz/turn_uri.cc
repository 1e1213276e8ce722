// Fuzz target: text as a STUN or TURN URI. What parses is written and parsed to the same value.
#include "client/turn_uri.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto uri = uturn::TurnUri::parse(uturn::text_of(uturn::Bytes{data, size}));
  if (!uri) {
    CHECK(!uturn::text_of(uri.error()).empty());
    return 0;
  }
  CHECK(uri->port != 0 && !uri->host.empty());
  const auto again = uturn::TurnUri::parse(uri->to_string());
  CHECK(again && again->host == uri->host && again->port == uri->port);
  CHECK(again->transport == uri->transport && again->is_secure == uri->is_secure);
  return 0;
}
