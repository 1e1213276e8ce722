// Fuzz target: datagrams to a DTLS listener and to the session that it makes. A ClientHello that
// has room for a cookie gets the right one, so that what is behind the cookie is reached.
#include "io/dtls_listener.h"

#include <vector>

#include "io/dtls_hello.h"

namespace {

const std::shared_ptr<const uturn::TlsContext>& server_context() {
  const uturn::Now now{uturn::Instant{}, uturn::CalendarTime(std::chrono::seconds(1'795'503'600))};
  static const auto kContext = *uturn::TlsContext::load(
      {.certificates = {uturn::make_self_signed({"turn.example.org"}, {}, now)},
       .alpn = {"stun.turn"}},
      uturn::TlsTicketKeys::make(now));
  return kContext;
}

struct World {
  uturn::Now now{};
  uturn::DtlsListener listener{server_context(), now};
  std::unique_ptr<uturn::DtlsSession> session;
  std::vector<uint8_t> out = std::vector<uint8_t>(uturn::DtlsSession::kMaxPlaintext);

  uturn::DtlsHello ask(uturn::Bytes datagram) {
    auto hello = listener.on_client_hello(datagram, {}, out, now);
    CHECK(uturn::is_client_hello(datagram) || std::holds_alternative<uturn::DtlsIgnored>(hello));
    if (const auto* answer = std::get_if<uturn::Bytes>(&hello))
      CHECK(answer->size() < datagram.size());
    return hello;
  }

  void bring_cookie(std::vector<uint8_t>& datagram) {
    const auto hello = uturn::read_client_hello(datagram);
    if (!hello || hello->cookie.size() != uturn::DtlsCookies::kSize) return;
    const auto answer = ask(datagram);
    const auto* request = std::get_if<uturn::Bytes>(&answer);
    if (request == nullptr) return;
    const uturn::Bytes cookie = request->last(uturn::DtlsCookies::kSize);
    std::ranges::copy(cookie, datagram.begin() + (hello->cookie.data() - datagram.data()));
  }

  void hear(std::vector<uint8_t> datagram) {
    bring_cookie(datagram);
    const bool is_anew =
        uturn::is_client_hello(datagram) && (!session || !session->began_with(datagram));
    if (is_anew) {
      auto hello = ask(datagram);
      if (auto* made = std::get_if<std::unique_ptr<uturn::DtlsSession>>(&hello))
        session = std::move(*made);
    } else if (session) {
      session->feed(datagram);
    }
    if (!session) return;
    while (session->read(out) != 0) {
    }
    while (const size_t size = session->poll_transmit(out))
      CHECK(size <= uturn::DtlsSession::kHandshakeMtu);
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  World world;
  // Records: length (2), datagram.
  for (uturn::Bytes rest{data, size}; rest.size() >= 2;) {
    const size_t length = std::min<size_t>(uturn::load_be16(rest.data()), rest.size() - 2);
    const uturn::Bytes datagram = rest.subspan(2, length);
    world.hear({datagram.begin(), datagram.end()});
    rest = rest.subspan(2 + length);
  }
  return 0;
}
