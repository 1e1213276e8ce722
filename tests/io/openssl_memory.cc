// OpenSSL's allocations, counted: each carries its size in front.
#include "tests/io/openssl_memory.h"

#include <openssl/crypto.h>

#include <atomic>
#include <cstdlib>
#include <cstring>

#include "protocol/bytes.h"

namespace uturn {
namespace {

std::atomic<size_t> in_use = 0;
constexpr size_t kFront = alignof(std::max_align_t);

void* with_size(void* block, size_t size) {
  if (block == nullptr) return nullptr;
  std::memcpy(block, &size, sizeof size);
  in_use += size;
  return static_cast<char*>(block) + kFront;
}

/// The block as it was allocated, no longer counted.
void* without_size(void* memory) {
  if (memory == nullptr) return nullptr;
  void* block = static_cast<char*>(memory) - kFront;
  size_t size = 0;
  std::memcpy(&size, block, sizeof size);
  in_use -= size;
  return block;
}

void* counted_malloc(size_t size, const char* /*file*/, int /*line*/) {
  return with_size(std::malloc(size + kFront), size);
}
void* counted_realloc(void* memory, size_t size, const char* /*file*/, int /*line*/) {
  return with_size(std::realloc(without_size(memory), size + kFront), size);
}
void counted_free(void* memory, const char* /*file*/, int /*line*/) {
  std::free(without_size(memory));
}

// Before main: OpenSSL takes no other allocator once it has used its own.
const bool is_counting =
    CRYPTO_set_mem_functions(counted_malloc, counted_realloc, counted_free) == 1;

}  // namespace

size_t openssl_memory_in_use() {
  CHECK(is_counting);
  return in_use;
}

}  // namespace uturn
