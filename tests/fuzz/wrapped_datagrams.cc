// Fuzz target: datagrams to a shard that serves DTLS and believes a proxy: from a client, from the
// proxy, with a header in front or without. A ClientHello that has room for a cookie is sent again
// with the right one, so that what is behind the cookie is reached.
#include <vector>

#include "io/dtls_hello.h"
#include "tests/simulation/world/simulated_server.h"

namespace {

using namespace uturn;

const std::shared_ptr<const TlsContext>& server_context() {
  const Now now{Instant{}, CalendarTime(std::chrono::seconds(1'795'503'600))};
  static const auto kContext = *TlsContext::load(
      {.certificates = {make_self_signed({"turn.example.org"}, {}, now)}, .alpn = {"stun.turn"}},
      TlsTicketKeys::make(now));
  return kContext;
}

constexpr std::array<uint8_t, 28> kHeader{
    0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A, 0x21, 0x12,
    0,    12,   192,  0,    2,    77,   192,  0,    2,    10,   0x0F, 0xA0, 0x0D, 0x96};

struct World {
  VirtualNetwork network{1};
  SimulatedServer server{
      network, {.shards = 1, .streams = {.proxies = {*AddressRange::parse("203.0.113.200")}}}};
  std::array<TransportAddress, 2> senders{*TransportAddress::parse("203.0.113.1:4000"),
                                          *TransportAddress::parse("203.0.113.200:6000")};
  std::vector<uint8_t> answer;

  World() {
    server.shards()[0]->set_tls_context(server_context());
    for (TransportAddress& sender : senders) {
      Endpoint endpoint;
      endpoint.receive = [this](const VirtualDatagram& datagram) { answer = datagram.bytes; };
      CHECK(network.bind(sender, std::move(endpoint), 7));
    }
  }

  void send(const TransportAddress& from, Bytes header, const std::vector<uint8_t>& datagram) {
    std::vector<uint8_t> all{header.begin(), header.end()};
    all.insert(all.end(), datagram.begin(), datagram.end());
    network.send({from, SimulatedServer::listener(), all});
    server.run_for(10ms);
  }

  void hear(uint8_t how, std::vector<uint8_t> datagram) {
    const TransportAddress& from = senders[how & 1];
    const Bytes header = (how & 2) != 0 ? Bytes{kHeader} : Bytes{};
    answer.clear();
    send(from, header, datagram);
    const auto hello = read_client_hello(datagram);
    const bool wants_cookie = hello && hello->cookie.size() == DtlsCookies::kSize;
    if (wants_cookie && answer.size() > DtlsCookies::kSize) {
      std::ranges::copy(Bytes{answer}.last(DtlsCookies::kSize),
                        datagram.begin() + (hello->cookie.data() - datagram.data()));
      send(from, header, datagram);
    }
    if ((how & 4) != 0) server.run_for(5s);
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  World world;
  // Records: how (1), length (2), datagram.
  for (Bytes rest{data, size}; rest.size() >= 3;) {
    const size_t length = std::min<size_t>(load_be16(rest.data() + 1), rest.size() - 3);
    const Bytes datagram = rest.subspan(3, length);
    world.hear(rest[0], {datagram.begin(), datagram.end()});
    rest = rest.subspan(3 + length);
  }
  CHECK(world.server.shards()[0]->dtls_counters().sessions <= 3);
  return 0;
}
