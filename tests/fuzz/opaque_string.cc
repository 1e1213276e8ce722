// Fuzz target: any bytes as a name or password; what is prepared stays as it is.
#include "auth/opaque_string.h"

#include <cstdint>

#include "protocol/bytes.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto prepared = uturn::opaque_string(text);
  if (!prepared) return 0;
  CHECK(!prepared->empty() && uturn::is_plausible_name(text));
  // Composing may make a character that needs its neighbours: GREEK ANO TELEIA is MIDDLE DOT then.
  const auto again = uturn::opaque_string(*prepared);
  CHECK(!again || again == prepared);
  return 0;
}
