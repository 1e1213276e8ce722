// A forwarder in this process.
#include "tests/threads/running_forwarder.h"

#include "io/make_loop.h"

namespace uturn {

RunningForwarder::RunningForwarder(uint32_t flows) {
  auto loop = try_make_loop(IoKind::epoll, {.max_sockets = flows + 1});
  CHECK(loop);
  loop_ = *std::move(loop);
  const TransportAddress loopback{*IpAddress::parse("127.0.0.1"), 0, 0};
  const auto listener =
      loop_->open({.kind = SocketKind::listener, .address = loopback}, kForwarderListener);
  CHECK(listener);
  address_ = loop_->local_address(*listener);
  forwarder_ = std::make_unique<Forwarder>(*loop_, UdpSocketSpec{.address = loopback}, flows, 1);
  thread_ = std::thread{[this] {
    loop_->start();
    while (!forwarder_->is_stopping()) loop_->run_pass(*forwarder_, kNever);
  }};
}

void RunningForwarder::stop() {
  if (!thread_.joinable()) return;
  loop_->wake();
  thread_.join();
}

}  // namespace uturn
