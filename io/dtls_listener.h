// DtlsListener: answers ClientHellos with cookies, and makes a session of one that brings its
// cookie back (RFC 6347, Section 4.2.1; RFC 7350, Section 4.6).
#pragma once

#include <memory>
#include <variant>

#include "io/dtls_cookies.h"
#include "io/dtls_session.h"
#include "io/tls_context.h"
#include "protocol/bytes.h"
#include "protocol/time.h"
#include "protocol/transport_address.h"

namespace uturn {

/// A datagram that begins with an unencrypted ClientHello. Two dozen bytes are looked at.
bool is_client_hello(Bytes datagram);

struct DtlsIgnored {};  ///< nothing that a handshake could begin with
/// What became of a ClientHello: ignored; a HelloVerifyRequest to be sent to where it came from (a
/// view of `out`); or a session, with datagrams to transmit.
using DtlsHello = std::variant<DtlsIgnored, Bytes, std::unique_ptr<DtlsSession>>;

/// One per shard. Before a valid cookie a ClientHello costs one HMAC and leaves nothing behind,
/// neither a table entry nor a byte of heap; its answer has 44 bytes, and no ClientHello that is
/// answered has fewer than 61, so nobody is attacked with our help.
///
/// A ClientHello with its cookie has to come in one fragment: OpenSSL's DTLSv1_listen takes no
/// other, and none of DTLS 1.2 needs more than one datagram.
///
/// What an address that has proven itself may cost is bounded too: an unfinished handshake holds at
/// most what OpenSSL gathers of ten handshake messages ahead of time (17 KB each), and four records
/// of the next epoch; how many handshakes may go on is the owner's limit.
class DtlsListener {
 public:
  /// Large enough for a HelloVerifyRequest.
  static constexpr size_t kAnswerSize = 64;

  DtlsListener(std::shared_ptr<const TlsContext> context, Now now);
  ~DtlsListener();

  /// After a reload or a rotation; sessions that began go on with theirs.
  void set_context(std::shared_ptr<const TlsContext> context);

  /// A datagram from a five-tuple without a session, or for which is_client_hello() and not
  /// DtlsSession::began_with(). `out` has room for kAnswerSize.
  DtlsHello on_client_hello(Bytes datagram, const FiveTuple& five_tuple, MutableBytes out, Now now);

 private:
  std::shared_ptr<const TlsContext> context_;
  DtlsCookies cookies_;
};

}  // namespace uturn
