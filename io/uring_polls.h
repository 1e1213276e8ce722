// UringPolls: multishot polls, one for each stream; which are armed, and which are to be.
#pragma once

#include <optional>
#include <vector>

#include "io/uring_ring.h"

namespace uturn {

/// A multishot poll tells edges, and when it is armed what is the case already. It goes on while
/// its completions say MORE; it ends when the completion queue is full, and when it is cancelled.
class UringPolls {
 public:
  explicit UringPolls(uint32_t max_streams);

  /// To be armed when next the kernel is entered.
  void begin(SocketId id, int fd);
  /// Not armed any more.
  void end(SocketId id);
  bool is_armed(SocketId id) const;
  void prepare_cancel(Ring& ring, SocketId id);

  /// At most `kArmedPerPass`.
  void arm_wanting(Ring& ring);
  bool has_wanting() const { return !wanting_.empty(); }
  /// Returns the poll events, if there are any.
  std::optional<uint32_t> on_completion(SocketId id, const io_uring_cqe& completion);

  /// Completions were lost, and with them perhaps an edge, or the end of a poll. So each is
  /// cancelled and armed anew, which tells what is the case. Some slots a pass.
  void on_completions_lost() {
    doubted_before_ = ++round_;
    next_doubted_ = 0;
  }
  void question_doubted(Ring& ring);
  bool has_doubted() const { return next_doubted_ < polls_.size(); }
  void on_cancel_refused(SocketId id, int result);

  static constexpr size_t kArmedPerPass = 1'024;
  static constexpr size_t kDoubtedPerPass = 1'024;

 private:
  struct Poll {
    int fd = -1;
    uint32_t generation = 0;
    bool armed = false;
    bool wants_arming = false;
    uint64_t armed_in = 0;  ///< round
  };

  Poll* find(SocketId id);
  bool is_doubted(const Poll& poll) const { return poll.armed_in < doubted_before_; }
  void want_arming(SocketId id, Poll& poll);

  std::vector<Poll> polls_;  ///< by slot
  std::vector<SocketId> wanting_;
  uint64_t round_ = 1;
  uint64_t doubted_before_ = 0;  ///< round: polls armed earlier may have ended unheard
  size_t next_doubted_;          ///< slot; at their end there is no doubt
};

}  // namespace uturn
