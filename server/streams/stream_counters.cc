// The names of reasons, as metrics and the log say them.
#include "server/streams/stream_counters.h"

namespace uturn {

std::string_view name_of(CloseReason reason) {
  switch (reason) {
    case CloseReason::ended:
      return "ended";
    case CloseReason::reset:
      return "reset";
    case CloseReason::too_many_connections:
      return "too_many_connections";
    case CloseReason::too_many_of_source:
      return "too_many_of_source";
    case CloseReason::too_many_handshakes:
      return "too_many_handshakes";
    case CloseReason::no_descriptor:
      return "no_descriptor";
    case CloseReason::no_block:
      return "no_block";
    case CloseReason::not_turn:
      return "not_turn";
    case CloseReason::plain_refused:
      return "plain_refused";
    case CloseReason::no_certificate:
      return "no_certificate";
    case CloseReason::frame_too_long:
      return "frame_too_long";
    case CloseReason::http:
      return "http";
    case CloseReason::proxy_header:
      return "proxy_header";
    case CloseReason::tls_failed:
      return "tls_failed";
    case CloseReason::handshake_timeout:
      return "handshake_timeout";
    case CloseReason::no_first_message:
      return "no_first_message";
    case CloseReason::idle:
      return "idle";
    case CloseReason::superseded:
      return "superseded";
    case CloseReason::not_handed_over:
      return "not_handed_over";
    case CloseReason::stopping:
      return "stopping";
    case CloseReason::count_:
      break;
  }
  return "?";
}

}  // namespace uturn
