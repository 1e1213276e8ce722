// Binding: who am I, seen from here (RFC 8489, Section 3). Never authenticated.
//
// Also: RFC 8489, Sections 6.3.1 and 6.3.1.1.
#include "protocol/unknown_attributes.h"
#include "server/relay/relay.h"

namespace uturn {

Outcome Relay::binding(const Arrival& arrival, const MessageView& message, Now now) {
  const ClientAddress& client = arrival.five_tuple.client;
  if (!living(arrival.five_tuple, now)) {
    if (!budget_.has(AnswerKind::binding, client.ip, now)) return Drop{DropReason::answer_rate};
    budget_.spend(AnswerKind::binding, client.ip, now);
  }

  if (const auto unknown = unknown_attributes(message, is_known); !unknown.empty()) {
    count_result(message, ErrorCode::unknown_attribute);
    MessageBuilder builder = begin_answer(MessageClass::error, message);
    builder.add_error(ErrorCode::unknown_attribute);
    builder.add_unknown_attributes(unknown.types());
    return send_answer(builder, arrival, message);
  }

  ++counters_.bindings;
  MessageBuilder builder = begin_answer(MessageClass::success, message);
  builder.add_xor_address(AttributeType::xor_mapped_address, client);
  return send_answer(builder, arrival, message);
}

}  // namespace uturn
