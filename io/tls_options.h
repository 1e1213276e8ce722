// What every OpenSSL context of ours is set to: versions, suites, and all that is switched off.
#pragma once

#include <string>
#include <vector>

#include "io/tls_context.h"
#include "io/tls_handles.h"

namespace uturn {

enum class TlsRole : uint8_t { stream_server, datagram_server, stream_client, datagram_client };

SslContextHandle make_ssl_context(TlsRole role, TlsVersion minimum_version);

/// RFC 7301, Section 3.1: each name with its length before it.
std::vector<uint8_t> alpn_in_wire_form(const std::vector<std::string>& names);

/// The reason of the last error that OpenSSL queued for this thread, and the queue emptied. A text
/// of OpenSSL's own, valid always.
std::string_view take_tls_error();

}  // namespace uturn
