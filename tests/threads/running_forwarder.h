// RunningForwarder: the bare forwarder of bench/ in this process, on loopback and ephemeral ports.
#pragma once

#include <memory>
#include <thread>

#include "bench/forwarder.h"

namespace uturn {

class RunningForwarder {
 public:
  /// It refuses whoever comes after so many flows.
  explicit RunningForwarder(uint32_t flows);
  RunningForwarder(const RunningForwarder&) = delete;
  ~RunningForwarder() { stop(); }

  const TransportAddress& address() const { return address_; }
  void stop();
  /// Of a stopped forwarder.
  uint64_t forwarded() const { return forwarder_->forwarded(); }

 private:
  std::unique_ptr<Loop> loop_;
  TransportAddress address_;
  std::unique_ptr<Forwarder> forwarder_;
  std::thread thread_;
};

}  // namespace uturn
