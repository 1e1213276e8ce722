// UsageMeter: two looks and what lies between.
#include "client/tools/bench/usage_meter.h"

#include <algorithm>

namespace uturn {
namespace {

uint64_t nanoseconds(Duration time) {
  return static_cast<uint64_t>(std::max<int64_t>(time.count(), 0));
}

std::optional<uint64_t> nanoseconds(const std::optional<Duration>& time) {
  if (!time) return std::nullopt;
  return nanoseconds(*time);
}

}  // namespace

Result<UsageMeter, std::string> UsageMeter::watching(std::optional<int> pid) {
  UsageMeter meter;
  if (!pid) return meter;
  auto usage = ServerUsage::of(*pid);
  if (!usage) return Failure{usage.error()};
  meter.usage_ = *std::move(usage);
  return meter;
}

void UsageMeter::begin() {
  if (usage_) before_ = usage_->look();
}

std::optional<UsageReport> UsageMeter::end(const std::string& per, uint64_t units) const {
  if (!usage_ || !before_) return std::nullopt;
  const auto after = usage_->look();
  if (!after) return std::nullopt;
  const UsageSnapshot used = difference(*after, *before_);
  UsageReport report;
  report.cpu_ns = nanoseconds(used.cpu + used.ksoftirqd.value_or(Duration{}));
  report.user_ns = nanoseconds(used.user);
  report.system_ns = nanoseconds(used.system);
  report.softirq_ns = nanoseconds(used.softirq);
  report.ksoftirqd_ns = nanoseconds(used.ksoftirqd);
  report.softirq_included = softirq_included();
  report.per = per;
  report.units = units;
  report.rss_bytes_before = before_->rss_bytes;
  report.rss_bytes_after = used.rss_bytes;
  report.anonymous_bytes_before = before_->anonymous_bytes;
  report.anonymous_bytes_after = used.anonymous_bytes;
  report.descriptors = used.descriptors;
  report.threads = used.threads;
  return report;
}

std::optional<uint64_t> UsageMeter::rss_bytes() const {
  const auto snapshot = usage_ ? usage_->look() : std::nullopt;
  if (!snapshot) return std::nullopt;
  return snapshot->rss_bytes;
}

}  // namespace uturn
