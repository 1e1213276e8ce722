// Fuzz target: datagrams and passing time against a TurnClient. A datagram that looks like a
// response gets the transaction id of the last request, so that it is an answer.
#include "client/turn_client.h"

#include <algorithm>
#include <array>

namespace {

using namespace std::chrono_literals;

class ZeroRandom final : public uturn::Random {
 public:
  void fill(uturn::MutableBytes out) override { std::ranges::fill(out, uint8_t{0}); }
};

struct World {
  ZeroRandom random;
  uturn::TurnClient client{
      {.credentials = {"alice", "secret"}, .retransmission = {}, .decoration = {}}, random};
  uturn::Now now{};
  std::array<uint8_t, 12> last_id{};

  void settle() {
    client.on_deadline(now);
    size_t sent = 0;
    while (const auto datagram = client.poll_transmit(now)) {
      CHECK(++sent <= uturn::TurnClient::kMaxOutstanding);
      std::ranges::copy(datagram->subspan(8, last_id.size()), last_id.begin());
    }
    while (const auto event = client.poll_event()) wish(*event);
    client.on_deadline(now);
    while (client.poll_transmit(now)) {
    }
    CHECK(client.next_deadline() > now.monotonic);  // else its owner's loop would spin
  }
  /// Whatever happens, an owner wants more.
  void wish(const uturn::TurnEvent& event) {
    if (!std::holds_alternative<uturn::Allocated>(event)) return;
    for (const uturn::RelayedAddress& relayed : client.relayed()) {
      client.create_permission(relayed.ip, now);
      client.bind_channel(uturn::peer_address(relayed), now);
    }
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  World world;
  world.client.allocate({}, world.now);
  world.settle();
  // Records: seconds that pass (1), length (1), datagram.
  uturn::Bytes rest{data, size};
  while (rest.size() >= 2) {
    world.now.monotonic += std::chrono::seconds{rest[0]};
    const size_t length = std::min<size_t>(rest[1], rest.size() - 2);
    std::vector<uint8_t> datagram(rest.begin() + 2,
                                  rest.begin() + 2 + static_cast<std::ptrdiff_t>(length));
    rest = rest.subspan(2 + length);
    if (length >= 20 && datagram[0] == 1) {
      std::ranges::copy(world.last_id, datagram.begin() + 8);
    }
    world.client.handle(datagram, world.now);
    world.settle();
    if (world.client.state() == uturn::TurnClient::State::idle) {
      world.client.allocate({}, world.now);
      world.settle();
    }
  }
  return 0;
}
