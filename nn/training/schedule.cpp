#include "nn/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "autodiff/error.h"

namespace taut::nn {
namespace {

template <class Number>
void require(const char* schedule, bool holds, const char* what, Number given) {
  if (!holds) throw UsageError(cat('[', schedule, "] ", what, ", got ", given));
}

void require_rate(const char* schedule, double rate) {
  require(schedule, std::isfinite(rate) && rate >= 0.0, "the learning rate must be finite and not negative", rate);
}
void require_count(const char* schedule, const char* what, Index count) { require(schedule, count >= 1, what, count); }
void require_factor(const char* schedule, double factor) {
  require(schedule, std::isfinite(factor) && factor > 0.0, "the factor must be positive and finite", factor);
}

}  // namespace

Schedule constant_rate(double rate) {
  require_rate("constant_rate", rate);
  return [=](Index) { return rate; };
}

Schedule step_decay(double rate, Index every, double factor) {
  require_rate("step_decay", rate);
  require_count("step_decay", "the rate changes every 1 or more steps", every);
  require_factor("step_decay", factor);
  return [=](Index step) { return rate * std::pow(factor, static_cast<double>(step / every)); };
}

Schedule multi_step_decay(double rate, std::vector<Index> milestones, double factor) {
  require_rate("multi_step_decay", rate);
  require_factor("multi_step_decay", factor);
  for (std::size_t i = 1; i < milestones.size(); ++i)
    require("multi_step_decay", milestones[i] > milestones[i - 1], "milestones must increase", milestones[i]);
  return [=, milestones = std::move(milestones)](Index step) {
    const auto passed = std::ranges::upper_bound(milestones, step) - milestones.begin();
    return rate * std::pow(factor, static_cast<double>(passed));
  };
}

Schedule cosine(double rate, Index period, const CosineOptions& options) {
  require_rate("cosine", rate);
  require_rate("cosine", options.least);
  require_count("cosine", "a period has 1 or more steps", period);
  require_count("cosine", "periods lengthen by 1 or more times", options.lengthening);
  return [=](Index step) {
    Index length = period;
    if (options.restarts) {
      if (options.lengthening == 1) step %= length;
      for (; step >= length; length *= options.lengthening) step -= length;
    }
    const double share = std::min(1.0, static_cast<double>(step) / static_cast<double>(length));
    return options.least + (rate - options.least) * 0.5 * (1.0 + std::cos(std::numbers::pi * share));
  };
}

Schedule warm_up(Index steps, Schedule then) {
  require_count("warm_up", "it takes 1 or more steps", steps);
  if (!then) throw UsageError("[warm_up] needs a schedule to go on with, got an empty one");
  return [=, then = std::move(then)](Index step) {
    if (step >= steps) return then(step - steps);
    return then(0) * static_cast<double>(step + 1) / static_cast<double>(steps + 1);
  };
}

ReduceOnPlateau::ReduceOnPlateau(double rate, const PlateauOptions& options) : options_(options), rate_(rate) {
  require_rate("reduce_on_plateau", rate);
  require_rate("reduce_on_plateau", options.least_rate);
  require("reduce_on_plateau", options.factor > 0.0 && options.factor < 1.0, "the factor must be in (0, 1)",
          options.factor);
  require("reduce_on_plateau", options.patience >= 0, "patience must not be negative", options.patience);
  require("reduce_on_plateau", options.least_improvement >= 0.0, "the least improvement must not be negative",
          options.least_improvement);
}

double ReduceOnPlateau::observe(double metric) {
  const double threshold = std::isinf(best_) ? best_ : best_ - options_.least_improvement * std::fabs(best_);
  if (metric < threshold) {
    best_ = metric;
    waited_ = 0;
  } else if (++waited_ > options_.patience) {
    rate_ = std::min(rate_, std::max(options_.least_rate, rate_ * options_.factor));
    waited_ = 0;
  }
  return rate_;
}

}  // namespace taut::nn
