// SeqLip over any tape: chains of layers, each factor bounded by what the activation between can pass on.
// Long: one recursion over the tape, whose cases share what layers were split into.
#include "lipschitz/upper/seqlip.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "autodiff/error.h"
#include "lipschitz/dense/dense_norm.h"
#include "lipschitz/dense/split_layer.h"
#include "lipschitz/norms/matrix_form.h"
#include "lipschitz/pair/incumbent.h"
#include "lipschitz/pair/large_multiplier.h"
#include "lipschitz/pair_problem.h"
#include "lipschitz/triples.h"
#include "lipschitz/upper/autolip.h"

namespace taut {
namespace {

using detail::FoldedMap;
using detail::joint_input;
using detail::Terms;

// Layers of more on their smaller side are not decomposed, and factors of more operations not optimised: their norms
// count.
constexpr Index largest_split = 2500;
constexpr double most_operations = 6e10;
// Up to here the maximum itself is as quick as a bound of it.
constexpr Index few_neurons = 20;
// What a node of the search for it counts: about a millisecond.
constexpr double operations_per_node = 5e7;
// Of the time that is left, for one of many factors.
constexpr double least_share = 0.02;

Magnitude times(const Magnitude& a, const Magnitude& b) { return Magnitude::product(a, b, Side::upper); }
Magnitude plus(const Magnitude& a, const Magnitude& b) { return Magnitude::sum(a, b, Side::upper); }

AutoLipOptions fold_options(const SeqLipOptions& options) {
  AutoLipOptions fold{options.question, options.budget};
  fold.products_only = options.products_only;
  return fold;
}

bool keeps_norms(const LinearMap& map) {
  const auto* scale = std::get_if<structure::Scale>(&map.structure());
  return scale != nullptr && std::fabs(scale->factor) == 1.0;
}

// A layer's matrix times 2^-exponent, its largest entry between 1 and 2.
struct ScaledMatrix {
  Tensor entries;
  int exponent = 0;
  Magnitude error;  // ≥ ‖A 2^-exponent − entries‖₂
};

class SeqLip : private detail::AutoLip {
 public:
  SeqLip(const detail::Network& network, const AutoLipOptions& fold, const SeqLipOptions& options)
      : AutoLip(network, fold, to_string(options.method)),
        seqlip_(options),
        operations_left_(options.method == SeqLipMethod::certified ? options.operations : infinity),
        nodes_left_(operations_left_ / operations_per_node) {}

  SeqLipReport run() {
    const AutoLipReport fold = AutoLip::run();
    SeqLipReport report{fold.bound, fold.status, fold.note, std::move(pairs_), fold.seconds};
    if (report.status == Status::finite || report.status == Status::cut) {
      if (pairs_cut_) report.status = Status::cut;
      if (pairs_cut_) report.note = "the time limit left looser bounds of some factors";
      if (too_large_ > 0)
        report.note +=
            cat(report.note.empty() ? "" : "; ", too_large_, " layers or factors count by their norms alone");
      if (stopped_ > 0)
        report.note += cat(report.note.empty() ? "" : "; ", "the limit of operations stopped the multipliers of ",
                           stopped_, stopped_ == 1 ? " factor" : " factors");
    }
    return report;
  }

 private:
  bool greedy() const { return seqlip_.method == SeqLipMethod::greedy; }
  bool follows_activation(NodeId anchor) { return anchor != joint_input && node(anchor).slopes.has_value(); }
  bool finite(NodeId id) { return !bound_of(id).magnitude().is_infinite(); }

  // The sum over the paths of maps and activations that end in the node.
  UpperBound bound_at_end(NodeId id) override {
    const auto known = ends_.find(id);
    if (known != ends_.end()) return known->second;
    UpperBound bound = bound_of(id);
    if (finite(id)) {
      std::vector<UpperBound> parts;
      bool any = false;
      for (const auto& [anchor, map] : node(id).terms) {
        any = any || follows_activation(anchor);
        parts.push_back(path(id, anchor, map));
      }
      const UpperBound total =
          any ? named(sum(parts), std::string(to_string(seqlip_.method)), graph_.describe(id)) : bound;
      bound = greedy() ? total : better(bound, total);
    }
    return ends_.emplace(id, bound).first->second;
  }

  // Of map ∘ anchor.
  UpperBound path(NodeId id, NodeId anchor, const FoldedMap& map) {
    if (!follows_activation(anchor)) return product(norm_of(map), of_anchor(anchor));
    if (keeps_norms(map.map())) return through_norms(anchor);
    const ScaledMatrix* const matrix = greedy() && seqlip_.triples > 0 ? nullptr : matrix_of(id, anchor, map);
    if (matrix != nullptr && spend(norm_cost(matrix->entries))) {
      const UpperBound inside = through(anchor, matrix->entries, norm_of_matrix(matrix->entries));
      return scaled_by(with_error(inside, matrix->error, of_anchor(anchor)), matrix->exponent);
    }
    if (greedy() && seqlip_.triples > 0) {
      const Inner& leading = inner(id, anchor, map, 0.0);
      return scaled_by(leading.below, leading.exponent);
    }
    return product(norm_of(map), through_norms(anchor));
  }

  // Of the activation by its largest slope, behind the best bound of what precedes it.
  UpperBound through_norms(NodeId anchor) {
    return product(slope(anchor), bound_at_end(node(anchor).slopes->operand), graph_.describe(anchor));
  }

  UpperBound slope(NodeId anchor) {
    double largest = 0.0;
    const detail::Slopes& slopes = *node(anchor).slopes;
    for (Index i = 0; i < slopes.lo.size(); ++i)
      largest = std::max({largest, std::fabs(slopes.lo.at(i)), std::fabs(slopes.hi.at(i))});
    return UpperBound::certified(largest, Norm::l2, "slope", graph_.describe(anchor));
  }

  static UpperBound scaled_by(const UpperBound& bound, int exponent) {
    return exponent == 0 ? bound : scaled(bound, std::ldexp(1.0, exponent));
  }

  // ‖X (A + E) …‖ ≤ ‖X A …‖ + ‖E‖ · …
  static UpperBound with_error(const UpperBound& bound, const Magnitude& error, const UpperBound& below) {
    if (error.is_zero()) return bound;
    const std::vector<UpperBound> parts{bound,
                                        product(UpperBound::certified(error, Norm::l2, "rounding of a layer"), below)};
    return sum(parts);
  }

  // ---- layers

  const ScaledMatrix* matrix_of(NodeId id, NodeId anchor, const FoldedMap& map) {
    const auto [place, first] = matrices_.try_emplace({id, anchor});
    if (first) place->second = scaled_matrix(map);
    if (!place->second) return nullptr;
    return &*place->second;
  }

  std::optional<ScaledMatrix> scaled_matrix(const FoldedMap& map) {
    const auto form = detail::matrix_form(map.map(), options_.budget);
    if (!form) {
      ++too_large_;
      return std::nullopt;
    }
    double largest = 0.0;
    for (const double v : form->matrix.data<double>()) largest = std::max(largest, std::fabs(v));
    ScaledMatrix result{form->matrix.copy(), largest > 0.0 ? std::ilogb(largest) : 0, form->error_in(Norm::l2)};
    bool underflows = false;
    for (double& v : result.entries.mutable_data<double>()) {
      const double scaled = std::ldexp(v, -result.exponent);
      underflows = underflows || std::ldexp(scaled, result.exponent) != v;
      v = scaled;
    }
    if (map.relative_error() != 0.0)
      result.error = plus(result.error, times(detail::sum_bounds(map.map()).l2(), map.relative_error()));
    // Powers of two are exact, also where they leave the range of double.
    const int half = result.exponent / 2;
    result.error = times(times(result.error, std::ldexp(1.0, -half)), std::ldexp(1.0, half - result.exponent));
    if (underflows)
      result.error =
          plus(result.error, times(Magnitude::root(static_cast<double>(form->matrix.size()), Side::upper), 0x1p-1074));
    return result;
  }

  // A layer inside of a chain, times 2^-exponent: close to P Q, and what bounds Q ∘ anchor.
  struct Inner {
    Tensor left;  // P; undefined where the layer is too large
    int exponent = 0;
    Magnitude error;                                                      // of P Q
    UpperBound norm = UpperBound::certified(infinity, Norm::l2, "none");  // of P
    UpperBound below = UpperBound::certified(infinity, Norm::l2, "none");
  };

  // `power`: the share of the singular values that P takes inside of a chain. At its beginning P takes them all.
  // `outer`: the rows of what is in front.
  const Inner& inner(NodeId id, NodeId anchor, const FoldedMap& map, double power = 0.5, Index outer = 1) {
    const std::tuple key(id, anchor, power);
    const auto known = inners_.find(key);
    if (known != inners_.end()) return known->second;
    Inner result =
        greedy() && seqlip_.triples > 0 ? from_triples(anchor, map, power) : from_matrix(id, anchor, map, outer);
    return inners_.emplace(key, std::move(result)).first->second;
  }

  Inner from_matrix(NodeId id, NodeId anchor, const FoldedMap& map, Index outer) {
    const ScaledMatrix* const matrix = matrix_of(id, anchor, map);
    Inner result;
    if (matrix == nullptr) return result;
    const Index rows = matrix->entries.shape()[0], columns = matrix->entries.shape()[1];
    const bool inside = follows_activation(anchor), whole = !inside && 2 * columns <= 3 * rows;
    const bool splits = std::min(rows, columns) <= largest_split &&
                        options_.budget.affords(20.0 * std::pow(std::min(rows, columns), 3));
    const double factor_cost = pair_cost(rows, outer, whole ? columns : std::min(rows, columns));
    if ((!whole && !splits) ||
        !spend(whole ? norm_cost(matrix->entries) : detail::split_cost(rows, columns), factor_cost)) {
      ++too_large_;
      return result;
    }
    reserved_ += factor_cost;
    weights_ += std::sqrt(factor_cost);
    result.exponent = matrix->exponent;
    if (whole) {
      result.left = matrix->entries;
      result.norm = norm_of_matrix(matrix->entries);
      result.error = matrix->error;
      result.below = of_anchor(anchor);
      return result;
    }
    detail::SplitLayer split = detail::split_layer(matrix->entries, inside ? 0.5 : 1.0);
    const auto norm_of = [&](const std::optional<Magnitude>& known, const Tensor& part) {
      return known ? UpperBound::certified(*known, Norm::l2, "split layer") : norm_of_matrix(part);
    };
    const UpperBound right = norm_of(split.right_norm, split.right);
    result.norm = norm_of(split.left_norm, split.left);
    result.left = std::move(split.left);
    result.error = plus(matrix->error, split.residual);
    result.below = inside ? through(anchor, split.right, right) : product(right, of_anchor(anchor));
    return result;
  }

  // The leading singular triples instead of the layer: what they leave out is not bounded.
  Inner from_triples(NodeId anchor, const FoldedMap& map, double power) {
    TripleOptions options;
    options.budget = options_.budget;
    options.tolerance = 1e-4;
    options.max_cycles = 2;  // which of nearly equal triples are taken matters little
    const Index m = map.map().out_shape().size(), n = map.map().in_shape().size();
    const Index k = std::min({seqlip_.triples, m, n});
    const std::vector<Triple> triples = leading_singular_triples(map.map(), k, options);
    const bool inside = follows_activation(anchor);
    const double share = inside ? power : 1.0;
    Inner result;
    result.left = Tensor::uninitialised({m, k}, DType::f64);
    Tensor right = Tensor::uninitialised({k, n}, DType::f64);
    double* const p = result.left.mutable_data<double>().data();
    double* q = right.mutable_data<double>().data();
    for (Index t = 0; t < k; ++t, q += n) {
      const Triple& triple = triples[static_cast<std::size_t>(t)];
      const double to_left = std::pow(triple.sigma, share), to_right = std::pow(triple.sigma, 1.0 - share);
      for (Index i = 0; i < m; ++i) p[i * k + t] = to_left * triple.left.at(i);
      for (Index j = 0; j < n; ++j) q[j] = to_right * triple.right.at(j);
    }
    result.norm = norm_of_matrix(result.left);
    result.below = inside ? through(anchor, right, norm_of_matrix(right)) : of_anchor(anchor);
    return result;
  }

  // ---- activations

  // Of Q ∘ anchor, Q a matrix behind an activation.
  UpperBound through(NodeId anchor, const Tensor& q, const UpperBound& norm) {
    const NodeId operand = node(anchor).slopes->operand;
    const UpperBound passed_on = product(norm, slope(anchor), graph_.describe(anchor));
    std::vector<UpperBound> parts;
    for (const auto& [below, map] : node(operand).terms) {
      const Inner& layer = inner(operand, below, map, 0.5, q.shape()[0]);
      if (!layer.left.defined()) {
        parts.push_back(product(passed_on, path(operand, below, map)));
        continue;
      }
      const UpperBound inside = product(factor(anchor, q, passed_on, layer), layer.below, graph_.describe(anchor));
      const Magnitude error = times(passed_on.magnitude(), layer.error);
      parts.push_back(scaled_by(greedy() ? inside : with_error(inside, error, of_anchor(below)), layer.exponent));
    }
    const UpperBound total = sum(parts);
    if (greedy()) return total;
    return better(total, product(passed_on, bound_of(operand)));
  }

  UpperBound norm_of_matrix(const Tensor& q) { return dense_norm(q, Norm::l2, options_.budget).upper; }

  // max ‖Q diag(σ) P‖, at most `passed_on` · ‖P‖.
  UpperBound factor(NodeId anchor, const Tensor& q, const UpperBound& passed_on, const Inner& layer) {
    const Tensor& p = layer.left;
    const detail::Slopes& slopes = *node(anchor).slopes;
    const PairProblem problem{q, p, slopes.lo, slopes.hi};
    const UpperBound norms = product(passed_on, layer.norm, graph_.describe(anchor));
    const auto found = solve(problem, norms);
    if (!found) {
      ++too_large_;
      return norms;
    }
    pairs_cut_ = pairs_cut_ || found->status == Status::cut;
    stopped_ += found->limited ? 1 : 0;
    const UpperBound upper = greedy() ? found->upper : better(found->upper, norms);
    pairs_.push_back({anchor, graph_.describe(anchor), problem.neurons(), q.shape()[0], p.shape()[1], found->lower,
                      upper, norms, found->upper.method(), found->seconds});
    return upper;
  }

  std::optional<PairResult> solve(const PairProblem& problem, const UpperBound& norms) {
    const auto n = static_cast<double>(problem.neurons()), p = static_cast<double>(problem.left.shape()[0]),
               q = static_cast<double>(problem.right.shape()[1]);
    if (greedy()) {
      PairGreedyOptions options{.budget = options_.budget};
      options.restarts = seqlip_.restarts;
      return pair_greedy(problem, options);
    }
    if (seqlip_.method == SeqLipMethod::exact || problem.neurons() <= few_neurons) {
      PairExactOptions options{.budget = shared_time(problem.neurons())};
      options.tolerance = 1e-11;  // so that a product of many still has nine digits
      if (norms.is_certified()) options.known = norms.magnitude();
      options.most_nodes = nodes_left_;
      PairResult result = pair_exact(problem, options);
      nodes_left_ -= static_cast<double>(result.nodes);
      return result;
    }
    if (n * (p * p + q * q) + p * p * q > most_operations) return std::nullopt;
    problem.validate();
    PairMultiplierOptions options{.budget = shared_time(problem.neurons())};
    const double least = pair_cost(problem.neurons(), problem.left.shape()[0], problem.right.shape()[1]);
    const double weight = std::sqrt(least);
    reserved_ = std::max(0.0, reserved_ - least);
    options.operations =
        std::max(least + share_of_operations(weight) * std::max(0.0, operations_left_ - reserved_ - least),
                 least_share * seqlip_.operations);
    PairResult result = detail::multiplier_bound(problem, norms.magnitude(), options);
    operations_left_ -= result.operations;
    return result;
  }

  static double norm_cost(const Tensor& a) {
    const auto m = static_cast<double>(a.shape()[0]), n = static_cast<double>(a.shape()[1]), r = std::min(m, n);
    return m * n * r + 3.0 * r * r * r;
  }
  double pair_cost(Index n, Index p, Index q) const { return n <= few_neurons ? 0.0 : detail::least_cost(n, p, q); }

  // Is there as much left, and the rest later? The first is spent.
  bool spend(double operations, double later = 0.0) {
    if (operations + later > operations_left_ - reserved_) return false;
    operations_left_ -= operations;
    return true;
  }

  // Of the operations that are left beyond one evaluation of every factor: larger ones get more of them, but fewer
  // evaluations.
  double share_of_operations(double weight) {
    const double share = std::clamp(weight / std::max(weights_, weight), least_share, 1.0);
    weights_ = std::max(0.0, weights_ - weight);
    return share;
  }
  // The factors to come share the time that is left by their numbers of neurons.
  double share_of(Index neurons) {
    double all = 0.0;
    for (const NodeId id : graph_.nodes())
      if (node(id).slopes) all += static_cast<double>(node(id).slopes->lo.size());
    for (const SeqLipPair& pair : pairs_) all -= static_cast<double>(pair.neurons);
    return std::clamp(static_cast<double>(neurons) / std::max(all, 1.0), least_share, 1.0);
  }
  Budget shared_time(Index neurons) {
    Budget budget = options_.budget;
    if (!budget.deadline) return budget;
    const double share = share_of(neurons);
    const auto now = Budget::Clock::now();
    const double left = std::max(0.0, std::chrono::duration<double>(*budget.deadline - now).count());
    budget.deadline =
        now + std::chrono::duration_cast<Budget::Clock::duration>(std::chrono::duration<double>(share * left));
    return budget;
  }

  const SeqLipOptions& seqlip_;
  std::map<NodeId, UpperBound> ends_;
  std::map<std::pair<NodeId, NodeId>, std::optional<ScaledMatrix>> matrices_;  // by node and anchor
  std::map<std::tuple<NodeId, NodeId, double>, Inner> inners_;                 // by node, anchor and power
  std::vector<SeqLipPair> pairs_;
  // `reserved_` for one evaluation of every factor whose layers are split already; `weights_` in sharing the rest.
  double operations_left_, reserved_ = 0.0, weights_ = 0.0;
  double nodes_left_;  // of the searches for the maxima of small factors
  int too_large_ = 0, stopped_ = 0;
  bool pairs_cut_ = false;
};

}  // namespace

std::string_view to_string(SeqLipMethod method) {
  switch (method) {
    case SeqLipMethod::certified:
      return "seqlip";
    case SeqLipMethod::exact:
      return "seqlip-exact";
    case SeqLipMethod::greedy:
      return "seqlip-greedy";
  }
  throw UsageError("[seqlip] the method must be certified, exact or greedy");
}

namespace detail {

void require_sensible(const SeqLipOptions& options) {
  if (options.triples < 0 || options.restarts < 0)
    throw UsageError(
        cat("[seqlip] triples >= 0 and restarts >= 0 are needed; got ", options.triples, " and ", options.restarts));
  if (options.question.norm != Norm::l2)
    throw UsageError(cat("[seqlip] SeqLip bounds the constant in l2; got ", options.question.norm, "; ask for l2"));
}

SeqLipReport seqlip(const Network& network, const SeqLipOptions& options) {
  require_sensible(options);
  const AutoLipOptions fold = fold_options(options);
  return SeqLip(network, fold, options).run();
}

}  // namespace detail

SeqLipReport seqlip(const Var& output, const SeqLipOptions& options) {
  detail::require_sensible(options);
  const Graph graph(output, to_string(options.method));
  const detail::Network network(graph, options.question);
  return detail::seqlip(network, options);
}

SeqLipReport seqlip(const Function& f, const Tensor& sample, const SeqLipOptions& options, Where where) {
  Tape tape;
  return seqlip(f(tape.input(sample, "x", where)), options);
}

}  // namespace taut
