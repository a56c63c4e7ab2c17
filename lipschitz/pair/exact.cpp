#include <algorithm>
#include <boost/random/mersenne_twister.hpp>
#include <cmath>
#include <queue>

#include "autodiff/error.h"
#include "lipschitz/pair/incumbent.h"

namespace taut {
namespace detail {

bool Incumbent::offer(const std::vector<bool>& at_hi, double computed) {
  if (!(computed > computed_ * (1.0 + 1e-13))) return false;
  computed_ = computed;
  const std::vector<double> sigma = pair_.slopes(at_hi);
  direction_.clear();
  pair_.improve_direction(sigma, direction_, 400);
  const double value = pair_.attained(sigma, direction_);
  if (!(value > lower_) && lower_ > 0.0) return false;
  at_hi_ = at_hi;
  lower_ = value;
  target_ = value * value * (1.0 + 1.9 * tolerance_);
  return true;
}

bool Incumbent::climb(std::vector<bool> at_hi, const Budget& budget) {
  const double value = relaxation_.climb(at_hi, budget);
  return offer(at_hi, value);
}

void Incumbent::start(const Budget& budget, int restarts) {
  const auto n = static_cast<std::size_t>(pair_.n);
  std::vector<bool> vertex(n, true);
  climb(vertex, budget);
  if (budget.expired()) return;
  for (std::size_t i = 0; i < n; ++i) vertex[i] = std::fabs(pair_.hi[i]) >= std::fabs(pair_.lo[i]);
  climb(vertex, budget);
  if (budget.expired()) return;
  vertex.assign(n, false);
  climb(vertex, budget);
  boost::random::mt19937_64 random(budget.seed);
  for (int k = 0; k < restarts && !budget.expired(); ++k) {
    for (std::size_t i = 0; i < n; ++i) vertex[i] = (random() >> 63) != 0;
    climb(vertex, budget);
  }
}

bool branch_and_bound(Relaxation& relaxation, Incumbent& incumbent, const PairExactOptions& options, PairResult& result,
                      double& open) {
  using Node = Relaxation::Node;
  const auto easier = [](const Node& a, const Node& b) { return a.proved < b.proved; };
  std::priority_queue<Node, std::vector<Node>, decltype(easier)> heap(easier);
  // Before the best multipliers are known, bounds need not be close.
  constexpr double gap = 0.02;
  const auto examine = [&](Node node) {
    const bool settled = relaxation.optimise(node, incumbent.target(), gap, options.budget);
    ++result.nodes;
    if (!settled) {
      const std::vector<bool> vertex = relaxation.suggestion();
      if (incumbent.offer(vertex, relaxation.value(vertex))) incumbent.climb(vertex, options.budget);
    }
    if (node.proved <= incumbent.target() || node.branch < 0)
      incumbent.settled = std::max(incumbent.settled, node.proved);
    else
      heap.push(std::move(node));
  };
  Node root = relaxation.root();
  root.proved = open;
  examine(std::move(root));
  while (!heap.empty()) {
    if (heap.top().proved <= incumbent.target()) {
      incumbent.settled = std::max(incumbent.settled, heap.top().proved);
      break;
    }
    result.limited = static_cast<double>(result.nodes) >= options.most_nodes;
    if (result.limited || options.budget.expired()) {
      open = heap.top().proved;
      return false;
    }
    const Node parent = heap.top();
    heap.pop();
    for (const int end : {1, -1}) {
      Node child = parent;
      child.decided[static_cast<std::size_t>(parent.branch)] = static_cast<std::int8_t>(end);
      examine(std::move(child));
    }
    options.budget.report("pair, branch and bound", 1.0 - 1.0 / (1.0 + 0.01 * static_cast<double>(result.nodes)));
  }
  open = 0.0;
  return true;
}

namespace {

constexpr const char* pair_exact_name = "pair exact";

// p = q = 1: a sum of independent terms, each largest and smallest at an end.
PairResult rank_one(const ScaledPair& scaled) {
  double most_up = 0.0, most_down = 0.0, least_up = 0.0, least_down = 0.0;
  std::vector<bool> towards_most, towards_least;
  for (Index i = 0; i < scaled.n; ++i) {
    const auto k = static_cast<std::size_t>(i);
    const double a = scaled.a[k], b = scaled.b[k];
    const bool positive = (a > 0.0) == (b > 0.0);
    const double most = positive ? scaled.hi[k] : scaled.lo[k], least = positive ? scaled.lo[k] : scaled.hi[k];
    const double product_up = mul_up(a, b), product_down = mul_down(a, b);
    const auto up = [&](double s) { return std::max(mul_up(s, product_up), mul_up(s, product_down)); };
    const auto down = [&](double s) { return std::min(mul_down(s, product_up), mul_down(s, product_down)); };
    most_up = add_up(most_up, up(most)), most_down = add_down(most_down, down(most));
    least_up = add_up(least_up, up(least)), least_down = add_down(least_down, down(least));
    towards_most.push_back(positive);
    towards_least.push_back(!positive);
  }
  PairResult result;
  const bool upwards = most_down >= -least_up;
  const double lower = std::max(upwards ? most_down : -least_up, 0.0), upper = std::max({most_up, -least_down, 0.0});
  const auto lost = ScaledPair::lost;
  // Exact products of exact numbers stay exact unless entries have underflowed.
  result.lower = LowerBound::certified(scaled.unscaled(std::max(0.0, sub_down(lower, lower < 1e-200 ? lost : 0.0))),
                                       Norm::l2, "pair closed form");
  result.upper = UpperBound::certified(scaled.unscaled(add_up(upper, lost)), Norm::l2, "pair closed form");
  result.at_hi = scaled.full_vertex(upwards ? towards_most : towards_least);
  result.note = "closed form: one row and one column";
  return result;
}

}  // namespace
}  // namespace detail

PairResult pair_exact(const PairProblem& problem, const PairExactOptions& options) {
  const auto started = Budget::Clock::now();
  problem.validate();
  const detail::ScaledPair scaled(problem);
  PairResult result;
  const auto finish = [&] {
    result.seconds = std::chrono::duration<double>(Budget::Clock::now() - started).count();
    return result;
  };
  if (options.search == PairSearch::enumeration && scaled.n > 40)
    throw UsageError(cat("[pair_exact] enumeration takes at most 40 neurons that contribute; got ", scaled.n,
                         "; take branch and bound, which may be stopped by a deadline"));
  if (scaled.n == 0) {
    result.at_hi = scaled.full_vertex({});
    result.lower = LowerBound::certified(0.0, Norm::l2, detail::pair_exact_name);
    result.upper = UpperBound::certified(0.0, Norm::l2, detail::pair_exact_name);
    result.note = "no neuron contributes";
    return finish();
  }
  if (scaled.p == 1 && scaled.q == 1) {
    result = detail::rank_one(scaled);
    return finish();
  }
  detail::Relaxation relaxation(scaled);
  detail::Incumbent incumbent(scaled, relaxation, options.tolerance);
  const bool by_enumeration =
      options.search == PairSearch::enumeration || (options.search == PairSearch::automatic && scaled.n <= 8);
  // The mass bounds the norm at every vertex: what is known if there is no time at all.
  const double known_already = std::min(scaled.mass(), scaled.scaled(options.known));
  double open = mul_up(known_already, known_already);
  incumbent.start(options.budget, by_enumeration ? 2 : 6);
  const bool complete = by_enumeration ? detail::enumerate(relaxation, scaled, incumbent, options.budget, result, open)
                                       : detail::branch_and_bound(relaxation, incumbent, options, result, open);
  double upper_squared = std::max(incumbent.settled, complete ? 0.0 : open);
  if (result.limited) {  // no worse than the best multiplier of the whole
    detail::Relaxation::Node root = relaxation.root();
    root.proved = upper_squared;
    relaxation.optimise(root, 0.0, 1e-6, options.budget);
    upper_squared = root.proved;
  }
  result.evaluations = relaxation.evaluations();
  const double known = std::min(sqrt_up(upper_squared), known_already);
  const double upper = std::max(add_up(known, detail::ScaledPair::lost), incumbent.lower());
  result.lower = LowerBound::certified(scaled.unscaled(incumbent.lower()), Norm::l2, detail::pair_exact_name);
  result.upper = UpperBound::certified(scaled.unscaled(upper), Norm::l2, detail::pair_exact_name);
  result.at_hi = scaled.full_vertex(incumbent.at_hi());
  result.status = complete || result.limited ? Status::finite : Status::cut;
  result.note = by_enumeration ? cat("enumeration, ", result.vertices, " vertices")
                               : cat("branch and bound, ", result.nodes, " nodes");
  if (result.limited)
    result.note += ", the most that were allowed";
  else if (!complete)
    result.note += ", stopped by the deadline or a stop request";
  return finish();
}

}  // namespace taut
