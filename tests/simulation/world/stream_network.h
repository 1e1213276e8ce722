// StreamNetwork: TCP as its users see it, on the virtual network's clock and weather.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "tests/simulation/world/stream_end.h"

namespace uturn {

class VirtualNetwork;

/// Connections, bytes cut into segments at random, a window, FIN and RST. What the weather loses
/// comes later and holds up what is behind it. NATs are for datagrams only.
///
/// Ends and listeners are named by numbers that never come again; a call for one that is gone does
/// nothing, and says `other`.
class StreamNetwork {
 public:
  using End = uint64_t;
  using Listener = uint64_t;

  explicit StreamNetwork(VirtualNetwork& network) : network_(network) {}

  /// `came`: a connection waits to be accepted.
  Result<Listener, StreamError> listen(const StreamSpec& spec, std::function<void()> came);
  void watch_listener(Listener listener, std::function<void()> came);
  std::optional<End> accept(Listener listener);
  bool has_connections(Listener listener) const;
  TransportAddress address_of(Listener listener) const;
  void close_listener(Listener listener);  ///< who waits there is reset

  /// Becomes writable, or fails: `refused`, or `timed_out` where nobody answers.
  Result<End, StreamError> connect(const StreamSpec& from, const TransportAddress& to,
                                   StreamWatch watch);
  /// This address swallows whoever wants to connect to it.
  void swallow(const IpAddress& ip) { swallowing_.insert(ip); }

  const StreamEnd* find(End end) const;  ///< null: gone
  void watch(End end, StreamWatch watch);
  Result<size_t, StreamError> read(End end, MutableBytes into);
  Result<size_t, StreamError> write(End end, std::span<const Bytes> pieces);
  void end_writing(End end);
  void close(End end);  ///< RST where bytes are left unread, else FIN behind what was written
  void reset(End end);

  /// An end or a listener that no loop owns.
  int make_loose(uint64_t id);
  std::optional<uint64_t> take_loose(int handle);  ///< nothing: the handle is of no stream
  bool is_listener(uint64_t id) const { return listeners_.contains(id); }
  void close_either(uint64_t id) { is_listener(id) ? close_listener(id) : close(id); }

  /// Ends and listeners that exist, those included that still send what was written before they
  /// were closed.
  size_t size() const { return ends_.size() + listeners_.size(); }

 private:
  struct Waiting {
    StreamSpec spec;
    std::deque<End> queue;
    std::function<void()> came;
  };
  using FourTuple = std::pair<TransportAddress, TransportAddress>;

  std::optional<StreamError> refusal_to_bind(const StreamSpec& spec) const;
  TransportAddress with_port(TransportAddress address, const TransportAddress& to);
  bool is_taken(const FourTuple& tuple) const;
  bool is_in_time_wait(const FourTuple& tuple) const;
  Waiting* listener_for(const TransportAddress& to, const TransportAddress& from);
  void on_syn(End end);
  void on_syn_ack(End end, End other);
  void pump(End id);
  void on_bytes(End id, End sender, const std::vector<uint8_t>& bytes);
  void on_window(End id, size_t size);
  void on_end(End id);
  void fail(End id, StreamError why);
  void forget(End id);
  void after_delay(StreamEnd& sender, std::function<void()> what);
  StreamEnd* find_end(End end);

  VirtualNetwork& network_;
  uint64_t next_id_ = 1;
  int next_handle_ = 1 << 30;  ///< apart from the handles of datagram sockets
  std::map<End, StreamEnd> ends_;
  std::map<Listener, Waiting> listeners_;
  std::map<FourTuple, Instant> time_wait_;  ///< until when
  std::map<int, uint64_t> loose_;
  std::set<IpAddress> swallowing_;
};

}  // namespace uturn
