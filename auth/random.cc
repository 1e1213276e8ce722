// Random and CsprngRandom: drawn from OpenSSL's CSPRNG in blocks.
#include "auth/random.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

namespace uturn {
namespace {

// Without randomness there is neither a safe port nor a safe nonce key: nothing weaker steps in.
void draw(MutableBytes out) { CHECK(RAND_bytes(out.data(), static_cast<int>(out.size())) == 1); }

}  // namespace

uint64_t Random::next_u64() {
  std::array<uint8_t, 8> bytes{};
  fill(bytes);
  return load_be64(bytes.data());
}

uint64_t Random::below(uint64_t bound) {
  CHECK(bound > 0);
  // The values under 2^64 mod bound are one too many for an even share: draw again.
  const uint64_t surplus = (0 - bound) % bound;
  uint64_t value = next_u64();
  while (value < surplus) value = next_u64();
  return value % bound;
}

CsprngRandom::~CsprngRandom() { OPENSSL_cleanse(block_.data(), block_.size()); }

void CsprngRandom::fill(MutableBytes out) {
  if (out.size() > block_.size()) return draw(out);
  if (out.size() > left_) {
    draw(block_);
    left_ = block_.size();
  }
  const MutableBytes taken = MutableBytes{block_}.subspan(block_.size() - left_, out.size());
  std::ranges::copy(taken, out.begin());
  // What was handed out is not kept: it may be a key by now.
  OPENSSL_cleanse(taken.data(), taken.size());
  left_ -= out.size();
}

}  // namespace uturn
