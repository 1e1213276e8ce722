// What listeners, certificates and their keys must satisfy together, and what should be thought of.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "protocol/time.h"
#include "server/config.h"
#include "server/config_problem.h"

namespace uturn {

inline constexpr std::chrono::days kExpiryNotice{14};

/// A tls or dtls listener that nothing could be shown at, files that cannot be used.
ConfigProblems find_tls_problems(const Config& config);

/// Certificates that expire, a key that nobody could load again, settings without effect. Without
/// `now` nothing of their dates.
std::vector<std::string> find_tls_warnings(const Config& config, std::optional<CalendarTime> now);

/// What is wrong with a certificate's dates, or will be in less than kExpiryNotice: "expires on
/// 2026-12-31". Else empty.
std::string explain_validity(CalendarTime valid_from, CalendarTime valid_until, CalendarTime now);
std::string date_text(CalendarTime time);  ///< "2026-12-31"

/// One line for each certificate: whom it names, until when it is valid. Such as cannot be used are
/// left out.
std::vector<std::string> explain_certificates(const TlsConfig& tls);

/// The first host name of the certificate that is shown to everybody; empty where there is none, or
/// only wildcards.
std::string certified_name(const TlsConfig& tls);

/// Whether some listener shows a certificate to every client, and nothing else.
bool needs_certificate(const Config& config);

}  // namespace uturn
