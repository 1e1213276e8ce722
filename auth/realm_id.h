// RealmId: a realm by number, so that what belongs to it need not keep its name.
#pragma once

#include <cstdint>

namespace uturn {

/// The same for as long as the process runs: a realm that has gone and comes back has its number
/// again.
enum class RealmId : uint16_t {};
/// Of a listener that serves every realm; of who has no allocation that would say.
inline constexpr RealmId kAnyRealm{UINT16_MAX};

}  // namespace uturn
