// ServiceNotify: telling the service manager how we are (sd_notify(3)).
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace uturn {

/// Where nobody started us as a service of Type=notify, all of it is silence.
class ServiceNotify {
 public:
  ServiceNotify();

  void ready(std::string_view status);
  /// With the monotonic time that systemd asks for since 253; ready() ends it.
  void reloading();
  void stopping();
  void status(std::string_view text);
  void feed_watchdog();
  /// How often it wants to be fed at the latest: half of WatchdogSec; nothing without one.
  std::optional<std::chrono::milliseconds> watchdog_interval() const { return interval_; }

 private:
  std::optional<std::chrono::milliseconds> interval_;
};

}  // namespace uturn
