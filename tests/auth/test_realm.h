// TestRealm: a realm with its sources, and the requests that clients send to it.
#pragma once

#include <gmock/gmock.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "auth/authenticator.h"
#include "auth/static_users.h"

namespace uturn {

inline NonceKey nonce_key(uint8_t id, uint8_t fill = 0x5A) {
  NonceKey key{.id = id};
  key.secret.fill(fill);
  return key;
}

inline ClientAddress client_at(std::string_view text) {
  const auto address = TransportAddress::parse(text);
  CHECK(address);
  return client_address(*address);
}

/// What a 401 or 438 tells a client.
struct Challenge {
  std::string realm;
  std::string nonce;
  std::vector<uint8_t> algorithms;  ///< the value of PASSWORD-ALGORITHMS
  std::vector<AttributeType> attributes;
};

/// A request, attribute by attribute: what is not set is not sent.
struct TestRequest {
  std::optional<std::string> username{};
  std::optional<std::vector<uint8_t>> userhash{};
  std::optional<std::string> realm{};
  std::optional<std::string> nonce{};
  std::optional<std::vector<uint8_t>> algorithms{};
  std::optional<std::vector<uint8_t>> algorithm{};
  std::optional<std::vector<uint8_t>> access_token{};
  std::optional<Key> sha1_by{};
  std::optional<Key> sha256_by{};
  size_t sha256_size = 32;

  std::vector<uint8_t> bytes() const {
    std::vector<uint8_t> out(4096);
    MessageBuilder builder{out, Method::allocate, MessageClass::request, TransactionId{{1, 2, 3}}};
    builder.add_requested_transport(17);
    if (username) builder.add_text(AttributeType::username, *username);
    if (userhash) builder.add(AttributeType::userhash, *userhash);
    if (realm) builder.add_text(AttributeType::realm, *realm);
    if (nonce) builder.add_text(AttributeType::nonce, *nonce);
    if (algorithms) builder.add(AttributeType::password_algorithms, *algorithms);
    if (algorithm) builder.add(AttributeType::password_algorithm, *algorithm);
    if (access_token) builder.add(AttributeType::access_token, *access_token);
    if (sha1_by) builder.add_integrity(sha1_by->bytes());
    if (sha256_by) builder.add_integrity_sha256(sha256_by->bytes(), sha256_size);
    const Bytes message = builder.finish();
    CHECK(!message.empty());
    return {message.begin(), message.end()};
  }
};

class TestRealm {
 public:
  Now now{Instant{} + 1h, CalendarTime{1'800'000'000s}};
  ClientAddress client = client_at("192.0.2.1:4000");
  Authenticator::Settings settings{.realm = "example.org", .nonce = {.keys = {nonce_key(1)}}};
  std::shared_ptr<StaticUsers> users = std::make_shared<StaticUsers>("example.org");
  std::shared_ptr<RestSecrets> rest;
  std::vector<std::shared_ptr<UserDirectory>> directories;

  TestRealm() { users->add_password("alice", "wonderland"); }

  void with_secrets(std::vector<std::string> secrets, RestOptions options = {}) {
    rest = std::make_shared<RestSecrets>("example.org", std::move(secrets), options);
  }
  void pass(std::chrono::seconds time) {
    now.monotonic += time;
    now.calendar += time;
  }

  /// Made of what the members say at the first use.
  const Authenticator& authenticator() {
    if (!authenticator_) authenticator_.emplace(settings, users, rest, directories);
    return *authenticator_;
  }
  /// The server starts anew, with the members as they are now.
  void restart() { authenticator_.reset(); }

  Challenge challenge() {
    std::array<uint8_t, 512> out{};
    MessageBuilder builder{out, Method::allocate, MessageClass::error, TransactionId{}};
    authenticator().add_challenge(builder, client, now);
    const auto message = MessageView::parse(builder.finish());
    CHECK(message);
    Challenge challenge;
    for (const AttributeView attribute : *message) {
      challenge.attributes.push_back(attribute.type);
      if (attribute.type == AttributeType::realm) challenge.realm = text_of(attribute.value);
      if (attribute.type == AttributeType::nonce) challenge.nonce = text_of(attribute.value);
      if (attribute.type == AttributeType::password_algorithms) {
        challenge.algorithms.assign(attribute.value.begin(), attribute.value.end());
      }
    }
    return challenge;
  }

  /// As clients of RFC 5389 answer a challenge: MD5 and MESSAGE-INTEGRITY.
  TestRequest old_request(const std::string& username, const std::string& password) {
    return {.username = username,
            .realm = "example.org",
            .nonce = challenge().nonce,
            .sha1_by = Key::derive(PasswordAlgorithm::md5, username, "example.org", password)};
  }
  /// As clients of RFC 8489 do: the list sent back, an algorithm of it, MESSAGE-INTEGRITY-SHA256.
  TestRequest new_request(const std::string& username, const std::string& password,
                          PasswordAlgorithm algorithm = PasswordAlgorithm::sha256) {
    const Challenge from_server = challenge();
    return {.username = username,
            .realm = "example.org",
            .nonce = from_server.nonce,
            .algorithms = from_server.algorithms,
            .algorithm = std::vector<uint8_t>{0, static_cast<uint8_t>(algorithm), 0, 0},
            .sha256_by = Key::derive(algorithm, username, "example.org", password)};
  }

  AuthVerdict check(const TestRequest& request, const Identity* known = nullptr,
                    DirectoryTicket ticket = 7) {
    return check(request.bytes(), known, ticket);
  }
  AuthVerdict check(const std::vector<uint8_t>& bytes, const Identity* known = nullptr,
                    DirectoryTicket ticket = 7) {
    const auto message = MessageView::parse(bytes);
    CHECK(message);
    return authenticator().check(*message, client, known, ticket, now);
  }
  AuthVerdict complete(const TestRequest& request, const UserAnswer& answer,
                       const Identity* known = nullptr, Asked asked = {}) {
    const auto bytes = request.bytes();
    const auto message = MessageView::parse(bytes);
    CHECK(message);
    return authenticator().complete(*message, client, answer, now, known, asked);
  }

 private:
  std::optional<Authenticator> authenticator_;
};

inline std::string describe(const AuthVerdict& verdict) {
  if (const auto* accepted = std::get_if<Accepted>(&verdict)) {
    return "accepted " + accepted->identity.username;
  }
  if (const auto* rejected = std::get_if<Rejected>(&verdict)) {
    return std::to_string(static_cast<int>(rejected->code)) + " " +
           std::string{name_of(rejected->why)} + (rejected->challenge ? ", challenge" : "") +
           (rejected->proved ? ", signed" : "");
  }
  return std::holds_alternative<Pending>(verdict) ? "pending" : "silence";
}

}  // namespace uturn
