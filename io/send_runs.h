// SendQueue: the datagrams of one pass, and how they leave in as few sends as GSO allows.
#pragma once

#include <sys/socket.h>

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "io/control_messages.h"
#include "io/gso_refusals.h"
#include "io/socket_table.h"

namespace uturn {

/// What one send may carry (udp_send_skb of the kernel refuses more).
inline constexpr uint32_t kMaxRunDatagrams = 64;
inline constexpr uint32_t kMaxRunBytes = 65'507;

/// One send: a datagram, or a run of datagrams that share socket, destination and IP fields, are
/// as long as the first but for the last, which may be shorter, and none of them empty.
struct SendRun {
  SocketId via;
  int fd = -1;
  TransportAddress to;
  IpFields ip;
  uint32_t datagrams = 0;
  uint32_t bytes = 0;
  uint32_t segment_size = 0;  ///< of every datagram but the last
  bool is_connected = false;  ///< the socket knows `to`

 private:
  friend class SendQueue;
  uint32_t last_size_ = 0;
  uint32_t first_ = 0;  ///< datagrams of the queue, chained
  uint32_t last_ = 0;
  SocketName name_;
  SendControlArea control_;
};

/// What to do about a send that failed.
enum class SendFate : uint8_t {
  repeat,        ///< a pending error of another destination hit it, and is taken: send it again
  send_singly,   ///< GSO was refused: send its datagrams one by one
  drop_blocked,  ///< the socket or the device is full
  drop_failed,
};

/// Everything is reserved at construction; a pass allocates nothing.
///
/// Datagrams to one destination may be queued with others between them: a table of the pass's
/// flows (socket and destination) finds the run that is still open. A flow that finds no place in
/// the table goes out in single sends. Runs leave in the order they were opened, and a flow opens
/// a run only when its last one is closed, so that the order within a flow is kept.
class SendQueue {
 public:
  SendQueue(uint32_t capacity, bool gso);

  bool is_full() const { return datagrams_.size() == capacity_; }
  bool empty() const { return datagrams_.empty(); }
  size_t size() const { return datagrams_.size(); }
  /// Is anything of this descriptor queued? As long as the queue has runs: for sockets that close.
  bool uses(int fd) const { return std::ranges::find(runs_, fd, &SendRun::fd) != runs_.end(); }

  /// `socket` is what `datagram.via` names. Not when full.
  void add(const OpenSocket& socket, const OutgoingDatagram& datagram, Instant now) {
    add(datagram.via, socket, datagram, now);
  }
  /// The same by another socket than `datagram.via`: its twin, which needs no name and no control
  /// messages.
  void add(SocketId via, const OpenSocket& socket, const OutgoingDatagram& datagram, Instant now);

  /// The sends of what is queued, in order. `messages()[i]` is ready for `runs()[i]`'s socket; both
  /// stay as they are until clear().
  std::span<SendRun> build();
  std::span<SendRun> runs() { return runs_; }
  std::span<mmsghdr> messages() { return messages_; }

  /// Calls `send(const msghdr&, size_t bytes)` for each datagram of a run, in order.
  template <class Send>
  void for_each_single(const SendRun& run, Send send) {
    SingleMessage single;
    for (uint32_t i = run.first_; i != kNone; i = datagrams_[i].next) {
      const size_t bytes = prepare_single(run, datagrams_[i], single);
      send(std::as_const(single.message), bytes);
    }
  }

  /// `repeats` of this send so far. Remembers the destination or its route where GSO was refused.
  SendFate fate_of(const SendRun& run, int error_number, int repeats, Instant now);
  /// The same of a single datagram.
  static SendFate fate_of_single(int error_number, int repeats);

  /// All of the queue as sent, at once; what was not is taken back, run by run.
  void count_sent(LoopCounters& counters) const;
  static void take_back(const SendRun& run, LoopCounters& counters);

  void clear();

 private:
  static constexpr uint32_t kNone = UINT32_MAX;
  static constexpr uint32_t kProbes = 8;

  struct Datagram {
    Bytes header;
    Bytes payload;
    uint8_t padding = 0;
    uint32_t next = kNone;  ///< of the same run
  };
  struct Flow {
    uint32_t epoch = 0;    ///< of another pass: free
    uint32_t run = kNone;  ///< the last one opened
  };
  struct SingleMessage {
    msghdr message;
    iovec pieces[3];
    SendControlArea control;
  };

  Flow* find_flow(SocketId via, const TransportAddress& to);
  bool may_join(const SendRun& run, const IpFields& ip, uint32_t size, Instant now) const;
  uint32_t open_run(SocketId via, const OpenSocket& socket, const TransportAddress& to,
                    const IpFields& ip);
  void append(SendRun& run, uint32_t datagram, uint32_t size);
  void build_message(SendRun& run, msghdr& message);
  void add_piece(Bytes piece, size_t first_piece);
  size_t prepare_single(const SendRun& run, const Datagram& datagram, SingleMessage& single) const;

  uint32_t capacity_;
  bool gso_;
  uint64_t hash_seed_;
  std::vector<Datagram> datagrams_;
  std::vector<SendRun> runs_;
  std::vector<mmsghdr> messages_;
  std::vector<iovec> pieces_;
  std::vector<Flow> flows_;  ///< a power of two, at least twice the capacity
  uint32_t epoch_ = 1;
  Counter bytes_ = 0;
  uint32_t trains_ = 0;  ///< runs of more than one datagram
  uint32_t in_trains_ = 0;
  GsoRefusals refusals_;
};

}  // namespace uturn
