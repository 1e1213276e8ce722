// LongTermCredentials: challenges taken, requests signed, responses verified.
//
// Also: RFC 8489, Sections 9.2.2, 14.3 and 14.4.
#include "client/long_term_credentials.h"

#include <openssl/crypto.h>

#include <utility>

#include "auth/opaque_string.h"
#include "client/nonce_cookie.h"

namespace uturn {
namespace {

/// An algorithm of the list as far as we know it, and where the next one starts.
struct OfferedAlgorithms {
  bool md5 = false;
  bool sha256 = false;
};

/// PASSWORD-ALGORITHMS: number (16), length of parameters (16), parameters padded to 4 (RFC 8489,
/// Section 14.11). nullopt: it reaches beyond its value.
std::optional<OfferedAlgorithms> read_algorithms(Bytes value) {
  OfferedAlgorithms offered;
  while (!value.empty()) {
    if (value.size() < 4) return std::nullopt;
    const uint16_t number = load_be16(value.data());
    const size_t parameters = load_be16(value.data() + 2);
    const size_t step = 4 + (parameters + 3) / 4 * 4;
    if (step > value.size()) return std::nullopt;
    // Both of ours have no parameters (Section 18.5.1); with some it is not what we know.
    if (parameters == 0 && number == static_cast<uint16_t>(PasswordAlgorithm::md5)) {
      offered.md5 = true;
    }
    if (parameters == 0 && number == static_cast<uint16_t>(PasswordAlgorithm::sha256)) {
      offered.sha256 = true;
    }
    value = value.subspan(step);
  }
  return offered;
}

std::optional<std::string_view> text_in(const MessageView& message, AttributeType type) {
  const auto attribute = message.find(type);
  if (!attribute || attribute->value.empty() || attribute->value.size() > kMaxTextOnReceipt) {
    return std::nullopt;
  }
  return text_of(attribute->value);
}

}  // namespace

LongTermCredentials::LongTermCredentials(std::string username, std::string password)
    : username_(opaque_string_or_same(username)), password_(opaque_string_or_same(password)) {
  OPENSSL_cleanse(password.data(), password.size());
}

LongTermCredentials::~LongTermCredentials() { OPENSSL_cleanse(password_.data(), password_.size()); }

void LongTermCredentials::sign(MessageBuilder& request) const {
  CHECK(can_sign());
  if (sends_userhash_) {
    request.add(AttributeType::userhash, userhash(username_, opaque_string_or_same(realm_)));
  } else {
    request.add_text(AttributeType::username, username_);
  }
  request.add_text(AttributeType::realm, realm_);
  request.add_text(AttributeType::nonce, nonce_);
  if (!algorithm_) {
    request.add_integrity(key_->bytes());
    return;
  }
  request.add(AttributeType::password_algorithms, offered_algorithms_);
  request.add_password_algorithm(static_cast<uint16_t>(*algorithm_));
  // Only SHA-256 once the server has sent PASSWORD-ALGORITHMS, whatever the password is hashed
  // with.
  request.add_integrity_sha256(key_->bytes());
}

// RFC 8489, Section 9.2.5, in its order. Nothing is learned from a challenge that is not answered.
Challenge LongTermCredentials::take_challenge(const MessageView& response, bool was_signed) {
  if (is_bid_down(response)) return Challenge::bid_down;
  if (!are_given()) return Challenge::no_credentials;

  const auto nonce = text_in(response, AttributeType::nonce);
  const auto realm = text_in(response, AttributeType::realm);
  const auto error = response.find(AttributeType::error_code);
  const auto code = error ? decode_error_code(error->value) : std::nullopt;
  if (!nonce || !code) return Challenge::malformed;
  const bool is_stale = code->code == static_cast<uint16_t>(ErrorCode::stale_nonce);
  // A 438 only has to bring a new nonce; who was in a realm stays there.
  if (!realm && !(is_stale && can_sign())) return Challenge::malformed;

  const bool anonymous = security_features_of(*nonce).username_anonymity;
  const std::string_view new_realm = realm ? *realm : std::string_view{realm_};
  const bool nothing_new = new_realm == realm_ && anonymous == sends_userhash_;
  if (!is_stale && was_signed && nothing_new) return Challenge::refused;

  std::optional<PasswordAlgorithm> algorithm;
  const auto offered = response.find(AttributeType::password_algorithms);
  if (offered) {
    const auto known = read_algorithms(offered->value);
    if (!known) return Challenge::malformed;
    if (!known->md5 && !known->sha256) return Challenge::no_common_algorithm;
    // SHA-256 whenever both sides have it, whatever the order of the list (RFC 8656, Section 6).
    algorithm = known->sha256 ? PasswordAlgorithm::sha256 : PasswordAlgorithm::md5;
  }

  const bool same_key = key_ && new_realm == realm_ && algorithm == algorithm_;
  realm_ = std::string{new_realm};
  nonce_ = *nonce;
  sends_userhash_ = anonymous;
  algorithm_ = algorithm;
  offered_algorithms_.clear();
  if (offered) offered_algorithms_.assign(offered->value.begin(), offered->value.end());
  if (!same_key) {
    key_ = Key::derive(algorithm_.value_or(PasswordAlgorithm::md5), username_,
                       opaque_string_or_same(realm_), password_);
  }
  return Challenge::retry;
}

bool LongTermCredentials::verify(const MessageView& response) const {
  if (!key_) return false;
  return algorithm_ ? verify_integrity_sha256(response, key_->bytes())
                    : verify_integrity(response, key_->bytes());
}

bool is_bid_down(const MessageView& response) {
  const auto nonce = response.find(AttributeType::nonce);
  return nonce && security_features_of(text_of(nonce->value)).password_algorithms &&
         !response.has(AttributeType::password_algorithms);
}

}  // namespace uturn
