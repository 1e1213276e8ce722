// Authenticator: RFC 8489, Section 9.2.4, check by check.
//
// Also: RFC 7635, Sections 4, 5, 6.1, 7 and 9; RFC 5389, Section 10.2.2; RFC 8489,
// Sections 14.3, 14.6, 14.11 and 14.12; RFC 8656, Sections 5 and 6.
#include "auth/authenticator.h"

#include <utility>

#include "auth/opaque_string.h"
#include "protocol/attributes.h"

namespace uturn {
namespace {

// In the order we prefer them. The client's copy is compared byte by byte with this.
constexpr std::array<uint16_t, 2> kAlgorithms{static_cast<uint16_t>(PasswordAlgorithm::sha256),
                                              static_cast<uint16_t>(PasswordAlgorithm::md5)};

std::span<const uint16_t> algorithms_announced(SecurityFeatures features) {
  return std::span{kAlgorithms}.last(features.sha256 ? 2 : 1);
}

bool is_list_of(Bytes password_algorithms, std::span<const uint16_t> algorithms) {
  std::array<uint8_t, 4 * kAlgorithms.size()> expected{};  // number and length 0 of the parameters
  for (size_t i = 0; i < algorithms.size(); ++i) store_be16(&expected[4 * i], algorithms[i]);
  return equal(password_algorithms, Bytes{expected}.first(4 * algorithms.size()));
}

Failure<Rejected> bad_request(AuthFailure why) {
  return Failure{Rejected{.code = ErrorCode::bad_request, .why = why}};
}

Rejected unauthenticated(AuthFailure why) {
  return {.code = ErrorCode::unauthenticated, .challenge = true, .why = why};
}

/// "The server has suffered a temporary error. The client should try again" (RFC 8489,
/// Section 14.8). A challenge would only make it send what cannot be checked once more.
Rejected unavailable() {
  return {.code = ErrorCode::server_error, .why = AuthFailure::directory_unavailable};
}

Rejected stale(NonceVerdict nonce) {
  return {
      .code = ErrorCode::stale_nonce,
      .challenge = true,
      .why = nonce == NonceVerdict::stale ? AuthFailure::stale_nonce : AuthFailure::alien_nonce};
}

/// What PASSWORD-ALGORITHM says, and what answers are therefore signed with.
struct AlgorithmChoice {
  PasswordAlgorithm algorithm = PasswordAlgorithm::md5;
  Integrity answer_by = Integrity::sha1;
};

/// `announced`: by the nonce of the request.
Result<AlgorithmChoice, AuthFailure> read_algorithm(const MessageView& request,
                                                    SecurityFeatures announced) {
  const auto algorithm = request.find(AttributeType::password_algorithm);
  const auto list = request.find(AttributeType::password_algorithms);
  AlgorithmChoice choice;
  if (!algorithm && !list) return choice;

  if (algorithm) {
    const auto chosen = decode_password_algorithm(algorithm->value);
    if (!chosen || !chosen->parameters.empty()) return Failure{AuthFailure::malformed};
    if (std::ranges::find(kAlgorithms, chosen->algorithm) == kAlgorithms.end()) {
      return Failure{AuthFailure::algorithm_mismatch};
    }
    choice = {static_cast<PasswordAlgorithm>(chosen->algorithm), Integrity::sha256};
  }
  // Behind a nonce that announced nothing, nothing can have been bid down. The same goes for one
  // that is not of our making: what list went with it nobody knows, and in the end it is a 438.
  if (!announced.password_algorithms) return choice;

  const auto sent = algorithms_announced(announced);
  const bool is_from_list =
      std::ranges::find(sent, static_cast<uint16_t>(choice.algorithm)) != sent.end();
  if (!algorithm || !list || !is_list_of(list->value, sent) || !is_from_list) {
    return Failure{AuthFailure::algorithm_mismatch};
  }
  return choice;
}

/// MESSAGE-INTEGRITY-SHA256 where it is there, otherwise MESSAGE-INTEGRITY: by the same key.
bool is_signed_by(const MessageView& request, const Key& key) {
  return request.integrity_sha256_offset() != 0 ? verify_integrity_sha256(request, key.bytes())
                                                : verify_integrity(request, key.bytes());
}

/// Tells tokens apart without telling their keys.
std::string fingerprint_of(const Key& mac_key) {
  const auto hash = hmac_sha256(mac_key.bytes(), bytes_of("fingerprint"));
  std::string text;
  for (const uint8_t byte : Bytes{hash}.first(8)) {
    constexpr char kHex[] = "0123456789abcdef";
    text += {kHex[byte >> 4], kHex[byte & 0xF]};
  }
  return text;
}

/// The mac_key; or its first 16 bytes, which coturn and its clients make of one of 20 for
/// HMAC-SHA1. Nothing where it is neither.
std::optional<Key> key_that_signed(const MessageView& request, const Key& mac_key) {
  if (is_signed_by(request, mac_key)) return mac_key;
  constexpr size_t kSha1Key = 20;
  constexpr size_t kCoturnsKey = 16;
  const bool may_be_coturns =
      mac_key.bytes().size() == kSha1Key && request.integrity_sha256_offset() == 0;
  if (!may_be_coturns) return std::nullopt;
  auto shortened = Key::from_mac_key(mac_key.bytes().first(kCoturnsKey));
  return shortened && is_signed_by(request, *shortened) ? shortened : std::nullopt;
}

/// A key that no password leads to: for the work that an unknown user costs.
Key nobodys_key(PasswordAlgorithm algorithm, const NonceMint::Settings& nonce) {
  return Key::derive(algorithm, "", "", text_of(nonce.keys.front().secret));
}

}  // namespace

std::string_view without_quotes_and_nulls(Bytes value) {
  std::string_view text = text_of(value);
  while (text.ends_with('\0')) text.remove_suffix(1);
  if (text.size() >= 2 && text.starts_with('"') && text.ends_with('"')) {
    text = text.substr(1, text.size() - 2);
  }
  return text;
}

/// A request that has everything the mechanism needs, and nothing proved yet. Views the request.
struct Authenticator::Attempt {
  const MessageView& request;
  const ClientAddress& client;
  Now now;
  std::string_view username{};  ///< or else the hash:
  Bytes userhash{};
  std::string_view nonce{};
  AlgorithmChoice choice{};
  bool has_allocation = false;  ///< by this very name: its credential may have expired meanwhile

  /// Called for requests within an allocation only: the hash costs a digest.
  bool is_named(std::string_view name, std::string_view realm) const {
    if (!userhash.empty()) return equal(userhash, uturn::userhash(name, realm));
    return username == name;
  }
  const std::optional<Key>& key_of(const User& user) const {
    return choice.algorithm == PasswordAlgorithm::md5 ? user.md5 : user.sha256;
  }
};

Authenticator::Authenticator(Settings settings, std::shared_ptr<UserDirectory> static_users,
                             std::shared_ptr<const RestSecrets> rest_secrets,
                             std::vector<std::shared_ptr<UserDirectory>> directories)
    : settings_(std::move(settings)),
      nonces_(settings_.nonce),
      static_users_(std::move(static_users)),
      rest_secrets_(std::move(rest_secrets)),
      directories_(std::move(directories)),
      nobodys_md5_key_(nobodys_key(PasswordAlgorithm::md5, settings_.nonce)),
      nobodys_sha256_key_(nobodys_key(PasswordAlgorithm::sha256, settings_.nonce)) {
  decide_features();
}

void Authenticator::decide_features() {
  // REST secrets can produce any key and enumerate no name.
  CHECK(!takes_tokens() || settings_.token_keys != nullptr);
  features_ = {.password_algorithms = true,
               .username_anonymity = settings_.announce_username_anonymity &&
                                     (rest_secrets_ == nullptr || rest_secrets_->candidates() == 0),
               .sha256 = true};
  const auto restrict_to = [this](const UserDirectory& source) {
    features_.sha256 = features_.sha256 && source.knows_sha256();
    features_.username_anonymity = features_.username_anonymity && source.knows_userhash();
  };
  if (static_users_ != nullptr) restrict_to(*static_users_);
  for (const auto& directory : directories_) restrict_to(*directory);
}

AuthVerdict Authenticator::check(const MessageView& request, const ClientAddress& client,
                                 const Identity* known, DirectoryTicket ticket, Now now) const {
  if (!settings_.required) return Accepted{.identity = {.realm = settings_.id}};
  const auto token = request.find(AttributeType::access_token);
  if (token && !takes_tokens()) {  // RFC 7635, Section 7
    return Rejected{.code = ErrorCode::unknown_attribute, .why = AuthFailure::unexpected_token};
  }
  auto attempt = read_attempt(request, client, now);
  if (!attempt) return attempt.error();

  attempt->has_allocation =
      known != nullptr && known->key && attempt->is_named(known->username, settings_.realm);
  if (token) return check_token(*attempt, token->value);
  const bool is_key_asked_for =
      attempt->has_allocation &&
      (known->is_by_token || known->key->algorithm() == attempt->choice.algorithm);
  if (is_key_asked_for) {
    if (!is_signed_by(request, *known->key)) {
      return failed_login(*attempt, AuthFailure::wrong_password);
    }
    return check_nonce(*attempt, *known);
  }
  return ask_sources(*attempt, ticket);
}

AuthVerdict Authenticator::complete(const MessageView& request, const ClientAddress& client,
                                    const UserAnswer& answer, Now now, const Identity* known,
                                    Asked asked) const {
  auto attempt = read_attempt(request, client, now);
  if (!attempt) return attempt.error();
  attempt->has_allocation =
      known != nullptr && known->key && attempt->is_named(known->username, settings_.realm);

  if (std::holds_alternative<UserTryLater>(answer)) return Silence{};
  if (std::holds_alternative<UserUnavailable>(answer)) return unavailable();
  if (const auto* user = std::get_if<User>(&answer)) return verify(*attempt, *user);
  const size_t next = asked.directory < directories_.size() ? asked.directory + 1 : SIZE_MAX;
  return ask_directories(*attempt, next, asked.ticket);
}

/// The checks that need nobody's key, in their order.
Result<Authenticator::Attempt, Rejected> Authenticator::read_attempt(const MessageView& request,
                                                                     const ClientAddress& client,
                                                                     Now now) const {
  if (request.integrity_offset() == 0 && request.integrity_sha256_offset() == 0) {
    return Failure{unauthenticated(AuthFailure::no_integrity)};
  }

  const auto username = request.find(AttributeType::username);
  const auto userhash = request.find(AttributeType::userhash);
  const auto realm = request.find(AttributeType::realm);
  const auto nonce = request.find(AttributeType::nonce);
  if ((!username && !userhash) || !realm || !nonce) {
    return bad_request(AuthFailure::missing_attribute);
  }
  const bool is_text_too_long = (username && username->value.size() > kMaxTextOnReceipt) ||
                                realm->value.size() > kMaxTextOnReceipt ||
                                nonce->value.size() > kMaxTextOnReceipt;
  const bool is_no_hash = userhash && userhash->value.size() != 32;
  if (is_text_too_long || is_no_hash) return bad_request(AuthFailure::malformed);

  Attempt attempt{.request = request, .client = client, .now = now};
  attempt.nonce = text_of(nonce->value);
  // Where both are sent the name is taken: the hash is only its replacement (Section 14.4).
  if (username) {
    attempt.username = without_quotes_and_nulls(username->value);
  } else {
    attempt.userhash = userhash->value;
  }

  const auto choice = read_algorithm(request, nonces_.features_of(attempt.nonce));
  if (!choice) return bad_request(choice.error());
  attempt.choice = *choice;

  if (without_quotes_and_nulls(realm->value) != settings_.realm) {
    return Failure{unauthenticated(AuthFailure::wrong_realm)};
  }
  return attempt;
}

// Directories may be slow, and a request then waits in a bounded table. Where there are any, only
// who shows a nonce of ours, and so receives at the address it sends from, gets that far; the nonce
// then comes before the name for everybody (RFC 8489, Section 9.2.4 has it last), so that the order
// tells nobody which names are static.
AuthVerdict Authenticator::ask_sources(const Attempt& attempt, DirectoryTicket ticket) const {
  if (attempt.userhash.empty() && !is_plausible_name(attempt.username)) return unknown(attempt);
  if (!directories_.empty()) {
    const NonceVerdict nonce = nonces_.check(attempt.nonce, attempt.client, attempt.now);
    if (nonce != NonceVerdict::fresh) return stale(nonce);
  }
  if (static_users_ != nullptr) {
    const UserQuestion question{attempt.username, attempt.userhash, settings_.realm};
    const UserLookup found = static_users_->look_up(question, ticket, attempt.now);
    if (const auto* user = std::get_if<User>(&found)) return verify(attempt, *user);
    CHECK(std::holds_alternative<UserUnknown>(found));
  }
  if (auto verdict = try_rest_secrets(attempt)) return *std::move(verdict);
  return ask_directories(attempt, 0, ticket);
}

// RFC 7635, Section 7, in its order. The mac_key is the HMAC's key as it is: no password algorithm
// has a say. Of whom there is nothing but the token, so that is who quotas count.
AuthVerdict Authenticator::check_token(const Attempt& attempt, Bytes token) const {
  const TokenKey* const key =
      attempt.userhash.empty() ? settings_.token_keys->find(attempt.username) : nullptr;
  if (!key || !key->is_valid(attempt.now.calendar)) return unknown(attempt, AuthFailure::bad_token);
  const auto opened = open_token(token, *key, settings_.token_server_name);
  if (!opened || !opened->is_valid(attempt.now.calendar)) {
    return unknown(attempt, AuthFailure::bad_token);
  }
  const auto session_key = key_that_signed(attempt.request, opened->mac_key);
  if (!session_key) return failed_login(attempt, AuthFailure::wrong_password);
  return check_nonce(attempt, {.username = key->kid,
                               .quota_id = "token " + fingerprint_of(opened->mac_key),
                               .key = *session_key,
                               .is_by_token = true,
                               .credential_class = key->credential_class,
                               .expires_at = opened->expires_at(),
                               .realm = settings_.id});
}

/// Nothing where no secret fits: then the name may still be a directory's.
std::optional<AuthVerdict> Authenticator::try_rest_secrets(const Attempt& attempt) const {
  if (rest_secrets_ == nullptr || !attempt.userhash.empty()) return std::nullopt;
  for (size_t i = 0; i < rest_secrets_->candidates(); ++i) {
    const auto user = rest_secrets_->candidate(i, attempt.username, attempt.choice.algorithm);
    if (!user) return std::nullopt;
    const auto& key = attempt.key_of(*user);
    if (is_signed_by(attempt.request, *key)) return accept(attempt, *user, *key);
  }
  return std::nullopt;
}

AuthVerdict Authenticator::ask_directories(const Attempt& attempt, size_t from,
                                           DirectoryTicket ticket) const {
  if (from < directories_.size() && ticket == kNoTicket) return Silence{};
  const UserQuestion question{attempt.username, attempt.userhash, settings_.realm,
                              attempt.client.ip};
  for (size_t i = from; i < directories_.size(); ++i) {
    const UserLookup found = directories_[i]->look_up(question, ticket, attempt.now);
    if (std::holds_alternative<UserPending>(found)) return Pending{i};
    if (std::holds_alternative<UserTryLater>(found)) return Silence{};
    if (std::holds_alternative<UserUnavailable>(found)) return unavailable();
    if (const auto* user = std::get_if<User>(&found)) return verify(attempt, *user);
  }
  return unknown(attempt);
}

// As much work as for a user that is known: how long an answer takes tells nobody which names are.
AuthVerdict Authenticator::unknown(const Attempt& attempt, AuthFailure why) const {
  const Key& nobodys =
      attempt.choice.algorithm == PasswordAlgorithm::md5 ? nobodys_md5_key_ : nobodys_sha256_key_;
  (void)is_signed_by(attempt.request, nobodys);
  return failed_login(attempt, why);
}

// The source of a datagram can be made up, and whoever counts failures would ban whom it names.
// What nobody can make up is a nonce that was sent to that source lately.
Rejected Authenticator::failed_login(const Attempt& attempt, AuthFailure why) const {
  Rejected rejected = unauthenticated(why);
  rejected.is_failed_login =
      nonces_.check(attempt.nonce, attempt.client, attempt.now) == NonceVerdict::fresh;
  return rejected;
}

AuthVerdict Authenticator::verify(const Attempt& attempt, const User& user) const {
  const auto& key = attempt.key_of(user);
  if (!key) return unknown(attempt, AuthFailure::no_key);
  if (!is_signed_by(attempt.request, *key)) {
    return failed_login(attempt, AuthFailure::wrong_password);
  }
  return accept(attempt, user, *key);
}

/// The password was right. Is it still, and is the nonce?
AuthVerdict Authenticator::accept(const Attempt& attempt, const User& user, const Key& key) const {
  if (!attempt.has_allocation && user.expires_at <= attempt.now.calendar) {
    return unauthenticated(AuthFailure::expired);
  }
  return check_nonce(attempt, {.username = user.username,
                               .quota_id = user.quota_id,
                               .key = key,
                               .credential_class = user.credential_class,
                               .expires_at = user.expires_at,
                               .realm = settings_.id});
}

AuthVerdict Authenticator::check_nonce(const Attempt& attempt, Identity identity) const {
  Accepted accepted{.identity = std::move(identity), .integrity = attempt.choice.answer_by};
  if (accepted.identity.is_by_token && attempt.request.integrity_sha256_offset() != 0) {
    accepted.integrity = Integrity::sha256;
  }
  const NonceVerdict nonce = nonces_.check(attempt.nonce, attempt.client, attempt.now);
  if (nonce == NonceVerdict::fresh) return accepted;
  Rejected rejected = stale(nonce);
  rejected.proved = std::move(accepted);
  return rejected;
}

void Authenticator::add_challenge(MessageBuilder& answer, const ClientAddress& client,
                                  Now now) const {
  std::array<char, NonceMint::kMaxSize> nonce{};
  answer.add_text(AttributeType::realm, settings_.realm)
      .add_text(AttributeType::nonce, nonces_.mint(nonce, client, features_, now))
      .add_password_algorithms(algorithms_announced(features_));
  if (takes_tokens()) {
    answer.add_text(AttributeType::third_party_authorization, settings_.token_server_name);
  }
}

}  // namespace uturn
