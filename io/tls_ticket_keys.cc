// TlsTicketKeys: keys from OpenSSL's CSPRNG, the oldest dropped when its last ticket has expired.
//
// Also: RFC 5077, Section 4: the key name, AES-CBC and HMAC of the recommended construction.
#include "io/tls_ticket_keys.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

namespace uturn {
namespace {

// Without randomness there is no key at all: nothing weaker steps in.
void draw(MutableBytes out) { CHECK(RAND_bytes(out.data(), static_cast<int>(out.size())) == 1); }

TlsTicketKey make_key(Now now) {
  TlsTicketKey key;
  draw(key.name);
  draw(key.cipher_key);
  draw(key.mac_key);
  key.made_at = now.monotonic;
  return key;
}

}  // namespace

TlsTicketKey::~TlsTicketKey() {
  OPENSSL_cleanse(cipher_key.data(), cipher_key.size());
  OPENSSL_cleanse(mac_key.data(), mac_key.size());
}

std::shared_ptr<const TlsTicketKeys> TlsTicketKeys::make(Now now) {
  return std::make_shared<const TlsTicketKeys>(std::vector{make_key(now)});
}

TlsTicketKeys::TlsTicketKeys(std::vector<TlsTicketKey> keys) : keys_(std::move(keys)) {
  CHECK(!keys_.empty() && keys_.size() <= kMaxKeys);
}

std::shared_ptr<const TlsTicketKeys> TlsTicketKeys::rotated(Now now) const {
  std::vector<TlsTicketKey> keys{make_key(now)};
  for (const TlsTicketKey& key : keys_) {
    // The newest made tickets until now, however late this rotation comes.
    const bool is_newest = &key == &keys_.front();
    if (!is_newest && is_past(key.made_at + kRotation + kTicketLifetime, now)) continue;
    if (keys.size() < kMaxKeys) keys.push_back(key);
  }
  return std::make_shared<const TlsTicketKeys>(std::move(keys));
}

const TlsTicketKey* TlsTicketKeys::find(Bytes name) const {
  for (const TlsTicketKey& key : keys_) {
    if (equal(key.name, name)) return &key;  // it stands in clear: nothing to hide from timing
  }
  return nullptr;
}

}  // namespace uturn
