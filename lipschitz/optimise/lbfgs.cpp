#include "lipschitz/optimise/lbfgs.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <numeric>

namespace taut::detail {
namespace {

using Vector = std::vector<double>;

double dot(const Vector& a, const Vector& b) { return std::inner_product(a.begin(), a.end(), b.begin(), 0.0); }
void add_scaled(Vector& to, double factor, const Vector& x) {
  for (std::size_t i = 0; i < to.size(); ++i) to[i] += factor * x[i];
}

class Search {
 public:
  Search(const Objective& objective, Vector x, const LbfgsOptions& options)
      : objective_(objective), options_(options), x_(std::move(x)), gradient_(x_.size()) {}

  std::optional<Minimum> run() {
    const auto first = evaluate(x_, gradient_);
    if (!first || !std::isfinite(*first)) return std::nullopt;
    value_ = *first;
    while (count_ < options_.evaluations) {
      const double before = value_;
      if (!step()) {
        if (changes_.empty()) break;
        changes_.clear();  // once more along the gradient
        continue;
      }
      if (before - value_ < options_.tolerance) break;
    }
    return Minimum{std::move(x_), value_, count_};
  }

 private:
  struct Change {
    Vector step, gradient;
    double curvature;
  };

  std::optional<double> evaluate(const Vector& x, Vector& gradient) {
    ++count_;
    return objective_(x, gradient);
  }

  Vector direction() const {
    Vector d = gradient_;
    Vector along(changes_.size());
    for (std::size_t k = changes_.size(); k-- > 0;) {
      along[k] = dot(changes_[k].step, d) / changes_[k].curvature;
      add_scaled(d, -along[k], changes_[k].gradient);
    }
    double scale = 1.0;
    if (changes_.empty()) {
      double largest = 0.0;
      for (const double g : gradient_) largest = std::max(largest, std::fabs(g));
      if (largest > 0.0) scale = std::min(1.0, 0.1 / largest);
    } else {
      scale = changes_.back().curvature / dot(changes_.back().gradient, changes_.back().gradient);
    }
    for (double& x : d) x *= scale;
    for (std::size_t k = 0; k < changes_.size(); ++k)
      add_scaled(d, along[k] - dot(changes_[k].gradient, d) / changes_[k].curvature, changes_[k].step);
    for (double& x : d) x = -x;
    return d;
  }

  bool step() {
    constexpr int most_trials = 30;
    Vector d = direction();
    double slope = dot(gradient_, d);
    if (!(slope < 0.0)) return false;
    double longest = 0.0;
    for (const double x : d) longest = std::max(longest, std::fabs(x));
    if (longest > options_.longest_step) {
      for (double& x : d) x *= options_.longest_step / longest;
      slope *= options_.longest_step / longest;
    }
    double t = 1.0, low = 0.0, high = 0.0;  // high 0: none yet
    std::optional<std::pair<Vector, double>> best;
    Vector best_gradient, gradient(x_.size());
    for (int trial = 0; trial < most_trials && count_ < options_.evaluations; ++trial) {
      Vector x = x_;
      add_scaled(x, t, d);
      const auto value = evaluate(x, gradient);
      if (!value || !std::isfinite(*value) || *value > value_ + 1e-4 * t * slope) {
        if (best) break;
        high = t;
        t = low > 0.0 ? 0.5 * (low + high) : 0.4 * t;
        continue;
      }
      best.emplace(std::move(x), *value);
      best_gradient = gradient;
      if (dot(gradient, d) >= 0.9 * slope || trial > 8) break;
      low = t;
      t = high > 0.0 ? 0.5 * (low + high) : 2.0 * t;
    }
    if (!best) return false;
    Change change{best->first, best_gradient, 0.0};
    add_scaled(change.step, -1.0, x_);
    add_scaled(change.gradient, -1.0, gradient_);
    change.curvature = dot(change.step, change.gradient);
    x_ = std::move(best->first);
    value_ = best->second;
    gradient_ = std::move(best_gradient);
    if (change.curvature > 1e-12 * std::sqrt(dot(change.step, change.step) * dot(change.gradient, change.gradient)))
      changes_.push_back(std::move(change));
    if (static_cast<int>(changes_.size()) > options_.pairs) changes_.pop_front();
    return true;
  }

  const Objective& objective_;
  const LbfgsOptions& options_;
  Vector x_, gradient_;
  double value_ = 0.0;
  int count_ = 0;
  std::deque<Change> changes_;
};

}  // namespace

std::optional<Minimum> minimise(const Objective& objective, std::vector<double> x, const LbfgsOptions& options) {
  return Search(objective, std::move(x), options).run();
}

}  // namespace taut::detail
