#include "lipschitz/upper/fold.h"

#include <algorithm>
#include <cmath>

#include "autodiff/error.h"
#include "lipschitz/upper/escape.h"

namespace taut::detail {
namespace {

// Folded maps of more parts would cost more to look through than they can gain.
constexpr int most_parts = 24;

// Entries of the output that a selection fills, or nothing for other maps.
const std::vector<Index>* filled(const LinearMap& map) {
  const auto* selection = std::get_if<structure::Selection>(&map.structure());
  return selection != nullptr ? selection->source.get() : nullptr;
}

LinearMap largest_slopes(const rule::Elementwise& rule, const Shape& shape) {
  Tensor values = Tensor::uninitialised(Shape{shape.size()}, DType::f64);
  const auto lo = rule.lo.data<double>(), hi = rule.hi.data<double>();
  const auto to = values.mutable_data<double>();
  for (std::size_t i = 0; i < to.size(); ++i) to[i] = Slope{lo[i], hi[i]}.magnitude();
  return LinearMap(shape, shape, structure::Diagonal{std::move(values), 1});
}

}  // namespace

bool write_apart(const std::vector<LinearMap>& maps) {
  std::vector<bool> taken;
  for (const LinearMap& map : maps) {
    if (!map) continue;
    const auto* const source = filled(map);
    if (source == nullptr) return false;
    taken.resize(source->size());
    for (std::size_t i = 0; i < source->size(); ++i) {
      if ((*source)[i] < 0) continue;
      if (taken[i]) return false;
      taken[i] = true;
    }
  }
  return true;
}

LinearMap part_of_joint(Index total, Index offset, const Shape& shape) {
  if (shape.size() == total) return identity_map(shape);  // the only input keeps its shape
  auto source = std::make_shared<std::vector<Index>>(static_cast<std::size_t>(shape.size()));
  for (Index i = 0; i < shape.size(); ++i) (*source)[static_cast<std::size_t>(i)] = offset + i;
  return LinearMap(Shape{total}, shape, structure::Selection{std::move(source)});
}

LinearMap linear_here(const rule::Elementwise& rule, const Shape& shape) {
  if (!rule.lo.defined()) return rule.slope.lo == rule.slope.hi ? scale_map(shape, rule.slope.lo) : LinearMap();
  if (!std::ranges::equal(rule.lo.data<double>(), rule.hi.data<double>())) return {};
  return LinearMap(shape, shape, structure::Diagonal{rule.lo.reshaped(Shape{shape.size()}), 1});
}

Fold::Fold(const Graph& graph, const AutoLipOptions& options, std::string_view name)
    : graph_(graph), options_(options), name_(name), states_(graph.output() + std::size_t{1}) {}

AutoLipReport Fold::run() {
  const auto start = Options::Clock::now();
  if (options_.affine_norm == AffineNorm::frobenius && options_.norm != Norm::l2)
    throw UsageError(cat("[autolip] Frobenius norms bound l2 norms; got ", options_.norm, "; ask for l2"));
  graph_.require_finite();
  graph_.require_one_sample(options_.sample_axis);
  prepare_ranges();
  prepare_inputs();
  std::size_t done = 0;
  for (const NodeId id : graph_.nodes()) {
    options_.report(name_, static_cast<double>(done++) / static_cast<double>(graph_.nodes().size()));
    if (graph_.varies(id) && graph_.node(id).op != nullptr)
      std::visit([&](const auto& rule) { include(id, rule); }, graph_.rule(id, ranges_));
  }
  AutoLipReport report = summary();
  report.seconds = std::chrono::duration<double>(Options::Clock::now() - start).count();
  options_.report(name_, 1.0);
  return report;
}

UpperBound Fold::certified(const Magnitude& value, std::string method, std::string detail) const {
  return UpperBound::certified(value, options_.norm, std::move(method), std::move(detail));
}

void Fold::prepare_ranges() {
  if (!on_domain()) return;
  std::vector<Range> boxes;
  for (const NodeId id : graph_.inputs()) boxes.push_back(Range::box(graph_.node(id).value.shape(), *options_.box));
  ranges_ = graph_.ranges(boxes);
}

void Fold::prepare_inputs() {
  Index total = 0, offset = 0;
  for (const NodeId id : graph_.inputs()) total += graph_.node(id).value.size();
  for (const NodeId id : graph_.inputs()) {
    const Shape& shape = graph_.node(id).value.shape();
    state(id).rule = "input";
    state(id).terms.emplace(joint_input, FoldedMap(part_of_joint(total, offset, shape), 0.0));
    state(id).unfolded = certified(1.0, "input", graph_.describe(id));
    offset += shape.size();
  }
}

UpperBound Fold::of_atom(NodeId atom) {
  if (atom == joint_input) return certified(1.0, "input");
  return state(atom).atom ? *state(atom).atom : *state(atom).bound;
}

// The bound up to a node, with folding.
const UpperBound& Fold::bound_of(NodeId id) {
  State& s = state(id);
  if (!s.bound) {
    s.bound = s.unfolded;
    if (const auto folded = bound_of_terms(s.terms))
      s.bound = better(*s.bound, named(*folded, "folded", graph_.describe(id)));
  }
  return *s.bound;
}

// Σ ‖map‖ · bound(atom).
std::optional<UpperBound> Fold::bound_of_terms(const Terms& terms) {
  std::vector<UpperBound> parts;
  for (const auto& [atom, map] : terms) {
    const UpperBound below = of_atom(atom);
    if (below.magnitude().is_infinite()) return std::nullopt;
    parts.push_back(product(map.norm(options_, cut_), below));
  }
  return sum(parts);
}

// A node that is not affine is an atom of those that follow.
void Fold::set_atom(NodeId id, std::string_view rule, UpperBound bound) {
  State& s = state(id);
  s.rule = rule;
  s.unfolded = s.bound = std::move(bound);
  s.terms.clear();
  s.terms.emplace(id, FoldedMap(identity_map(graph_.node(id).value.shape()), 0.0));
  inherit_cause(id);
}

void Fold::inherit_cause(NodeId id) {
  for (const NodeId operand : graph_.node(id).operands())
    if (graph_.varies(operand) && !state(id).cause) state(id).cause = state(operand).cause;
}

std::vector<NodeId> Fold::varying_operands(NodeId id) const {
  std::vector<NodeId> varying;
  for (const NodeId operand : graph_.node(id).operands())
    if (graph_.varies(operand)) varying.push_back(operand);
  return varying;
}

// Σ gain · bound over the varying operands, or the joint norm where results stand apart.
template <class BoundOf>
UpperBound Fold::combined(NodeId id, const std::vector<UpperBound>& gains, bool apart, BoundOf&& below) {
  const std::vector<NodeId> operands = varying_operands(id);
  if (operands.size() == 1) return product(gains.front(), below(operands.front()), graph_.describe(id));
  std::vector<UpperBound> parts;
  for (std::size_t i = 0; i < operands.size(); ++i) parts.push_back(product(gains[i], below(operands[i])));
  return apart ? joint(parts, graph_.describe(id)) : sum(parts, graph_.describe(id));
}

// Gains of rules that are plain numbers hold for the constants that rules saw, not for those nearby.
UpperBound Fold::gain(NodeId id, double value, std::string detail) const {
  if (graph_.error_of_operands(id) == 0.0) return certified(value, "gain", std::move(detail));
  return UpperBound::estimate(value, options_.norm, "gain, constants not enclosed", std::move(detail));
}

// ---- one overload per kind of rule
// -----------------------------------------------------------------------------------

void Fold::include(NodeId id, const rule::Affine& rule) { include_affine(id, "affine", rule); }

void Fold::include_affine(NodeId id, std::string_view kind, const rule::Affine& rule) {
  State& s = state(id);
  s.rule = kind;
  const double error = graph_.error_of_maps(id, rule);
  const std::span<const NodeId> operands = graph_.node(id).operands();
  for (std::size_t i = 0; i < operands.size(); ++i) {
    if (!graph_.varies(operands[i])) continue;
    const FoldedMap map(rule.maps[i], error);
    s.gains.push_back(map.norm(options_, cut_));
    for (const auto& [atom, inner] : state(operands[i]).terms) {
      FoldedMap folded = FoldedMap::compose(map, inner);
      const auto [place, first] = s.terms.try_emplace(atom, folded);
      if (!first) place->second = FoldedMap::add(place->second, folded);
    }
  }
  s.unfolded = combined(id, s.gains, write_apart(rule.maps), [&](NodeId operand) { return known(operand); });
  inherit_cause(id);
  int folded_parts = 0;
  for (const auto& [atom, map] : s.terms) folded_parts += map.parts();
  if (folded_parts <= most_parts) return;
  const UpperBound bound = bound_of(id);
  s.before = s.terms;
  set_atom(id, kind, bound);
}

void Fold::include(NodeId id, const rule::Elementwise& rule) {
  const NodeId operand = graph_.node(id).operands()[static_cast<std::size_t>(rule.argument)];
  const bool exact_constants = graph_.error_of_operands(id) == 0.0;
  if (exact_constants)
    if (const LinearMap map = linear_here(rule, graph_.node(id).value.shape())) {
      rule::Affine affine{std::vector<LinearMap>(graph_.node(id).operands().size())};
      affine.maps[static_cast<std::size_t>(rule.argument)] = map;
      return include_affine(id, "elementwise, linear here", affine);
    }
  const double slope = rule.slope.magnitude();
  const UpperBound largest = slope_bound(id, slope);
  UpperBound bound = product(largest, bound_of(operand), graph_.describe(id));
  // |Δy| ≤ D |Δx| entry by entry, so that D may be folded into what comes before.
  if (exact_constants && rule.lo.defined() && options_.affine_norm == AffineNorm::spectral) {
    const FoldedMap slopes(largest_slopes(rule, graph_.node(id).value.shape()), 0.0);
    Terms terms;
    for (const auto& [atom, map] : state(operand).terms) terms.emplace(atom, FoldedMap::compose(slopes, map));
    if (const auto folded = bound_of_terms(terms)) bound = better(bound, *folded);
  }
  state(id).gains.push_back(largest);
  set_atom(id, "elementwise", std::move(bound));
  set_slopes(id, rule);
}

// Slopes scale with the constants (x / c), so that their relative errors add up.
UpperBound Fold::slope_bound(NodeId id, double slope) const {
  const double error = graph_.error_of_operands(id);
  if (error == 0.0) return certified(slope, "slope", graph_.describe(id));
  if (!(error < 0.25)) return gain(id, slope, graph_.describe(id));
  return certified(mul_up(slope, add_up(1.0, 2.0 * error)), "slope", graph_.describe(id));
}

void Fold::include(NodeId id, const rule::Selects& rule) {
  std::vector<UpperBound> parts;
  for (const NodeId operand : varying_operands(id)) parts.push_back(bound_at_end(operand));
  const auto times = static_cast<double>(rule.multiplicity);
  const double factor = options_.norm == Norm::l1 ? times : options_.norm == Norm::l2 ? sqrt_up(times) : 1.0;
  const UpperBound one = certified(factor, "multiplicity", graph_.describe(id));
  state(id).gains.assign(parts.size(), one);
  // A single number that is one of its candidates moves by no more than the one that moves most.
  const UpperBound together = graph_.node(id).value.size() == 1 ? largest_of(parts) : joint(parts);
  set_atom(id, "selects", product(one, together, graph_.describe(id)));
}

void Fold::set_slopes(NodeId id, const rule::Elementwise& rule) {
  const double error = graph_.error_of_operands(id);
  if (!std::isfinite(rule.slope.magnitude()) || !(error < 0.25)) return;
  const Index size = graph_.node(id).value.size();
  Slopes slopes{Tensor::uninitialised({size}, DType::f64), Tensor::uninitialised({size}, DType::f64),
                graph_.node(id).operands()[static_cast<std::size_t>(rule.argument)]};
  const auto lo = slopes.lo.mutable_data<double>(), hi = slopes.hi.mutable_data<double>();
  for (std::size_t i = 0; i < lo.size(); ++i) {
    const auto at = static_cast<Index>(i);
    const Slope slope = rule.lo.defined() ? Slope{rule.lo.at(at), rule.hi.at(at)} : rule.slope;
    const Slope outer = error == 0.0 ? slope : slope * Interval{sub_down(1.0, 2.0 * error), add_up(1.0, 2.0 * error)};
    lo[i] = outer.lo;
    hi[i] = outer.hi;
  }
  state(id).slopes = std::move(slopes);
}

UpperBound Fold::largest_of(const std::vector<UpperBound>& parts) const {
  Magnitude largest;
  for (const UpperBound& part : parts) largest = std::max(largest, part.magnitude());
  return UpperBound::derived(largest, options_.norm, parts, "largest");
}

void Fold::include(NodeId id, const rule::Bounded& rule) {
  const std::string source = rule.reference.empty() ? rule.why : rule.why + " [" + rule.reference + "]";
  const auto below = [&](NodeId operand) { return bound_at_end(operand); };
  state(id).gains = gains_of(id, rule.gains, source);
  set_atom(id, "bounded", combined(id, state(id).gains, false, below));
  if (!rule.after || options_.affine_norm != AffineNorm::spectral || known(id).magnitude().is_infinite()) return;
  state(id).atom = combined(id, gains_of(id, rule.before_after, source), false, below);
  state(id).terms.insert_or_assign(id, FoldedMap(rule.after, 0.0));
}

std::vector<UpperBound> Fold::gains_of(NodeId id, const std::vector<Gain>& of_operands,
                                       const std::string& source) const {
  std::vector<UpperBound> gains;
  const std::span<const NodeId> operands = graph_.node(id).operands();
  for (std::size_t i = 0; i < operands.size(); ++i)
    if (graph_.varies(operands[i])) gains.push_back(gain(id, of_operands[i].in(options_.norm), source));
  return gains;
}

void Fold::include(NodeId id, const rule::Bilinear& rule) {
  const std::span<const NodeId> operands = graph_.node(id).operands();
  for (std::size_t i = 0; i < operands.size(); ++i) {
    if (!graph_.varies(operands[i])) continue;
    const FoldedMap map(rule.dominating[i], graph_.error_of_operands(id));
    state(id).gains.push_back(map.norm(options_, cut_));
  }
  set_atom(id, "bilinear", combined(id, state(id).gains, false, [&](NodeId operand) { return bound_at_end(operand); }));
}

void Fold::include(NodeId id, const rule::Unbounded& rule) {
  state(id).cause = id;
  unbounded_.emplace(id, rule);
  const UpperBound infinite =
      certified(infinity, rule.proved ? "unbounded" : "no rule known", graph_.describe(id) + ": " + rule.why);
  state(id).gains.assign(varying_operands(id).size(), infinite);
  // What does not vary after all (bound 0) stays constant.
  set_atom(id, "unbounded",
           combined(id, state(id).gains, false, [&](NodeId operand) { return bound_at_end(operand); }));
}

// ---- the answer
// ----------------------------------------------------------------------------------------------------------

AutoLipReport Fold::summary() {
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

std::optional<NodeId> Fold::proved_unbounded() {
  if (on_domain()) return std::nullopt;
  // The output is an affine image of results of operations without a constant, plus what is proved to be Lipschitz.
  std::vector<Escaping> summands;
  for (const auto& [atom, map] : state(graph_.output()).terms) {
    if (const auto found = unbounded_.find(atom); found != unbounded_.end() && found->second.proved) {
      summands.push_back({atom, found->second.escape, {}, map});
      continue;
    }
    const UpperBound rest = of_atom(atom);
    if (rest.magnitude().is_infinite() || !rest.is_certified()) return std::nullopt;
  }
  // Their operands are affine images of the input.
  for (Escaping& summand : summands)
    for (const NodeId operand : varying_operands(summand.cause)) {
      const Terms& terms = state(operand).terms;
      if (terms.size() != 1 || terms.begin()->first != joint_input) return std::nullopt;
      summand.before.emplace(operand, terms.begin()->second);
    }
  if (summands.empty() || !escapes(graph_, summands)) return std::nullopt;
  return summands.front().cause;
}

void Fold::explain_infinity(NodeId output, AutoLipReport& report) {
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
                    on_domain() ? "" : box_hint);
}

NodeRow Fold::row(NodeId id) {
  const Node& n = graph_.node(id);
  const State& s = state(id);
  NodeRow r{id, std::string(n.name()), std::string(n.label), n.where, n.value.shape(), s.rule, {}, s.gains, {}};
  r.operands.assign(n.operands().begin(), n.operands().end());
  if (graph_.varies(id)) r.bound = known(id);
  return r;
}

}  // namespace taut::detail
