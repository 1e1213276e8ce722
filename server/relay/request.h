// Request: an authenticated request on its way through a method.
#pragma once

#include "auth/authenticator.h"
#include "protocol/message_view.h"
#include "protocol/time.h"
#include "server/relay/allocation.h"
#include "server/relay/arrival.h"

namespace uturn {

struct Request {
  const Arrival& arrival;
  const MessageView& message;
  const Accepted& proof;
  Allocation* allocation;  ///< of this five-tuple; null where there is none
  Now now;
  uint64_t asked_to_yield =
      0;  ///< shards, by bit, that its user's silent allocations were sought on
};

}  // namespace uturn
