// Fuzz target: text as a nonce. Nobody without the key makes a fresh one.
#include "auth/nonce.h"

namespace {

const uturn::NonceMint& nonces() {
  static const uturn::NonceMint kNonces{{.keys = {uturn::NonceKey{.id = 1, .secret = {0x5A}}}}};
  return kNonces;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const uturn::Now now{uturn::Instant{}, uturn::CalendarTime{std::chrono::seconds{1'800'000'000}}};
  const auto client = uturn::client_address(*uturn::TransportAddress::parse("192.0.2.1:4000"));
  const std::string nonce(reinterpret_cast<const char*>(data), size);
  CHECK(nonces().check(nonce, client, now) == uturn::NonceVerdict::alien);
  const uturn::SecurityFeatures announced = nonces().features_of(nonce);

  // What it announced is what a nonce of ours can carry: round through one.
  std::array<char, uturn::NonceMint::kMaxSize> out{};
  const std::string_view ours = nonces().mint(out, client, announced, now);
  CHECK(nonces().check(ours, client, now) == uturn::NonceVerdict::fresh);
  CHECK(nonces().features_of(ours) == announced);
  return 0;
}
