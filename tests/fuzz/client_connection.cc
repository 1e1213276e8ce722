// Fuzz target: all that a client's connection may say to a server's shards: a proxy's header, TLS
// or not, frames in any pieces, HTTP, garbage, silence and its end. A ConnectionBind may send it to
// the other shard.
#include <string>
#include <vector>

#include "client/tools/make_connection.h"
#include "protocol/stream_framing.h"
#include "tests/simulation/world/accounts.h"
#include "tests/simulation/world/simulated_server.h"
#include "tests/simulation/world/stream_network.h"

namespace {

using namespace uturn;
using namespace std::chrono_literals;

constexpr std::string_view kBadRequest = "HTTP/1.1 400 Bad Request\r\n";

const std::shared_ptr<const TlsContext>& server_context() {
  const Now now{Instant{}, CalendarTime(std::chrono::seconds(1'795'503'600))};
  static const auto kContext = *TlsContext::load(
      {.certificates = {make_self_signed({"turn.example.org"}, {}, now)}, .alpn = {"stun.turn"}},
      TlsTicketKeys::make(now));
  return kContext;
}

const ClientSecurity& client_security() {
  static const ClientSecurity kSecurity{.context = *ClientTlsContext::make({.verify = false}),
                                        .server_name = "turn.example.org"};
  return kSecurity;
}

/// How the input's first byte wants it.
struct Manners {
  bool is_proxy = false;      ///< comes from the address that headers are believed from
  bool speaks_tls = false;    ///< honestly: what it says is inside
  bool is_trusted = false;    ///< the server asks for no password
  bool takes_little = false;  ///< a small receive buffer
};

/// A server that lives no longer than its client, and a peer that sends everything back.
struct World {
  explicit World(Manners manners)
      : server(network, {.shards = 2,
                         .streams = {.queue_bytes = 32 * 1024,
                                     .proxies = {*AddressRange::parse("203.0.113.200")},
                                     .tls = server_context()},
                         .asks_for_passwords = !manners.is_trusted}) {
    CHECK(network.bind(peer,
                       {[this](const VirtualDatagram& datagram) {
                          network.send({peer, datagram.from, datagram.bytes});
                        },
                        {}},
                       7));
  }

  VirtualNetwork network{1};
  SimulatedServer server;
  TransportAddress peer = *TransportAddress::parse("198.51.100.7:5000");
};

class Client final : public FrameSink {
 public:
  Client(World& world, Manners manners)
      : world_(world),
        is_proxy_(manners.is_proxy),
        speaks_tls_(manners.speaks_tls),
        tls_(make_connection(Transport::tls, &client_security())) {
    StreamSpec spec;
    spec.address =
        *TransportAddress::parse(manners.is_proxy ? "203.0.113.200:6000" : "203.0.113.1:4000");
    if (manners.takes_little) spec.receive_buffer = 2'048;
    end_ = *streams().connect(spec, SimulatedServer::listener(),
                              [this](const StreamChange& change) { on_change(change); });
    world_.server.run_for(5ms);
  }

  /// In clear, even where it speaks TLS: what a proxy says stands before it.
  void say_bare(Bytes words) {
    bare_.insert(bare_.end(), words.begin(), words.end());
    write();
  }
  void say(Bytes words) {
    if (!speaks_tls_) return say_bare(words);
    greet();
    (void)tls_->send(words);
    write();
  }
  void end_writing() { streams().end_writing(end_); }
  void leave() {
    if (!is_gone_) streams().close(end_);
    is_gone_ = true;
  }
  void reset() {
    if (!is_gone_) streams().reset(end_);
    is_gone_ = true;
  }
  void read_on(bool reads) {
    reads_ = reads;
    read();
    write();
  }

  /// Whoever spoke no TLS has heard whole frames, or that this is no web server, and nothing else;
  /// the last may be on its way still.
  void check_what_was_heard() const {
    if (speaks_tls_ || is_tls_record()) return;
    Bytes rest = bytes_of(heard_);
    while (const auto frame = next_frame(rest)) rest = rest.subspan(frame->consumed);
    const std::string_view left = text_of(rest);
    const bool is_http = left.substr(0, kBadRequest.size()) == kBadRequest.substr(0, left.size());
    CHECK(is_http || next_frame(rest).error() == FramingError::incomplete);
  }

 private:
  StreamNetwork& streams() { return world_.network.streams(); }
  bool is_tls_record() const { return !heard_.empty() && (heard_[0] & 0xF0) == 0x10; }

  void on_change(const StreamChange& change) {
    if (change.writable && speaks_tls_ && !is_proxy_) greet();
    if (change.readable || change.failed) read();
    write();
  }

  /// The handshake begins, behind what a proxy says first.
  void greet() {
    if (!std::exchange(has_greeted_, true)) tls_->on_connected(world_.network.now());
  }

  void read() {
    std::vector<uint8_t> bytes(4'096);
    while (reads_ && !is_gone_) {
      const auto size = streams().read(end_, bytes);
      if (!size) return;
      const MutableBytes came = MutableBytes{bytes}.first(*size);
      heard_.append(text_of(came));
      if (has_greeted_) tls_->on_arrived(came, *this, world_.network.now());
    }
  }

  void write() {
    while (!is_gone_ && !bare_.empty()) {
      const Bytes piece{bare_};
      const auto size = streams().write(end_, {&piece, 1});
      if (!size) return;
      bare_.erase(bare_.begin(), bare_.begin() + static_cast<ptrdiff_t>(*size));
    }
    while (!is_gone_ && has_greeted_ && !tls_->has_ended()) {
      const Bytes piece = tls_->outgoing();
      if (piece.empty()) return;
      const auto size = streams().write(end_, {&piece, 1});
      if (!size) return;
      tls_->sent(*size);
    }
  }

  void on_frame(MutableBytes) override {}

  World& world_;
  const bool is_proxy_;
  const bool speaks_tls_;
  std::unique_ptr<ServerConnection> tls_;
  StreamNetwork::End end_ = 0;
  std::vector<uint8_t> bare_;
  std::string heard_;
  bool has_greeted_ = false;
  bool is_gone_ = false;
  bool reads_ = true;
};

/// One step: what, one byte about it, and of what is said the bytes.
Bytes step(World& world, Client& client, Bytes choices) {
  const uint8_t what = choices[0], which = choices[1];
  choices = choices.subspan(2);
  const size_t repeated = 1 + which / 128 * size_t{63};  // a burst says the same many times
  const Bytes words = choices.first(std::min<size_t>(which % 128, choices.size()));
  switch (what % 8) {
    case 0:
    case 1:
      for (size_t i = 0; i < repeated; ++i) client.say(words);
      world.server.run_for(what % 8 == 0 ? 5ms : 0ms);
      return choices.subspan(words.size());
    case 2:
      client.say_bare(words);
      world.server.run_for(5ms);
      return choices.subspan(words.size());
    case 3:
      world.server.run_for(std::chrono::seconds(which));
      break;
    case 4:
      client.end_writing();
      break;
    case 5:
      client.read_on(which % 2 == 0);
      break;
    case 6:
      which % 2 == 0 ? client.leave() : client.reset();
      break;
    default:
      world.server.run_for(5ms);
  }
  return choices;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const Manners manners{.is_proxy = (data[0] & 1) != 0,
                        .speaks_tls = (data[0] & 2) != 0,
                        .is_trusted = (data[0] & 4) != 0,
                        .takes_little = (data[0] & 8) != 0};
  World world(manners);
  {
    Client client(world, manners);
    for (Bytes choices{data + 1, size - 1}; choices.size() >= 2;) {
      choices = step(world, client, choices);
    }
    client.check_what_was_heard();
    client.leave();
    // Longer than anything lives.
    world.server.run_for(std::chrono::hours(2));
  }
  CHECK(remains(world.server).empty());
  CHECK(wrong_fates(world.server).empty());
  return 0;
}
