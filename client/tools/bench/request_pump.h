// RequestPump: passes of a loop until a mode has had enough.
#pragma once

#include <algorithm>
#include <functional>
#include <utility>

#include "io/loop.h"

namespace uturn {

class RequestPump {
 public:
  static constexpr Instant kDone = Instant::min();  ///< what a mode says when it has had enough

  /// `on_deadlines` repeats requests; it is called before every pass.
  RequestPump(Loop& loop, LoopHandler& handler, std::function<void(Now)> on_deadlines)
      : loop_(loop), handler_(handler), on_deadlines_(std::move(on_deadlines)) {}

  /// `feed` begins what is due and says when it wants to be asked again at the latest.
  template <class Feed>
  void run(Feed feed) {
    for (;;) {
      const Now now = loop_.now();
      on_deadlines_(now);
      const Instant wake_at = feed(now);
      if (wake_at == kDone) break;
      loop_.run_pass(handler_, std::min(wake_at, now.monotonic + kRound));
    }
    loop_.flush();
  }

 private:
  static constexpr Duration kRound = 10ms;  ///< of deadlines

  Loop& loop_;
  LoopHandler& handler_;
  std::function<void(Now)> on_deadlines_;
};

}  // namespace uturn
