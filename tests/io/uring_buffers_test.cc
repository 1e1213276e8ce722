// Provided buffers where the process may have no more memory.
#include "io/uring_buffers.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "io/uring_loop.h"
#include "io/uring_ring.h"

namespace uturn {
namespace {

TEST(ProvidedBuffers, ThatNoMemoryIsLeftForAreAnErrorOfTheirRegistration) {
  if (const auto possible = probe_uring(); !possible) GTEST_SKIP() << possible.error();
  const auto ring = Ring::create(1'024, 4'096);
  ASSERT_TRUE(ring) << ring.error();
  constexpr size_t kFarTooLong = size_t{1} << 40;
  ProvidedBuffers buffers(0, 32'768, kFarTooLong);
  EXPECT_EQ(buffers.register_with((*ring)->raw()), -ENOMEM);
}

}  // namespace
}  // namespace uturn
