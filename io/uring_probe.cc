// Whether io_uring works here, by using it.
#include "io/udp_socket.h"
#include "io/uring_loop.h"

namespace uturn {
namespace {

// What the probe hears of its own datagrams.
class Listening : public LoopHandler {
 public:
  void on_datagrams(std::span<ReceivedDatagram> batch) override { heard += batch.size(); }
  void on_icmp_error(const IcmpError&) override {}
  void on_wake() override {}
  size_t heard = 0;
};

// Two datagrams to itself: the first arms, the second shows that a multishot receive goes on.
Result<Done, std::string> hear_itself(Loop& loop) {
  loop.start();
  UdpSocketSpec spec;
  spec.address = {IpAddress::v4(std::array<uint8_t, 4>{127, 0, 0, 1}), 0};
  const auto socket = loop.open(spec, 0);
  if (!socket)
    return Failure{"opening a socket on 127.0.0.1: " + std::string(text_of(socket.error()))};

  Listening listening;
  const Instant give_up = loop.now().monotonic + 1s;
  for (size_t round = 1; round <= 2; ++round) {
    loop.send({*socket, loop.local_address(*socket), {}, bytes_of("probe"), {}});
    while (listening.heard < round) {
      if (is_past(give_up, loop.now()))
        return Failure{std::string("multishot recvmsg: no datagram came")};
      loop.run_pass(listening, give_up);
    }
  }
  return Done{};
}

}  // namespace

Result<Done, std::string> probe_uring() {
  LoopSettings settings;
  settings.max_sockets = 1;
  settings.small_buffers = 4;
  settings.large_buffers = 1;
  settings.max_streams = 1;
  const auto loop = try_uring_loop(settings);
  if (!loop) return Failure{loop.error()};
  return hear_itself(**loop);
}

}  // namespace uturn
