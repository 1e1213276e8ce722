// TurnRequest: what a client wants of the server, and the message that says so.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "client/allocation_request.h"
#include "client/long_term_credentials.h"
#include "protocol/channel_data.h"
#include "protocol/message_view.h"

namespace uturn {

struct RefreshRequest {
  std::optional<std::chrono::seconds> lifetime;  ///< zero deletes; absent: the server's default
  std::optional<AddressFamily> family;           ///< only this half of a dual allocation
};
struct PermissionRequest {
  IpAddress peer;
};
struct ChannelRequest {
  ChannelNumber channel;
  PeerAddress peer;
};
/// Kept while its transaction runs, so that a challenge can be answered by the same request anew.
using TurnRequest =
    std::variant<AllocationRequest, RefreshRequest, PermissionRequest, ChannelRequest>;

Method method_of(const TurnRequest& request);

/// What every request carries besides.
struct RequestDecoration {
  std::string software = "uturn " UTURN_VERSION;  ///< SOFTWARE; empty: none
  bool fingerprint = true;
};

/// Signed where the credentials can sign. Empty where it does not fit into kMaxRequestSize, which
/// takes a server with a realm and a nonce of absurd length.
inline constexpr size_t kMaxRequestSize = 2048;
std::vector<uint8_t> encode(const TurnRequest& request, const TransactionId& id,
                            const LongTermCredentials& credentials,
                            const RequestDecoration& decoration);

}  // namespace uturn
