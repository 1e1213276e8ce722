// Fuzz target: text as an address; what parses is written and parsed again.
#include "protocol/transport_address.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  if (const auto address = uturn::TransportAddress::parse(text)) {
    CHECK(uturn::TransportAddress::parse(address->to_string()) == address);
    CHECK(address->ip.canonical().canonical() == address->ip.canonical());
  }
  if (const auto ip = uturn::IpAddress::parse(text)) {
    CHECK(uturn::IpAddress::parse(ip->to_string()) == ip);
  }
  return 0;
}
