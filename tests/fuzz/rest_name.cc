// Fuzz target: text as a TURN REST user name; what is one is made and taken apart again.
#include "auth/rest_secrets.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const char separator = static_cast<char>(data[0]);
  const std::string name(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto parsed = uturn::parse_rest_name(name, separator);
  if (!parsed || (separator >= '0' && separator <= '9')) return 0;
  const std::string again = uturn::make_rest_name(parsed->expires_at, parsed->id, separator);
  const auto reparsed = uturn::parse_rest_name(again, separator);
  CHECK(reparsed && reparsed->expires_at == parsed->expires_at && reparsed->id == parsed->id);
  return 0;
}
