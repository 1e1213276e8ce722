// Progress: a bar, a text behind it.
#include "client/tools/bench/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>
#include <string>

namespace uturn {
namespace {

constexpr size_t kBarWidth = 30;
constexpr std::string_view kEraseLine = "\r\033[K";

}  // namespace

void Progress::show_set_up(uint64_t ready, uint64_t wanted) {
  show(static_cast<double>(ready) / static_cast<double>(std::max<uint64_t>(wanted, 1)),
       fmt::format("{} of {} allocations", ready, wanted));
}

void Progress::show_relaying(Duration elapsed, Duration whole, uint64_t packets) {
  const auto seconds = [](Duration d) { return std::chrono::duration<double>(d).count(); };
  if (elapsed < Duration{}) return;
  show(seconds(elapsed) / seconds(whole),
       fmt::format("{:.0f} of {:.0f} s, {} packets", seconds(elapsed), seconds(whole), packets));
}

void Progress::show(double share, const std::string& text) {
  if (!visible_) return;
  const auto filled = static_cast<size_t>(std::clamp(share, 0.0, 1.0) * kBarWidth);
  terminal_ << kEraseLine << '[' << std::string(filled, '=') << std::string(kBarWidth - filled, ' ')
            << "] " << text << std::flush;
}

void Progress::clear() {
  if (visible_) terminal_ << kEraseLine << std::flush;
}

}  // namespace uturn
