// DtlsCookies: HMAC-SHA256 under a secret that lives for two minutes.
//
// Also: RFC 6347, Section 4.2.1.
#include "io/dtls_cookies.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

namespace uturn {
namespace {

void draw(MutableBytes out) { CHECK(RAND_bytes(out.data(), static_cast<int>(out.size())) == 1); }

EVP_MAC_CTX* make_hmac_sha256() {
  EVP_MAC* hmac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  EVP_MAC_CTX* context = EVP_MAC_CTX_new(hmac);
  EVP_MAC_free(hmac);
  char digest[] = "SHA256";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_end()};
  CHECK(context != nullptr && EVP_MAC_CTX_set_params(context, parameters) == 1);
  return context;
}

/// family, IP address and port of one end
struct EndBytes {
  std::array<uint8_t, 19> bytes{};
  explicit EndBytes(const TransportAddress& end) {
    bytes[0] = static_cast<uint8_t>(end.ip.family());
    std::ranges::copy(end.ip.bytes(), &bytes[1]);
    store_be16(&bytes[17], end.port);
  }
};

}  // namespace

DtlsCookies::DtlsCookies(Now now)
    : rotates_at_(now.monotonic + kRotation), mac_(make_hmac_sha256()) {
  draw(present_);
  draw(former_);
}

DtlsCookies::~DtlsCookies() {
  OPENSSL_cleanse(present_.data(), present_.size());
  OPENSSL_cleanse(former_.data(), former_.size());
  EVP_MAC_CTX_free(mac_);
}

void DtlsCookies::rotate_if_due(Now now) {
  if (!is_past(rotates_at_, now)) return;
  // After a pause of more than one rotation the present secret is as old as a former one may be.
  if (is_past(rotates_at_ + kRotation, now))
    draw(former_);
  else
    former_ = present_;
  draw(present_);
  rotates_at_ = now.monotonic + kRotation;
}

DtlsCookies::Cookie DtlsCookies::make(const FiveTuple& five_tuple) const {
  return sign(present_, five_tuple);
}

bool DtlsCookies::check(Bytes cookie, const FiveTuple& five_tuple) const {
  if (cookie.size() != kSize) return false;
  return CRYPTO_memcmp(cookie.data(), sign(present_, five_tuple).data(), kSize) == 0 ||
         CRYPTO_memcmp(cookie.data(), sign(former_, five_tuple).data(), kSize) == 0;
}

DtlsCookies::Cookie DtlsCookies::sign(const Secret& secret, const FiveTuple& five_tuple) const {
  const EndBytes client{five_tuple.client};
  const EndBytes server{five_tuple.server};
  std::array<uint8_t, 32> mac{};
  size_t size = 0;
  CHECK(EVP_MAC_init(mac_, secret.data(), secret.size(), nullptr) == 1);
  CHECK(EVP_MAC_update(mac_, client.bytes.data(), client.bytes.size()) == 1);
  CHECK(EVP_MAC_update(mac_, server.bytes.data(), server.bytes.size()) == 1);
  CHECK(EVP_MAC_final(mac_, mac.data(), &size, mac.size()) == 1 && size == mac.size());
  Cookie cookie{};
  std::copy_n(mac.begin(), cookie.size(), cookie.begin());
  return cookie;
}

}  // namespace uturn
