// Kernel TLS: found where the kernel lists it among its upper layer protocols.
#include "io/kernel_tls.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

namespace uturn {
namespace {

TEST(KernelTls, IsFoundWhereTheKernelListsIt) {
  const bool found = kernel_has_tls();  // asking loads the module, where there is one
  std::ifstream file("/proc/sys/net/ipv4/tcp_available_ulp");
  bool is_listed = false;
  for (std::string name; file >> name;) is_listed = is_listed || name == "tls";
  EXPECT_EQ(found, is_listed);
}

}  // namespace
}  // namespace uturn
