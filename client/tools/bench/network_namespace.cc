// NetworkNamespace: there by setns(2), and back.
#include "client/tools/bench/network_namespace.h"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace uturn {
namespace {

std::string problem(const std::string& name, int error) {
  const std::string which = "network namespace \"" + name + "\"";
  if (error == ENOENT) return "there is no " + which + " (see ip netns list)";
  if (error == EPERM) return "entering " + which + " takes root (CAP_SYS_ADMIN)";
  if (error == EINVAL) return "/run/netns/" + name + " is no network namespace";
  return "cannot enter " + which + ": " + std::generic_category().message(error);
}

}  // namespace

Result<NetworkNamespace, std::string> NetworkNamespace::enter(const std::string& name) {
  if (name.empty() || name.find('/') != std::string::npos) {
    return Failure{"\"" + name + "\" is no name of a network namespace"};
  }
  const int there = ::open(("/run/netns/" + name).c_str(), O_RDONLY | O_CLOEXEC);
  if (there < 0) return Failure{problem(name, errno)};
  const int home = ::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
  const bool entered = home >= 0 && ::setns(there, CLONE_NEWNET) == 0;
  const int error = errno;
  ::close(there);
  if (entered) return NetworkNamespace{home};
  if (home >= 0) ::close(home);
  return Failure{problem(name, error)};
}

NetworkNamespace::NetworkNamespace(NetworkNamespace&& other) noexcept
    : home_(std::exchange(other.home_, -1)) {}

// Whoever could leave can come back: what follows must not run in the wrong network.
NetworkNamespace::~NetworkNamespace() {
  if (home_ < 0) return;
  CHECK(::setns(home_, CLONE_NEWNET) == 0);
  ::close(home_);
}

}  // namespace uturn
