#include <algorithm>
#include <cmath>

#include "autodiff/error.h"
#include "lipschitz/pair/incumbent.h"
#include "lipschitz/pair/large_multiplier.h"

namespace taut {
namespace {

constexpr const char* pair_multiplier_name = "pair multiplier";
// Beyond this order of Q an interior-point step takes too long.
constexpr Index largest_order = 320;

}  // namespace

namespace detail {

PairResult multiplier_bound(const PairProblem& problem, const Magnitude& product,
                            const PairMultiplierOptions& options) {
  const auto started = Budget::Clock::now();
  const detail::ScaledPair scaled(problem);
  PairResult result;
  result.at_hi = scaled.full_vertex(std::vector<bool>(static_cast<std::size_t>(scaled.n), true));
  result.lower = LowerBound::certified(0.0, Norm::l2, pair_multiplier_name);
  if (scaled.n == 0) {
    result.upper = UpperBound::certified(0.0, Norm::l2, pair_multiplier_name);
    result.note = "no neuron contributes";
    return result;
  }
  const Magnitude mass = scaled.unscaled(add_up(scaled.mass(), detail::ScaledPair::lost));
  Magnitude upper = std::min(mass, product);
  std::vector<bool> vertex(static_cast<std::size_t>(scaled.n), true);
  double squared = infinity;
  if (scaled.n + std::min({scaled.n, scaled.p, scaled.q}) <= largest_order) {
    detail::Relaxation relaxation(scaled);
    detail::Relaxation::Node root = relaxation.root();
    relaxation.optimise(root, 0.0, options.tolerance, options.budget);
    squared = root.proved;
    vertex = relaxation.suggestion();
    relaxation.climb(vertex, options.budget);
    result.evaluations = relaxation.evaluations();
    if (options.budget.expired()) result.status = Status::cut;
  } else {
    const detail::LargeBound large = detail::large_multiplier(scaled, options);
    squared = large.squared;
    if (!large.suggestion.empty()) vertex = large.suggestion;
    result.evaluations = large.evaluations;
    result.operations = large.operations;
    result.limited = large.stopped;
    if (large.cut) result.status = Status::cut;
  }
  const Magnitude by_multiplier = scaled.unscaled(add_up(sqrt_up(squared), detail::ScaledPair::lost));
  result.note = by_multiplier < upper ? cat("best diagonal multiplier, ", result.evaluations, " evaluations")
                                      : std::string("the product of the norms");
  if (result.limited) result.note += ", stopped by the limit of operations";
  if (result.status == Status::cut) result.note += ", stopped by the deadline or a stop request";
  upper = std::min(upper, by_multiplier);
  const std::vector<double> sigma = scaled.slopes(vertex);
  std::vector<double> direction;
  scaled.improve_direction(sigma, direction, result.status == Status::cut || result.limited ? 8 : 100);
  result.at_hi = scaled.full_vertex(vertex);
  result.lower =
      LowerBound::certified(scaled.unscaled(scaled.attained(sigma, direction)), Norm::l2, pair_multiplier_name);
  result.upper = UpperBound::certified(upper, Norm::l2, pair_multiplier_name);
  result.seconds = std::chrono::duration<double>(Budget::Clock::now() - started).count();
  return result;
}

}  // namespace detail

PairResult pair_multiplier(const PairProblem& problem, const PairMultiplierOptions& options) {
  const auto started = Budget::Clock::now();
  problem.validate();
  PairResult result = detail::multiplier_bound(problem, detail::product_bound(problem, options.budget), options);
  result.seconds = std::chrono::duration<double>(Budget::Clock::now() - started).count();
  return result;
}

}  // namespace taut
