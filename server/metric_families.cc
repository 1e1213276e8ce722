// Over prometheus-cpp, which knows the text format and its escapes.
#include "server/metric_families.h"

#include <prometheus/text_serializer.h>

#include <limits>

namespace uturn {
namespace {

prometheus::MetricFamily family(std::string_view name, std::string_view help,
                                prometheus::MetricType type) {
  return {std::string(name), std::string(help), type, {}};
}

void add_labels(prometheus::ClientMetric& metric, MetricFamilies::Labels labels) {
  for (const auto& [name, text] : labels) {
    metric.label.push_back({std::string(name), std::string(text)});
  }
}

}  // namespace

void MetricFamilies::counter(std::string_view name, std::string_view help) {
  families_.push_back(family(name, help, prometheus::MetricType::Counter));
}

void MetricFamilies::gauge(std::string_view name, std::string_view help) {
  families_.push_back(family(name, help, prometheus::MetricType::Gauge));
}

void MetricFamilies::histogram(std::string_view name, std::string_view help) {
  families_.push_back(family(name, help, prometheus::MetricType::Histogram));
}

void MetricFamilies::add(double value, Labels labels) {
  auto& metric = families_.back().metric.emplace_back();
  metric.counter.value = metric.gauge.value = value;
  add_labels(metric, labels);
}

void MetricFamilies::add_histogram(const std::vector<double>& bounds,
                                   const std::vector<uint64_t>& counts, double sum, Labels labels) {
  auto& metric = families_.back().metric.emplace_back();
  add_labels(metric, labels);
  auto& histogram = metric.histogram;
  histogram.sample_sum = sum;
  for (size_t i = 0; i < counts.size(); ++i) {
    histogram.sample_count += counts[i];
    const double bound = i < bounds.size() ? bounds[i] : std::numeric_limits<double>::infinity();
    histogram.bucket.push_back({histogram.sample_count, bound});
  }
}

std::string MetricFamilies::text() const {
  return prometheus::TextSerializer().Serialize(families_);
}

}  // namespace uturn
