// What OpenSSL has allocated and not freed, in this process.
#pragma once

#include <cstddef>

namespace uturn {

size_t openssl_memory_in_use();  ///< bytes, as asked for

}  // namespace uturn
