// StreamVisitor: a client of the server over a virtual connection, as polite or rude as its test
// wants, and the world it lives in.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "client/frame_reader.h"
#include "client/long_term_credentials.h"
#include "client/tools/client_security.h"
#include "client/tools/server_connection.h"
#include "protocol/message_builder.h"
#include "tests/relay/message.h"
#include "tests/simulation/world/simulated_server.h"
#include "tests/simulation/world/stream_network.h"

namespace uturn {

/// A network, a server with stream listeners, and time that passes when somebody waits.
class StreamWorld {
 public:
  explicit StreamWorld(const ServerSpec& spec = {}, uint64_t seed = 1);

  VirtualNetwork network;
  SimulatedServer server;
  ClientSecurity security;  ///< of visitors that speak TLS

  StreamNetwork& streams() { return network.streams(); }
  void run_for(Duration time) { server.run_for(time); }
  /// False: not within that time.
  bool run_until(const std::function<bool()>& enough, Duration most = std::chrono::seconds(20));
  /// Summed over the shards.
  StreamCounters counters() const;
  uint64_t closed_for(CloseReason why) const { return counters().closed_for(why); }
  RelayCounters relay_counters(size_t shard = 0) const {
    return server.shards()[shard]->relay_counters();
  }
  size_t allocations() const;
  size_t peer_connections() const;
};

/// With a certificate, one shard, and whatever else is said.
ServerSpec stream_server(const std::function<void(ServerSpec&)>& more = {});

struct Manners {
  bool speaks_tls = false;
  std::string user = "alice";
  int receive_buffer = 0;
  std::string first_words{};  ///< before anything else, TLS included
};

class StreamVisitor final : FrameSink {
 public:
  using Body = std::function<void(MessageBuilder&)>;

  StreamVisitor(StreamWorld& world, std::string_view from, Manners manners = {});
  ~StreamVisitor() override;

  // In raw bytes.
  void say(std::string_view words);
  void end_writing() { world_.streams().end_writing(end_); }
  void reset() { world_.streams().reset(std::exchange(end_, 0)); }
  void leave() { world_.streams().close(std::exchange(end_, 0)); }
  bool reads = true;  ///< what comes; otherwise it waits in the receive buffer
  void read_on();
  void read_part(size_t most);                  ///< so many bytes of it, by one who does not read
  bool has_ended() const { return end_seen_; }  ///< the server ended the connection
  bool was_reset() const { return reset_seen_; }
  bool is_over() const { return end_seen_ || reset_seen_; }
  std::string heard;  ///< once it listens to bytes, not to frames; answers are found among them
  void listen_to_bytes() { hears_bytes_ = true; }

  // In frames.
  void send_frame(Bytes frame);
  std::deque<std::vector<uint8_t>> frames;                  ///< that came, and were no answers
  Message ask(Method method, const Body& body = {});        ///< signed as soon as it can be
  Message ask_once(Method method, const Body& body = {});   ///< a challenge is the answer
  void send_request(Method method, const Body& body = {});  ///< and wait for no answer
  std::optional<Message> answer();                          ///< to the last request, once it came
  TransportAddress allocate(uint8_t protocol = 17);
  void bind_channel(uint16_t number, std::string_view peer);
  void send_channel_data(uint16_t number, std::string_view data);

  LongTermCredentials credentials;
  TransportAddress address;

 private:
  void on_frame(MutableBytes frame) override;
  void read();
  bool read_some(size_t most);
  void take_answer();
  void write();
  std::vector<uint8_t> request(Method method, const Body& body);

  StreamWorld& world_;
  std::unique_ptr<ServerConnection> connection_;
  StreamNetwork::End end_ = 0;
  std::string raw_;
  bool hears_bytes_ = false;
  bool end_seen_ = false;
  bool reset_seen_ = false;
  TransactionId asked_;
  std::optional<Message> answer_;
  std::shared_ptr<bool> lives_ = std::make_shared<bool>(true);
};

/// Sends from an address of a peer, and hears what comes there.
class UdpPeer {
 public:
  UdpPeer(StreamWorld& world, std::string_view address);
  ~UdpPeer() { world_.network.unbind(address_, owner_); }
  void send(const TransportAddress& to, std::string_view text);
  std::deque<std::string> heard;

 private:
  StreamWorld& world_;
  TransportAddress address_;
  uint64_t owner_;
};

}  // namespace uturn
