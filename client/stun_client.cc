// StunClient: one Binding request and its answer.
#include "client/stun_client.h"

#include <array>
#include <utility>

#include "client/response.h"
#include "protocol/attributes.h"
#include "protocol/fingerprint.h"
#include "protocol/message_builder.h"

namespace uturn {

StunClient::StunClient(Settings settings, Random& random)
    : settings_(std::move(settings)),
      random_(&random),
      round_trip_time_(settings_.retransmission.initial_rto) {}

bool StunClient::bind(Now now) {
  if (transaction_) return false;
  event_.reset();
  TransactionId id;
  random_->fill(id.bytes);
  std::array<uint8_t, kMaxRequestSize> buffer;
  MessageBuilder request{buffer, Method::binding, MessageClass::request, id};
  if (!settings_.decoration.software.empty()) {
    request.add_text(AttributeType::software, settings_.decoration.software);
  }
  if (settings_.decoration.fingerprint) request.add_fingerprint();
  const Bytes bytes = request.finish();
  transaction_.emplace(id, Method::binding, std::vector<uint8_t>{bytes.begin(), bytes.end()},
                       settings_.retransmission, round_trip_time_.rto(now), settings_.reliable,
                       now);
  return true;
}

void StunClient::handle(Bytes datagram, Now now) {
  if (!transaction_ || transaction_->sent() == 0) return;
  const auto message = MessageView::parse(datagram);
  if (!message || !fingerprint_is_absent_or_right(*message)) return;
  const bool is_response = message->message_class() == MessageClass::success ||
                           message->message_class() == MessageClass::error;
  if (!is_response || message->method() != Method::binding) return;
  if (message->transaction_id() != transaction_->id()) return;

  LongTermCredentials none;
  const ResponseVerdict verdict = judge(*message, false, none);
  if (std::holds_alternative<ResponseDiscarded>(verdict)) return;
  const auto round_trip = transaction_->round_trip(now);
  if (round_trip) round_trip_time_.sample(*round_trip, now);
  if (const auto* failure = std::get_if<RequestFailure>(&verdict)) {
    transaction_.reset();
    event_ = *failure;
    return;
  }
  const auto mapped = message->find(AttributeType::xor_mapped_address);
  const auto address =
      mapped ? decode_xor_address(mapped->value, message->transaction_id()) : std::nullopt;
  if (!address) return fail(FailureCause::malformed_response);
  transaction_.reset();
  event_ = Mapped{client_address(*address), round_trip};
}

void StunClient::handle_unreachable() {
  if (transaction_) fail(FailureCause::unreachable);
}

void StunClient::handle_connection_ended() {
  if (transaction_) fail(FailureCause::connection_ended);
}

Instant StunClient::next_deadline() const {
  return transaction_ ? transaction_->next_deadline() : kNever;
}

void StunClient::on_deadline(Now now) {
  if (transaction_ && transaction_->has_failed(now)) fail(FailureCause::timed_out);
}

std::optional<Bytes> StunClient::poll_transmit(Now now) {
  return transaction_ ? transaction_->poll(now) : std::nullopt;
}

std::optional<StunEvent> StunClient::poll_event() { return std::exchange(event_, std::nullopt); }

void StunClient::fail(FailureCause cause) {
  transaction_.reset();
  event_ = RequestFailure{.method = Method::binding, .cause = cause};
}

}  // namespace uturn
