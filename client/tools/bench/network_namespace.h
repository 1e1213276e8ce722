// NetworkNamespace: a visit of the calling thread to a named network namespace (ip-netns(8)).
#pragma once

#include <string>

#include "protocol/result.h"

namespace uturn {

/// Sockets opened during the visit belong to that namespace for good. The thread is back where it
/// came from when this goes, which must happen in the same thread.
class NetworkNamespace {
 public:
  /// A name as in `ip netns add`; the error is a sentence for people.
  static Result<NetworkNamespace, std::string> enter(const std::string& name);

  NetworkNamespace(NetworkNamespace&& other) noexcept;
  NetworkNamespace& operator=(NetworkNamespace&&) = delete;
  ~NetworkNamespace();

 private:
  explicit NetworkNamespace(int home) : home_(home) {}
  int home_ = -1;  ///< descriptor of the namespace to go back to
};

}  // namespace uturn
