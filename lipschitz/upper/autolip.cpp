// AutoLip over a network, and the steps that stand beside its products.
// Long: one sweep over the network, whose cases share its bounds and notes.
#include "lipschitz/upper/autolip.h"

#include <algorithm>

#include "autodiff/error.h"
#include "lipschitz/upper/entry_bounds.h"
#include "lipschitz/upper/escape.h"
#include "lipschitz/upper/step_bound.h"

namespace taut {
namespace detail {
namespace {

LinearMap largest_slopes(const rule::Elementwise& rule, const Shape& shape) {
  Tensor values = Tensor::uninitialised(Shape{shape.size()}, DType::f64);
  const auto lo = rule.lo.data<double>(), hi = rule.hi.data<double>();
  const auto to = values.mutable_data<double>();
  for (std::size_t i = 0; i < to.size(); ++i) to[i] = Slope{lo[i], hi[i]}.magnitude();
  return LinearMap(shape, shape, structure::Diagonal{std::move(values), 1});
}

}  // namespace

Behind behind_under(const AutoLipOptions& options) {
  return options.affine_norm == AffineNorm::frobenius ? Behind::stays : Behind::folds;
}

AutoLip::AutoLip(const Network& network, const AutoLipOptions& options, std::string_view name)
    : network_(network),
      graph_(network.graph()),
      options_(options),
      steps_(network),
      name_(name),
      states_(network.output() + std::size_t{1}),
      supports_(network) {}

AutoLipReport AutoLip::run() {
  const auto start = Budget::Clock::now();
  for (const NodeId id : graph_.inputs()) state(id).unfolded = certified(1.0, "input", graph_.describe(id));
  std::size_t done = 0;
  for (const NodeId id : graph_.nodes()) {
    options_.budget.report(name_, static_cast<double>(done++) / static_cast<double>(graph_.nodes().size()));
    if (node(id).rule) std::visit([&](const auto& rule) { include(id, rule); }, *node(id).rule);
  }
  AutoLipReport report = summary();
  report.seconds = std::chrono::duration<double>(Budget::Clock::now() - start).count();
  options_.budget.report(name_, 1.0);
  return report;
}

UpperBound AutoLip::certified(const Magnitude& value, std::string method, std::string detail) const {
  return UpperBound::certified(value, options_.question.norm, std::move(method), std::move(detail));
}

UpperBound AutoLip::of_anchor(NodeId anchor) {
  if (anchor == joint_input) return certified(1.0, "input");
  return state(anchor).anchor ? *state(anchor).anchor : *state(anchor).bound;
}

const UpperBound& AutoLip::bound_of(NodeId id) {
  State& s = state(id);
  if (!s.bound) {
    s.bound = s.unfolded;
    if (const auto folded = bound_of_terms(node(id).terms))
      s.bound = better(*s.bound, named(*folded, "folded", graph_.describe(id)));
  }
  return *s.bound;
}

// Σ ‖map‖ · bound(anchor).
std::optional<UpperBound> AutoLip::bound_of_terms(const Terms& terms) {
  std::vector<UpperBound> parts;
  for (const auto& [anchor, map] : terms) {
    const UpperBound below = of_anchor(anchor);
    if (below.magnitude().is_infinite()) return std::nullopt;
    parts.push_back(product(norm_of(map), below));
  }
  return sum(parts);
}

void AutoLip::set_anchor(NodeId id, UpperBound bound) {
  state(id).unfolded = state(id).bound = std::move(bound);
  inherit_cause(id);
}

void AutoLip::inherit_cause(NodeId id) {
  for (const NodeId operand : node(id).operands)
    if (!state(id).cause) state(id).cause = state(operand).cause;
}

// Σ gain · bound over the varying operands, or the joint norm where results stand apart.
template <class BoundOf>
UpperBound AutoLip::combined(NodeId id, const std::vector<UpperBound>& gains, bool apart, BoundOf&& below) {
  const std::vector<NodeId>& operands = node(id).operands;
  if (operands.size() == 1) return product(gains.front(), below(operands.front()), graph_.describe(id));
  std::vector<UpperBound> parts;
  for (std::size_t i = 0; i < operands.size(); ++i) parts.push_back(product(gains[i], below(operands[i])));
  return apart ? joint(parts, graph_.describe(id)) : sum(parts, graph_.describe(id));
}

// Gains of rules that are plain numbers hold for the constants that rules saw, not for those nearby.
UpperBound AutoLip::gain(NodeId id, double value, std::string detail) const {
  if (graph_.error_of_operands(id) == 0.0) return certified(value, "gain", std::move(detail));
  return UpperBound::estimate(value, options_.question.norm, "gain, constants not enclosed", std::move(detail));
}

std::vector<UpperBound> AutoLip::norms_of(const std::vector<FoldedMap>& maps) {
  std::vector<UpperBound> norms;
  for (const FoldedMap& map : maps) norms.push_back(norm_of(map));
  return norms;
}

// ---- one overload per kind of rule

void AutoLip::include(NodeId id, const rule::Affine&) {
  State& s = state(id);
  s.gains = norms_of(node(id).maps);
  s.unfolded = combined(id, s.gains, node(id).apart, [&](NodeId operand) { return known(operand); });
  if (const auto step = bound_of_step(id)) s.unfolded = better(*s.unfolded, *step);
  inherit_cause(id);
  // An anchor, being too large to fold with what follows.
  if (node(id).before.empty()) return;
  if (const auto folded = bound_of_terms(node(id).before))
    s.unfolded = better(*s.unfolded, named(*folded, "folded", graph_.describe(id)));
  s.bound = s.unfolded;
}

std::optional<UpperBound> AutoLip::bound_of_step(NodeId id) {
  if (options_.products_only || options_.affine_norm != AffineNorm::spectral) return std::nullopt;
  const auto form = steps_.step_to(id);
  if (!form) return std::nullopt;
  const auto step = step_bound(*form, options_, cut_);
  if (!step) return std::nullopt;
  return product(named(*step, "step", graph_.describe(id)), bound_of(form->from), graph_.describe(id));
}

void AutoLip::include(NodeId id, const rule::Elementwise& rule) {
  const NodeId operand = graph_.node(id).operands()[static_cast<std::size_t>(rule.argument)];
  const UpperBound largest = slope_bound(id, rule.slope.magnitude());
  UpperBound bound = product(largest, bound_of(operand), graph_.describe(id));
  // |Δy| ≤ D |Δx| entry by entry, so that D may be folded into what comes before.
  if (graph_.error_of_operands(id) == 0.0 && rule.lo.defined() && options_.affine_norm == AffineNorm::spectral) {
    const FoldedMap slopes(largest_slopes(rule, graph_.node(id).value.shape()), 0.0);
    Terms terms;
    for (const auto& [anchor, map] : node(operand).terms) terms.emplace(anchor, FoldedMap::compose(slopes, map));
    if (const auto folded = bound_of_terms(terms)) bound = better(bound, *folded);
  }
  if (const auto through = bound_through_roots(id)) bound = better(bound, *through);
  state(id).gains.push_back(largest);
  set_anchor(id, std::move(bound));
}

// Slopes scale with the constants (x / c), so that their relative errors add up.
UpperBound AutoLip::slope_bound(NodeId id, double slope) const {
  const double error = graph_.error_of_operands(id);
  if (error == 0.0) return certified(slope, "slope", graph_.describe(id));
  if (!(error < 0.25)) return gain(id, slope, graph_.describe(id));
  return certified(mul_up(slope, add_up(1.0, 2.0 * error)), "slope", graph_.describe(id));
}

void AutoLip::include(NodeId id, const rule::Selects& rule) {
  std::vector<UpperBound> parts;
  for (const NodeId operand : node(id).operands) parts.push_back(bound_at_end(operand));
  const auto times = static_cast<double>(rule.multiplicity);
  const double factor = options_.question.norm == Norm::l1   ? times
                        : options_.question.norm == Norm::l2 ? sqrt_up(times)
                                                             : 1.0;
  const UpperBound one = certified(factor, "multiplicity", graph_.describe(id));
  state(id).gains.assign(parts.size(), one);
  // A single number that is one of its candidates moves by no more than the one that moves most.
  const UpperBound together = graph_.node(id).value.size() == 1 ? largest_of(parts) : joint(parts);
  set_anchor(id, product(one, together, graph_.describe(id)));
}

UpperBound AutoLip::largest_of(const std::vector<UpperBound>& parts) const {
  Magnitude largest;
  for (const UpperBound& part : parts) largest = std::max(largest, part.magnitude());
  return UpperBound::derived(largest, options_.question.norm, parts, "largest");
}

void AutoLip::include(NodeId id, const rule::Bounded& rule) {
  const std::string source = rule.reference.empty() ? rule.why : rule.why + " [" + rule.reference + "]";
  const auto below = [&](NodeId operand) { return bound_at_end(operand); };
  state(id).gains = gains_of(id, rule.gains, source);
  set_anchor(id, combined(id, state(id).gains, false, below));
  if (rule.after && network_.behind() == Behind::folds)
    state(id).anchor = combined(id, gains_of(id, rule.before_after, source), false, below);
}

std::vector<UpperBound> AutoLip::gains_of(NodeId id, const std::vector<Gain>& of_operands,
                                          const std::string& source) const {
  std::vector<UpperBound> gains;
  const std::span<const NodeId> operands = graph_.node(id).operands();
  for (std::size_t i = 0; i < operands.size(); ++i)
    if (graph_.varies(operands[i])) gains.push_back(gain(id, of_operands[i].in(options_.question.norm), source));
  return gains;
}

void AutoLip::include(NodeId id, const rule::Bilinear&) {
  state(id).gains = norms_of(node(id).maps);
  const std::vector<NodeId>& operands = node(id).operands;
  UpperBound bound = combined(id, state(id).gains, false, [&](NodeId operand) { return bound_at_end(operand); });
  if (operands.size() > 1 && !bound.magnitude().is_infinite() && supports_.apart(operands)) {
    std::vector<UpperBound> parts;
    for (std::size_t i = 0; i < operands.size(); ++i)
      parts.push_back(product(state(id).gains[i], bound_at_end(operands[i])));
    bound = better(bound, sum_apart(parts, graph_.describe(id)));
  }
  set_anchor(id, std::move(bound));
}

// Σ b_i ‖Δx_i‖ over parts x_i of the input: at most ‖b‖ in the dual norm times ‖Δx‖.
UpperBound AutoLip::sum_apart(const std::vector<UpperBound>& terms, std::string detail) const {
  switch (options_.question.norm) {
    case Norm::l1:
      return largest_of(terms);
    case Norm::l2:
      return joint(terms, std::move(detail));
    case Norm::linf:
      break;
  }
  return sum(terms, std::move(detail));
}

void AutoLip::include(NodeId id, const rule::Unbounded& rule) {
  if (const auto through = bound_through_roots(id); through && !through->magnitude().is_infinite()) {
    state(id).gains.assign(node(id).operands.size(), certified(infinity, "by roots alone", graph_.describe(id)));
    return set_anchor(id, *through);
  }
  state(id).cause = id;
  unbounded_.emplace(id, rule);
  const UpperBound infinite =
      certified(infinity, rule.proved ? "unbounded" : "no rule known", graph_.describe(id) + ": " + rule.why);
  state(id).gains.assign(node(id).operands.size(), infinite);
  // What does not vary after all (bound 0) stays constant.
  set_anchor(id, combined(id, state(id).gains, false, [&](NodeId operand) { return bound_at_end(operand); }));
}

// ---- the answer

AutoLipReport AutoLip::summary() {
  const NodeId output = graph_.output();
  UpperBound bound = graph_.varies(output)
                         ? bound_at_end(output)
                         : certified(0.0, "constant", graph_.describe(output) + " does not depend on an input");
  AutoLipReport report{named(bound, name_, bound.detail()), Status::finite, "", {}, 0.0};
  if (bound.magnitude().is_infinite()) {
    explain_infinity(output, report);
  } else if (cut_) {
    report.status = Status::cut;
    report.note = "the time limit left cheaper bounds for some layers";
  }
  for (const NodeId id : graph_.nodes()) report.rows.push_back(row(id));
  return report;
}

std::optional<NodeId> AutoLip::proved_unbounded() {
  if (network_.question().domain.bounded()) return std::nullopt;
  // The output is an affine image of results of operations without a constant, plus what is proved to be Lipschitz.
  std::vector<Escaping> summands;
  for (const auto& [anchor, map] : node(graph_.output()).terms) {
    if (const auto found = unbounded_.find(anchor); found != unbounded_.end() && found->second.proved) {
      summands.push_back({anchor, found->second.escape, {}, map});
      continue;
    }
    const UpperBound rest = of_anchor(anchor);
    if (rest.magnitude().is_infinite() || !rest.is_certified()) return std::nullopt;
  }
  // Their operands are affine images of the input.
  for (Escaping& summand : summands)
    for (const NodeId operand : node(summand.cause).operands) {
      const Terms& terms = node(operand).terms;
      if (terms.size() != 1 || terms.begin()->first != joint_input) return std::nullopt;
      summand.before.emplace(operand, terms.begin()->second);
    }
  if (summands.empty() || !escapes(graph_, summands)) return std::nullopt;
  return summands.front().cause;
}

void AutoLip::explain_infinity(NodeId output, AutoLipReport& report) {
  const auto infinite = [&](NodeId cause) { return cat(graph_.describe(cause), ": ", unbounded_.at(cause).why); };
  if (const auto proved = proved_unbounded()) {
    report.status = Status::unbounded;
    report.note = cat("+inf, ", report.bound.rigour(), ", because of ", infinite(*proved));
    return;
  }
  report.status = Status::no_rule;
  const auto cause = state(output).cause;
  if (!cause || !unbounded_.contains(*cause)) {
    report.note = "+inf: the norm of a map is not known to be finite";
    return;
  }
  report.note = cat("+inf, the function is not proved to be unbounded: no bound is known behind ", infinite(*cause),
                    network_.question().domain.bounded() ? "" : box_hint);
}

NodeRow AutoLip::row(NodeId id) {
  const Node& n = graph_.node(id);
  NodeRow r{id,      std::string(n.name()), std::string(n.label),
            n.where, n.value.shape(),       node(id).kind,
            {},      state(id).gains,       {}};
  r.operands.assign(n.operands().begin(), n.operands().end());
  if (graph_.varies(id)) r.bound = known(id);
  return r;
}

namespace {

// By ‖y‖∞ ≤ ‖y‖₂ ≤ √n ‖y‖∞ and ‖y‖₂ ≤ ‖y‖₁ ≤ √n ‖y‖₂, from the constant in l2: over the input in linf, the output in
// l1.
UpperBound by_equivalence(const Network& network, const AutoLipOptions& options) {
  AutoLipOptions euclidean = options;
  euclidean.question.norm = Norm::l2;
  euclidean.budget.progress = nullptr;
  const UpperBound bound = AutoLip(network, euclidean, "autolip").run().bound;
  const Graph& graph = network.graph();
  Index n = graph.node(graph.output()).value.size();
  if (options.question.norm == Norm::linf) {
    n = 0;
    for (const NodeId id : graph.inputs()) n += graph.node(id).value.size();
  }
  const Magnitude value =
      Magnitude::product(bound.magnitude(), Magnitude::root(static_cast<double>(n), Side::upper), Side::upper);
  const std::string method = "from l2, by equivalence of norms";
  if (bound.is_certified()) return UpperBound::certified(value, options.question.norm, method, bound.explain());
  return UpperBound::estimate(value, options.question.norm, method, bound.explain());
}

}  // namespace

AutoLipReport autolip(const Network& network, const AutoLipOptions& options) {
  const bool frobenius = options.affine_norm == AffineNorm::frobenius;
  AutoLipReport report = AutoLip(network, options, frobenius ? "frobenius" : "autolip").run();
  const bool has_bound = report.status == Status::finite || report.status == Status::cut;
  if (options.products_only || options.question.norm == Norm::l2 || !has_bound) return report;
  UpperBound best = better(report.bound, entry_bound(network, options));
  if (!options.budget.expired()) best = better(best, by_equivalence(network, options));
  report.bound = named(best, "autolip", report.bound.detail());
  return report;
}

}  // namespace detail

AutoLipReport autolip(const Var& output, const AutoLipOptions& options) {
  const bool frobenius = options.affine_norm == AffineNorm::frobenius;
  if (frobenius && options.question.norm != Norm::l2)
    throw UsageError(cat("[autolip] Frobenius norms bound l2 norms; got ", options.question.norm, "; ask for l2"));
  const Graph graph(output, "autolip");
  const detail::Network network(graph, options.question, detail::behind_under(options));
  return detail::autolip(network, options);
}

AutoLipReport autolip(const Function& f, const Tensor& sample, const AutoLipOptions& options, Where where) {
  Tape tape;
  return autolip(f(tape.input(sample, "x", where)), options);
}

}  // namespace taut
