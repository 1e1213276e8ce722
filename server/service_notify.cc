// Over libsystemd.
#include "server/service_notify.h"

#include <systemd/sd-daemon.h>
#include <time.h>

#include <cstdint>
#include <string>

namespace uturn {

ServiceNotify::ServiceNotify() {
  uint64_t microseconds = 0;
  if (::sd_watchdog_enabled(0, &microseconds) > 0 && microseconds > 0) {
    interval_ = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::microseconds(microseconds / 2));
  }
}

void ServiceNotify::ready(std::string_view status) {
  ::sd_notify(0, ("READY=1\nSTATUS=" + std::string(status)).c_str());
}

void ServiceNotify::reloading() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const uint64_t microseconds =
      static_cast<uint64_t>(now.tv_sec) * 1'000'000 + static_cast<uint64_t>(now.tv_nsec) / 1'000;
  ::sd_notify(0, ("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(microseconds)).c_str());
}

void ServiceNotify::stopping() { ::sd_notify(0, "STOPPING=1\nSTATUS=stops"); }

void ServiceNotify::status(std::string_view text) {
  ::sd_notify(0, ("STATUS=" + std::string(text)).c_str());
}

void ServiceNotify::feed_watchdog() { ::sd_notify(0, "WATCHDOG=1"); }

}  // namespace uturn
