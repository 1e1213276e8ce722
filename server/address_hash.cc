// HMAC-SHA-256 over day and address.
#include "server/address_hash.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

namespace uturn {

std::string AddressHash::name_of(const IpAddress& address, std::chrono::sys_days day) const {
  const Bytes bytes = address.bytes();
  std::string message = std::to_string(day.time_since_epoch().count()) + '/';
  message.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  std::array<uint8_t, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  CHECK(HMAC(EVP_sha256(), secret_.data(), static_cast<int>(secret_.size()),
             reinterpret_cast<const unsigned char*>(message.data()), message.size(), digest.data(),
             &size) != nullptr);
  constexpr size_t kShown = 6;
  constexpr char kDigits[] = "0123456789abcdef";
  std::string name = "~";
  for (size_t i = 0; i < kShown; ++i) {
    name += kDigits[digest[i] >> 4];
    name += kDigits[digest[i] & 15];
  }
  return name;
}

}  // namespace uturn
