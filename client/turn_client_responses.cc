// TurnClient: what an answer changes, and what no answer does.
//
// Also: RFC 8489, Section 9.2.5; RFC 8656, Section 7.4.
#include <algorithm>
#include <utility>

#include "client/response.h"
#include "client/turn_client.h"
#include "protocol/attributes.h"
#include "protocol/error_code.h"

namespace uturn {
namespace {

std::optional<uint32_t> u32_in(const MessageView& message, AttributeType type) {
  const auto attribute = message.find(type);
  return attribute ? decode_u32(attribute->value) : std::nullopt;
}

/// XOR-RELAYED-ADDRESS may come twice, once per family (RFC 8656, Section 7.2).
std::vector<RelayedAddress> relayed_in(const MessageView& response) {
  std::vector<RelayedAddress> relayed;
  for (const AttributeView& attribute : response) {
    if (attribute.type != AttributeType::xor_relayed_address || relayed.size() == 2) continue;
    const auto address = decode_xor_address(attribute.value, response.transaction_id());
    if (!address) return {};
    if (!relayed.empty() && relayed[0].ip.family() == address->ip.family()) continue;
    relayed.push_back(relayed_address(*address));
  }
  return relayed;
}

/// Nothing where the response lacks what Section 7.2 requires of it.
std::optional<Allocated> allocated_in(const MessageView& response) {
  const auto mapped = response.find(AttributeType::xor_mapped_address);
  const auto lifetime = u32_in(response, AttributeType::lifetime);
  Allocated allocated;
  allocated.relayed = relayed_in(response);
  if (!mapped || !lifetime || allocated.relayed.empty()) return std::nullopt;
  const auto address = decode_xor_address(mapped->value, response.transaction_id());
  if (!address) return std::nullopt;
  allocated.mapped = client_address(*address);
  allocated.lifetime = std::chrono::seconds{*lifetime};
  if (const auto token = response.find(AttributeType::reservation_token)) {
    allocated.reservation_token = decode_reservation_token(token->value);
  }
  if (const auto refused = response.find(AttributeType::address_error_code)) {
    if (const auto value = decode_address_error_code(refused->value)) {
      allocated.refused = Allocated::Refused{value->family, value->code};
    }
  }
  return allocated;
}

/// Whoever asked for a family is prepared for that one only (RFC 8656, Section 7.3).
bool is_prepared_for(const std::vector<RelayedAddress>& relayed, const AllocationRequest& request) {
  const auto* one = std::get_if<OneRelayedAddress>(&request.relayed);
  if (!one || !one->family) return true;
  return std::ranges::all_of(relayed, [one](const RelayedAddress& address) {
    return address.ip.family() == *one->family;
  });
}

/// "Roughly 1 minute before it expires" (RFC 8656, Section 8); halfway where that is sooner.
Instant refresh_time(Instant requested_at, Duration lifetime) {
  return requested_at + std::max(lifetime - kRefreshMargin, lifetime / 2);
}

}  // namespace

void TurnClient::on_response(const MessageView& response, Now now) {
  const auto found = std::ranges::find_if(pending_, [&response](const Pending& pending) {
    return pending.transaction.id() == response.transaction_id() &&
           pending.transaction.method() == response.method() && pending.transaction.sent() > 0;
  });
  if (found == pending_.end()) return;  // late, a duplicate, or a guess

  const ResponseVerdict verdict = judge(response, found->was_signed, settings_.credentials);
  if (const auto* discarded = std::get_if<ResponseDiscarded>(&verdict)) {
    if (!discarded->integrity_violated) return;
    found->transaction.note_integrity_violation();
    if (!settings_.reliable) return;  // retransmissions go on
  }

  const Pending pending = std::move(*found);
  pending_.erase(found);
  if (const auto round_trip = pending.transaction.round_trip(now)) {
    round_trip_time_.sample(*round_trip, now);
  }
  const Method method = response.method();
  if (std::holds_alternative<ResponseDiscarded>(verdict)) {
    fail(pending.request, {.method = method, .cause = FailureCause::integrity_violated}, now);
  } else if (const auto* failure = std::get_if<RequestFailure>(&verdict)) {
    fail(pending.request, *failure, now);
  } else if (std::holds_alternative<ResponseRetry>(verdict)) {
    if (pending.challenges < kMaxChallenges) {
      begin(pending.request, pending.challenges + 1, now);
    } else {
      fail(pending.request, {.method = method, .cause = FailureCause::too_many_challenges}, now);
    }
  } else {
    std::visit([&](const auto& request) { on_success(request, pending, response, now); },
               pending.request);
  }
  start_due_requests(now);
}

void TurnClient::on_success(const AllocationRequest& request, const Pending& pending,
                            const MessageView& response, Now now) {
  auto allocated = allocated_in(response);
  state_ = State::allocated;
  if (!allocated || !is_prepared_for(allocated->relayed, request)) {
    emit(RequestFailure{
        .method = Method::allocate,
        .cause = allocated ? FailureCause::unexpected_family : FailureCause::malformed_response});
    release(now);  // there is one, and nobody can use it
    return;
  }
  relayed_ = allocated->relayed;
  const Instant requested_at = pending.transaction.started_at();
  expires_at_ = requested_at + allocated->lifetime;
  refresh_at_ = refresh_time(requested_at, allocated->lifetime);
  allocated->round_trip = pending.transaction.round_trip(now);
  emit(*std::move(allocated));
  if (release_when_allocated_) release(now);
}

void TurnClient::on_success(const RefreshRequest& request, const Pending& pending,
                            const MessageView& response, Now now) {
  if (request.lifetime != 0s) {
    const auto lifetime = u32_in(response, AttributeType::lifetime);
    if (!lifetime) {
      fail(request, {.method = Method::refresh, .cause = FailureCause::malformed_response}, now);
      return;
    }
    const Instant requested_at = pending.transaction.started_at();
    expires_at_ = requested_at + std::chrono::seconds{*lifetime};
    refresh_at_ = refresh_time(requested_at, std::chrono::seconds{*lifetime});
    emit(Refreshed{std::chrono::seconds{*lifetime}});
    return;
  }
  if (!request.family) {
    forget_allocation();
    emit(Released{});
    return;
  }
  // Deleting one half destroys its permissions and channels and no others (RFC 8656, Section 8.1).
  std::erase_if(relayed_, [&request](const RelayedAddress& relayed) {
    return relayed.ip.family() == *request.family;
  });
  permissions_.remove_family(*request.family);
  channels_.remove_family(*request.family);
  emit(Released{request.family});
}

void TurnClient::on_success(const PermissionRequest& request, const Pending& pending,
                            const MessageView&, Now) {
  permissions_.installed(request.peer, pending.transaction.started_at());
  emit(PermissionInstalled{request.peer});
}

void TurnClient::on_success(const ChannelRequest& request, const Pending& pending,
                            const MessageView&, Now) {
  channels_.bound(request.channel, pending.transaction.started_at());
  permissions_.installed(request.peer.ip, pending.transaction.started_at());
  emit(ChannelBound{request.channel, request.peer});
}

void TurnClient::fail(const TurnRequest& request, RequestFailure failure, Now now) {
  const bool mismatch = failure.code == static_cast<uint16_t>(ErrorCode::allocation_mismatch) &&
                        failure.cause == FailureCause::error_response;
  const bool is_answered = failure.cause == FailureCause::error_response;

  if (std::holds_alternative<AllocationRequest>(request)) {
    forget_allocation();
  } else if (const auto* refresh = std::get_if<RefreshRequest>(&request)) {
    failure.address_family = refresh->family;
    if (refresh->lifetime == 0s && !refresh->family) {
      forget_allocation();
      // Deleting what is not there is a success (RFC 8656, Section 8.3).
      if (mismatch) emit(Released{});
      if (mismatch) return;
    }
  } else if (const auto* permission = std::get_if<PermissionRequest>(&request)) {
    failure.peer = peer_address(TransportAddress{permission->peer, 0, 0});
    permissions_.refused(permission->peer);
  } else if (const auto* channel = std::get_if<ChannelRequest>(&request)) {
    failure.peer = channel->peer;
    permissions_.request_ended(channel->peer.ip);
    if (is_answered) channels_.refused(channel->channel);
    if (!is_answered) channels_.request_vanished(channel->channel, now);
  }
  emit(std::move(failure));
  // Except for Allocate a 437 says that there is no allocation (RFC 8656, Section 5).
  if (mismatch && state_ == State::allocated) lose(AllocationLost::Reason::mismatch);
}

void TurnClient::lose(AllocationLost::Reason reason) {
  forget_allocation();
  emit(AllocationLost{reason});
}

void TurnClient::forget_allocation() {
  state_ = State::idle;
  relayed_.clear();
  expires_at_ = kNever;
  refresh_at_ = kNever;
  permissions_.clear();
  channels_.clear();
  pending_.clear();
}

}  // namespace uturn
