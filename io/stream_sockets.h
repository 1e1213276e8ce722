// StreamSockets: a loop's streams on the kernel's sockets. The loop says when one becomes ready,
// and everything else is the same for all of them.
#pragma once

#include <vector>

#include "io/loop.h"
#include "io/socket_table.h"
#include "io/streams.h"

namespace uturn {

/// How a loop hears of a socket: edges of POLLIN, POLLOUT and POLLRDHUP, what is the case already
/// included.
class StreamPoller {
 public:
  virtual ~StreamPoller() = default;
  virtual bool watch(SocketId id, int fd) = 0;  ///< false: the kernel has no room for it
  /// Afterwards nothing but its descriptor holds the socket.
  virtual void unwatch(SocketId id, int fd) = 0;
};

/// What is known of an open stream, or of a listener.
struct OpenStream {
  int fd = -1;
  bool is_listener = false;
  bool is_paused = false;  ///< a listener that accepts nothing for now
  bool is_ready = false;   ///< stands in one of the two lists below
  bool readable = false;   ///< what the next event says
  bool writable = false;
  bool failed = false;
  bool is_drained = false;  ///< a read got less than it asked for: nothing is there before an edge
  bool is_ending = false;   ///< an end or a failure was heard of, and may be all that is left
  StreamError error = StreamError::would_block;  ///< why it failed: the kernel says it once only
  uint64_t tag = 0;
  TransportAddress local = {};
  TransportAddress remote = {};
};

/// A socket that becomes ready enters a list, once, and leaves it when its event is told or its
/// connections are accepted. What a pass does not come to is first in the next one.
class StreamSockets final : public Streams {
 public:
  static constexpr Duration kAcceptAgainAfter = 100ms;

  StreamSockets(const LoopSettings& settings, StreamPoller& poller, LoopCounters& counters);
  ~StreamSockets() override;
  StreamSockets(const StreamSockets&) = delete;
  StreamSockets& operator=(const StreamSockets&) = delete;

  Result<SocketId, StreamError> listen(const StreamSpec& spec, uint64_t tag) override;
  Result<SocketId, StreamError> adopt_listener(LooseSocket listener, uint64_t tag) override;
  void pause_accepting(SocketId listener) override;
  void resume_accepting(SocketId listener) override;
  Result<SocketId, StreamError> connect(const StreamSpec& from, const TransportAddress& to,
                                        uint64_t tag) override;
  LooseSocket detach(SocketId id) override;
  Result<SocketId, StreamError> adopt(LooseSocket stream, uint64_t tag) override;
  void set_tag(SocketId id, uint64_t tag) override;
  TransportAddress local_address(SocketId id) const override;
  TransportAddress remote_address(SocketId id) const override;
  Result<size_t, StreamError> read(SocketId id, MutableBytes into) override;
  Result<size_t, StreamError> write(SocketId id, std::span<const Bytes> pieces) override;
  StreamError error(SocketId id) override;
  void remind(SocketId id) override;
  void end_writing(SocketId id) override;
  void reset_on_close(SocketId id) override;
  void close(SocketId id) override;

  /// The poller heard these poll events of a socket; a stale id is ignored.
  void on_ready(SocketId id, uint32_t events);
  size_t ready() const { return ready_.size(); }
  /// When a pass has something to do, whatever happens: at once, when accepting is to be tried
  /// again, or never.
  Instant due() const;
  /// What a pass has of streams: accepts, tells who came, and tells events.
  void hand_over(LoopHandler& handler, Instant now);
  /// Ends the poller's watch of everything: before a loop ends.
  void unwatch_all();

 private:
  enum class Accepting : uint8_t { drained, may_have_more, no_room };

  OpenStream* find_stream(SocketId id);
  Result<SocketId, StreamError> add(const OpenStream& stream);
  void queue(SocketId id, OpenStream& stream);
  void unqueue(SocketId id, OpenStream& stream);
  void accept_from_all(Instant now);
  Accepting accept_from(SocketId listener, uint32_t most);
  Accepting accept_one(SocketId listener);
  void take_events();

  StreamPoller& poller_;
  LoopCounters& counters_;
  uint32_t events_per_pass_;
  uint32_t accepts_per_pass_;
  SlotTable<OpenStream> streams_;
  std::vector<SocketId> ready_;
  std::vector<SocketId> ready_listeners_;
  Instant accept_again_at_{};  ///< not before: there was no descriptor or memory
  std::vector<AcceptedStream> accepted_;
  std::vector<StreamEvent> events_;
};

}  // namespace uturn
