// Progress: one line on a terminal that says how far a run has come.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>

#include "protocol/time.h"

namespace uturn {

class Progress {
 public:
  /// `visible` false: says nothing.
  Progress(std::ostream& terminal, bool visible) : terminal_(terminal), visible_(visible) {}

  void show_set_up(uint64_t ready, uint64_t wanted);
  void show_relaying(Duration elapsed, Duration whole, uint64_t packets);
  void clear();

 private:
  void show(double share, const std::string& text);

  std::ostream& terminal_;
  bool visible_;
};

}  // namespace uturn
