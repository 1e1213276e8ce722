// Building answers: success, rejection, challenge.
//
// Also: RFC 8489, Sections 5, 6.3.1, 6.3.1.1, 6.3.1.2, 14.8 and 14.13.
#include "protocol/unknown_attributes.h"
#include "server/relay/relay.h"

namespace uturn {

MessageBuilder Relay::begin_answer(MessageClass message_class, const MessageView& to) {
  if (message_class == MessageClass::success) count_result(to, std::nullopt);
  return {world_.answers.lend(kAnswerSize), to.method(), message_class, to.transaction_id()};
}

// SOFTWARE goes to the authenticated only, in what RFC 8656, Section 5 names: Allocate and Refresh.
Outcome Relay::finish_answer(MessageBuilder& builder, const Request& request) {
  const Method method = request.message.method();
  const bool names_software = method == Method::allocate || method == Method::refresh;
  if (names_software && !settings_.software.empty()) {
    builder.add_text(AttributeType::software, settings_.software);
  }
  if (const auto& key = request.proof.identity.key) {
    if (request.proof.integrity == Integrity::sha256) {
      builder.add_integrity_sha256(key->bytes());
    } else {
      builder.add_integrity(key->bytes());
    }
  }
  return send_answer(builder, request.arrival, request.message);
}

Outcome Relay::success(const Request& request) {
  MessageBuilder builder = begin_answer(MessageClass::success, request.message);
  return finish_answer(builder, request);
}

Outcome Relay::reject(const Request& request, ErrorCode code) {
  count_result(request.message, code);
  MessageBuilder builder = begin_answer(MessageClass::error, request.message);
  builder.add_error(code, reason_of(code));
  return finish_answer(builder, request);
}

Outcome Relay::reject_unknown_attributes(const Request& request) {
  count_result(request.message, ErrorCode::unknown_attribute);
  MessageBuilder builder = begin_answer(MessageClass::error, request.message);
  builder.add_error(ErrorCode::unknown_attribute, reason_of(ErrorCode::unknown_attribute));
  auto unknown = unknown_attributes(request.message, is_known);
  // DONT-FRAGMENT where it cannot be honoured counts as unknown (RFC 8656, Section 7.2).
  if (unknown.empty()) unknown.add(AttributeType::dont_fragment);
  builder.add_unknown_attributes(unknown.types());
  return finish_answer(builder, request);
}

// To who has proved nothing: no reason text, no SOFTWARE. Its source has paid for it already.
Outcome Relay::reject_unproved(const Arrival& arrival, const MessageView& message,
                               const Rejected& rejected, RealmId realm, Now now) {
  const ClientAddress& client = arrival.five_tuple.client;
  if (rejected.why != AuthFailure::no_integrity)
    world_.observer.on_auth_failure(rejected.why, client);
  if (rejected.is_failed_login) {
    const auto username = message.find(AttributeType::username);
    world_.observer.on_failed_login(rejected.why, client,
                                    username ? without_quotes_and_nulls(username->value) : "",
                                    realms_->name_of(realm));
  }
  count_result(message, rejected.code);
  ++counters_.auth_failures[static_cast<size_t>(rejected.why)];
  if (rejected.challenge) ++counters_.challenges;

  MessageBuilder builder = begin_answer(MessageClass::error, message);
  builder.add_error(rejected.code);
  if (rejected.code == ErrorCode::unknown_attribute) {
    const std::array unknown{AttributeType::access_token};
    builder.add_unknown_attributes(unknown);
  }
  if (rejected.challenge) realms_->authenticator_of(realm).add_challenge(builder, client, now);
  if (rejected.proved) {
    const auto& key = rejected.proved->identity.key;
    if (key && rejected.proved->integrity == Integrity::sha256) {
      builder.add_integrity_sha256(key->bytes());
    } else if (key) {
      builder.add_integrity(key->bytes());
    }
  }
  return send_answer(builder, arrival, message);
}

// FINGERPRINT answers FINGERPRINT; nobody else needs its eight bytes.
Outcome Relay::send_answer(MessageBuilder& builder, const Arrival& arrival, const MessageView& to) {
  if (to.fingerprint_offset() != 0) builder.add_fingerprint();
  if (builder.overflowed()) return Drop{DropReason::too_long};
  IpFields ip;
  ip.source = arrival.five_tuple.server.ip;
  return Answer{builder.finish(), ip};
}

}  // namespace uturn
