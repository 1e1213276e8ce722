// UringReceiver: from multishot receives to batches of datagrams. Which sockets are armed, which
// buffers are whose.
#pragma once

#include <array>
#include <bit>
#include <optional>
#include <span>
#include <vector>

#include "io/loop.h"
#include "io/socket_table.h"
#include "io/uring_buffers.h"
#include "io/uring_ring.h"

namespace uturn {

/// The way of a provided buffer; it is always at exactly one of these places:
///
///   with the kernel ──completion──> arrived ──take_batch()──> in use ──give_back()──┐
///          ^                           └── its socket was closed ──────────────────>│
///          └────────────────────────────────────────────────────────────────────────┘
///
/// So completions that carry datagrams never outnumber the buffers, and the queue of what arrived
/// needs no other bound.
class UringReceiver {
 public:
  UringReceiver(const LoopSettings& settings, SocketTable& sockets, LoopCounters& counters);

  /// Returns 0 or a negative error number.
  int register_with(Ring& ring);
  size_t buffer_count() const { return small_.count() + large_.count(); }

  /// A socket entered the table: arm it when next the kernel is entered.
  void begin(SocketId id);
  /// The socket leaves the table; nothing of it is delivered any more. Not armed any more.
  void close(SocketId id);
  /// The socket leaves the loop; what was already received is still delivered, then it leaves the
  /// table. Not armed any more.
  void depart(SocketId id);
  bool is_departing(SocketId id) const { return receptions_[id.slot].departing; }

  bool is_armed(SocketId id) const { return receptions_[id.slot].armed; }
  void prepare_cancel(Ring& ring, SocketId id);

  /// Submits multishot receives for the sockets that want one, the least recently served first: who
  /// is armed first takes what buffers there are. Of more than `kArmedPerPass` the rest waits.
  void arm_wanting(Ring& ring);
  bool has_wanting() const { return !wanting_.empty(); }
  void on_completion(const UserData& data, const io_uring_cqe& completion);

  /// Completions were lost, and with them perhaps the end of a receive: its socket would stay deaf.
  /// So the kernel is asked for each, by cancelling it: whether that ends the receive or finds
  /// none, it is armed anew. Some slots a pass. (A buffer that went with a lost completion is not
  /// found again.)
  void on_completions_lost() {
    doubted_before_ = ++round_;
    next_doubted_ = 0;
  }
  void question_doubted(Ring& ring);
  bool has_doubted() const { return next_doubted_ < receptions_.size(); }
  void on_cancel_refused(SocketId id, int result);

  /// At most a batch of what arrived. Views into buffers stay valid until give_back().
  std::span<ReceivedDatagram> take_batch();
  std::span<ReceivedDatagram> batch() { return batch_; }
  void give_back();
  size_t arrived() const { return arrivals_.size() + (train_ ? 1 : 0); }

  /// Sockets whose datagrams outgrew small buffers in the last batch, or come in bursts; to be
  /// stopped and begun anew.
  std::span<const SocketId> outgrown() const { return outgrown_; }
  void move_to_large(SocketId id);

  /// A socket with an error queue to read. It is armed again only when that is empty: with errors
  /// queued a socket polls as ready, and a receive that finds nothing would be retried for ever.
  void add_troubled(SocketId id);
  void end_trouble(SocketId id);
  bool has_trouble() const { return !troubled_.empty(); }
  /// Calls `use(SocketId)` for each, once and while `may_go_on()`; the next call begins with those
  /// that were left out. `use` says again what is still in trouble.
  template <class Use, class GoOn>
  void visit_troubled(Use use, GoOn may_go_on) {
    const size_t count = troubled_.size();
    size_t visited = 0;
    for (; visited < count && may_go_on(); ++visited) {
      const SocketId id = troubled_[visited];
      receptions_[id.slot].troubled = false;
      use(id);
    }
    troubled_.erase(troubled_.begin(), troubled_.begin() + static_cast<std::ptrdiff_t>(visited));
  }

  static constexpr size_t kArmedPerPass = 1'024;
  static constexpr size_t kDoubtedPerPass = 1'024;

 private:
  struct Reception {
    bool wants_arming = false;
    bool armed = false;
    bool troubled = false;
    bool departing = false;
    uint32_t waiting = 0;    ///< datagrams or trains that arrived and were not taken
    uint64_t served_in = 0;  ///< the round of arming in which it last got a buffer
    uint64_t armed_in = 0;
  };
  struct Arrival {
    SocketId socket;
    uint16_t buffer = 0;
    bool large = false;
  };
  // A fixed ring of arrivals, oldest first.
  class ArrivalQueue {
   public:
    explicit ArrivalQueue(size_t capacity) : slots_(std::bit_ceil(capacity)) {}
    size_t size() const { return end_ - begin_; }
    void push(const Arrival& arrival) {
      CHECK(size() < slots_.size());
      slots_[end_++ & (slots_.size() - 1)] = arrival;
    }
    Arrival pop() { return slots_[begin_++ & (slots_.size() - 1)]; }

   private:
    std::vector<Arrival> slots_;
    size_t begin_ = 0;
    size_t end_ = 0;
  };
  /// A buffer that is being taken apart; usually one datagram.
  struct Train {
    Arrival arrival;
    SocketId socket;  ///< whom it came to: a twin's datagrams are its owner's
    uint64_t tag = 0;
    TransportAddress from;
    IpAddress to;
    ReceivedControl control;
    MutableBytes room;  ///< in front of the first datagram; empty for the others
    MutableBytes rest;
    size_t segment_size = 0;
  };

  void forget(SocketId id);
  void want_arming(SocketId id);
  void on_end(SocketId id, int result);
  void put_least_served_first(size_t count);
  bool is_doubted(const Reception& reception) const { return reception.armed_in < doubted_before_; }
  bool begin_train();
  std::optional<Train> open(const Arrival& arrival, OpenSocket& socket);
  ReceivedDatagram take_datagram(Train& train);
  void end_train();
  void one_less_waiting(SocketId id);
  ProvidedBuffers& buffers(bool large) { return large ? large_ : small_; }
  void release(const Arrival& arrival) { buffers(arrival.large).give_back(arrival.buffer); }

  SocketTable& sockets_;
  LoopCounters& counters_;
  ProvidedBuffers small_;
  ProvidedBuffers large_;
  msghdr shape_{};                     ///< sizes of the name and control areas, for every receive
  std::vector<Reception> receptions_;  ///< by slot
  std::vector<SocketId> wanting_;
  uint64_t round_ = 1;           ///< of arming
  uint64_t doubted_before_ = 0;  ///< round: receives armed earlier may have ended unheard
  size_t next_doubted_;          ///< slot; at their end there is no doubt
  std::vector<SocketId> troubled_;
  std::vector<SocketId> outgrown_;
  ArrivalQueue arrivals_;
  std::optional<Train> train_;
  uint32_t batch_limit_;
  bool gro_;
  std::vector<ReceivedDatagram> batch_;
  std::vector<Arrival> in_use_;
  /// Room for datagrams inside a train, one for each of a batch: before them lies their neighbour.
  std::vector<std::array<uint8_t, kHeadroom>> rooms_;
};

}  // namespace uturn
