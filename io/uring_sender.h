// UringSender: the runs of a pass as sendmsg requests that are submitted together.
#pragma once

#include <vector>

#include "io/loop.h"
#include "io/send_runs.h"
#include "io/socket_table.h"
#include "io/uring_receiver.h"
#include "io/uring_ring.h"

namespace uturn {

/// With MSG_DONTWAIT, and without a submission thread, a send is tried inside submit() and has
/// completed when that returns, done or refused. The pass's buffers go back to the kernel on that
/// ground only, so it is not assumed but counted: under_way() must be 0 before settle().
class UringSender {
 public:
  UringSender(const LoopSettings& settings, UringReceiver& receiver, LoopCounters& counters);

  SendQueue& queue() { return queue_; }

  void submit(Ring& ring);
  void on_completion(uint32_t run, int result);
  uint32_t under_way() const { return under_way_; }
  /// Completions were lost, and nothing more will come of this flush: what its other sends met is
  /// not known, so they count as drops.
  void on_completions_lost();
  /// Repeats what deserves it, counts the rest, and empties the queue.
  void settle(Instant now);

 private:
  struct FailedSend {
    uint32_t run = 0;
    int error = 0;
  };

  void repair(const SendRun& run, const msghdr& message, int error, Instant now);
  void send_singly(const SendRun& run);
  void count_soft_error(const SendRun& run);
  void drop(const SendRun& run, SendFate fate);
  void count_dropped(SendFate fate, uint64_t datagrams);

  UringReceiver& receiver_;
  LoopCounters& counters_;
  SendQueue queue_;
  uint32_t under_way_ = 0;
  std::vector<bool> completed_;  ///< by run
  std::vector<FailedSend> failures_;
};

}  // namespace uturn
