// Fuzz target: any bytes as an access token, and a block of any form inside an authentic one.
#include "auth/access_token.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace uturn;
  TokenKey key;
  key.kid = "kid";
  CHECK(!open_token({data, size}, key, "server"));  // nobody guesses a tag

  const auto mac_key = Key::from_mac_key({data, std::min(size, Key::kMaxSize)});
  if (!mac_key) return 0;
  const AccessToken token{*mac_key, CalendarTime{std::chrono::seconds{size}},
                          std::chrono::seconds{data[0]}};
  const std::array<uint8_t, kTokenNonceSize> nonce{data[0]};
  auto sealed = seal_token(token, key, "server", nonce);
  const auto opened = open_token(sealed, key, "server");
  CHECK(opened && opened->mac_key == *mac_key && opened->lifetime == token.lifetime);
  sealed[data[size / 2] % sealed.size()] ^= 1;
  CHECK(!open_token(sealed, key, "server"));
  return 0;
}
