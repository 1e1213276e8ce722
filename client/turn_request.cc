// TurnRequest: encoding.
//
// Also: RFC 8489, Sections 6.1, 9.2.3.1 and 16.1.2; RFC 8656, Sections 5 and 10.1.
#include "client/turn_request.h"

#include <array>

namespace uturn {
namespace {

constexpr uint8_t kProtocolUdp = 17;  // RFC 8656, Section 18.8

uint32_t seconds_on_the_wire(std::chrono::seconds lifetime) {
  return static_cast<uint32_t>(std::clamp<int64_t>(lifetime.count(), 0, UINT32_MAX));
}

struct AddRelayed {
  MessageBuilder& message;
  void operator()(const OneRelayedAddress& wanted) const {
    if (wanted.family) message.add_family(AttributeType::requested_address_family, *wanted.family);
    if (wanted.even_port) message.add_even_port(wanted.reserve_next_port);
  }
  void operator()(const RelayedAddressOfEachFamily& wanted) const {
    // IPv6 is the only value it can have (RFC 8656, Section 7.1).
    message.add_family(AttributeType::additional_address_family, AddressFamily::ipv6);
    if (wanted.even_port) message.add_even_port(false);
  }
  void operator()(const ReservedRelayedAddress& wanted) const {
    message.add_u64(AttributeType::reservation_token, wanted.token);
  }
};

struct AddBody {
  MessageBuilder& message;
  void operator()(const AllocationRequest& request) const {
    message.add_requested_transport(kProtocolUdp);
    std::visit(AddRelayed{message}, request.relayed);
    add_lifetime(request.lifetime);
    if (request.dont_fragment) message.add_flag(AttributeType::dont_fragment);
  }
  void operator()(const RefreshRequest& request) const {
    add_lifetime(request.lifetime);
    if (request.family) {
      message.add_family(AttributeType::requested_address_family, *request.family);
    }
  }
  void operator()(const PermissionRequest& request) const {
    message.add_xor_address(AttributeType::xor_peer_address, TransportAddress{request.peer, 0, 0});
  }
  void operator()(const ChannelRequest& request) const {
    message.add_channel_number(request.channel.value());
    message.add_xor_address(AttributeType::xor_peer_address, request.peer);
  }
  void add_lifetime(const std::optional<std::chrono::seconds>& lifetime) const {
    if (lifetime) message.add_u32(AttributeType::lifetime, seconds_on_the_wire(*lifetime));
  }
};

}  // namespace

Method method_of(const TurnRequest& request) {
  constexpr std::array kMethods{Method::allocate, Method::refresh, Method::create_permission,
                                Method::channel_bind};
  static_assert(kMethods.size() == std::variant_size_v<TurnRequest>);
  return kMethods[request.index()];
}

std::vector<uint8_t> encode(const TurnRequest& request, const TransactionId& id,
                            const LongTermCredentials& credentials,
                            const RequestDecoration& decoration) {
  std::array<uint8_t, kMaxRequestSize> buffer;
  MessageBuilder message{buffer, method_of(request), MessageClass::request, id};
  std::visit(AddBody{message}, request);
  if (!decoration.software.empty()) {
    message.add_text(AttributeType::software, decoration.software);
  }
  if (credentials.can_sign()) credentials.sign(message);
  if (decoration.fingerprint) message.add_fingerprint();
  const Bytes bytes = message.finish();
  return {bytes.begin(), bytes.end()};
}

}  // namespace uturn
