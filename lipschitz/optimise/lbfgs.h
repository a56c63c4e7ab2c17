// Minimisation by limited-memory quasi-Newton steps [Nocedal1980] with a weak Wolfe line search, of functions that
// may not be defined everywhere. Internal to lipschitz.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

namespace taut::detail {

// The value at x, with the gradient; nothing where there is none. The line search then steps back.
using Objective = std::function<std::optional<double>(std::span<const double> x, std::span<double> gradient)>;

struct LbfgsOptions {
  int evaluations = 100;
  int pairs = 20;             // of steps and gradient changes that are kept
  double tolerance = 1e-9;    // stops where an iteration gains less
  double longest_step = 1.0;  // of any entry
};

struct Minimum {
  std::vector<double> x;
  double value = 0.0;
  int evaluations = 0;
};

// From a point where there is a value; nothing else.
std::optional<Minimum> minimise(const Objective& objective, std::vector<double> x, const LbfgsOptions& options);

}  // namespace taut::detail
