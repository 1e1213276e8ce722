// Refresh: live longer, or end (RFC 8656, Section 8.2).
//
// Also: RFC 7635, Section 9; RFC 8656, Sections 6 and 8.1.
#include "server/relay/relay.h"

namespace uturn {

Outcome Relay::refresh(const Request& request) {
  Allocation& allocation = *request.allocation;

  std::optional<AddressFamily> only;
  if (const auto wanted = request.message.find(AttributeType::requested_address_family)) {
    if (wanted->value.size() != 4) return reject(request, ErrorCode::bad_request);
    only = decode_family(wanted->value);
    if (!only || !allocation.side(*only)) {
      return reject(request, ErrorCode::peer_address_family_mismatch);
    }
  }

  const Identity& identity = request.proof.identity;
  if (identity.is_by_token && request.message.has(AttributeType::access_token)) {
    allocation.identity = identity;  // a new token goes on where the old one ends
    allocation.ends_at = end_of(identity, allocation.quota, request.now);
  }

  const auto attribute = request.message.find(AttributeType::lifetime);
  const bool deletes = attribute && decode_u32(attribute->value) == 0u;
  const auto lifetime =
      deletes ? std::chrono::seconds{0}
              : cut(granted_lifetime(request.message), allocation.ends_at, request.now);

  if (deletes) {
    if (only) end_side(allocation, *only);
    if (!only || !allocation.has_sides()) {
      ++counters_.allocations_deleted;
      end(allocation, EndReason::deleted);
    } else {
      count_tables(allocation);
    }
  } else {
    for (const AddressFamily family : {AddressFamily::ipv4, AddressFamily::ipv6}) {
      auto& side = allocation.side(family);
      if (side && (!only || only == family)) side->expires_at = request.now.monotonic + lifetime;
    }
    schedule(allocation);
  }

  MessageBuilder builder = begin_answer(MessageClass::success, request.message);
  builder.add_u32(AttributeType::lifetime, static_cast<uint32_t>(lifetime.count()));
  return finish_answer(builder, request);
}

}  // namespace uturn
