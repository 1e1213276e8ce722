// Fuzz target: any text as the URL of a database; what was read and printed is read again alike.
#include "server/directories/database_url.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto url = uturn::DatabaseUrl::parse({reinterpret_cast<const char*>(data), size});
  if (!url) return 0;
  (void)url->is_open_to_listeners();
  const std::string printed = url->to_string();
  const auto again = uturn::DatabaseUrl::parse(printed);
  CHECK(again.has_value());
  CHECK(again->to_string() == printed);
  return 0;
}
