// MetricFamilies: metrics being put together, in the order in which they are told.
#pragma once

#include <prometheus/metric_family.h>

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace uturn {

class MetricFamilies {
 public:
  using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  /// What is added next belongs to this one.
  void counter(std::string_view name, std::string_view help);
  void gauge(std::string_view name, std::string_view help);
  void add(double value, Labels labels = {});
  template <class Number>
  void add(Number value, Labels labels = {}) {
    add(static_cast<double>(value), labels);
  }
  /// With one number and no labels.
  template <class Number>
  void counter(std::string_view name, std::string_view help, Number value) {
    counter(name, help);
    add(static_cast<double>(value));
  }
  template <class Number>
  void gauge(std::string_view name, std::string_view help, Number value) {
    gauge(name, help);
    add(static_cast<double>(value));
  }
  void histogram(std::string_view name, std::string_view help);
  /// `counts` has one place more than `bounds`: what is above all of them.
  void add_histogram(const std::vector<double>& bounds, const std::vector<uint64_t>& counts,
                     double sum, Labels labels = {});

  std::string text() const;

 private:
  std::vector<prometheus::MetricFamily> families_;
};

}  // namespace uturn
