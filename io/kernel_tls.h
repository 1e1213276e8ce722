// Kernel TLS: whether this kernel could encrypt records itself. Reported, not used.
#pragma once

namespace uturn {

/// Tries TCP_ULP "tls" on a loopback connection of its own.
bool kernel_has_tls();

}  // namespace uturn
