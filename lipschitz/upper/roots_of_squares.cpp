// Bounds through the roots of squares: √Σx² has a constant, though neither √ nor x² has.
// docs/mathematics/07-autolip.md#roots-of-squares.
#include <cmath>

#include "lipschitz/affine_layers.h"
#include "lipschitz/upper/autolip.h"

namespace taut::detail {
namespace {

using rule::OfSquares;
using rule::Squares;

Range filled(const Shape& shape, const Interval& all) { return Range::box(shape, all); }

// s_i · [0, ∞)
Range half_lines(const Tensor& sign) {
  Range y = Range::uninitialised(sign.shape());
  const auto s = sign.data<double>();
  const auto lo = y.lo.mutable_data<double>(), hi = y.hi.mutable_data<double>();
  for (std::size_t i = 0; i < s.size(); ++i) {
    lo[i] = s[i] > 0.0 ? 0.0 : -infinity;
    hi[i] = s[i] > 0.0 ? infinity : 0.0;
  }
  return y;
}

// The sign of every entry of a sum of terms that lie on half lines from 0; nothing where they point both ways.
std::optional<Tensor> signs(const std::vector<Range>& terms, const Shape& shape) {
  Tensor sign = Tensor::full(shape, DType::f64, 1.0);
  const auto s = sign.mutable_data<double>();
  for (std::size_t i = 0; i < s.size(); ++i) {
    bool up = true, down = true;
    for (const Range& term : terms) {
      const Interval t = term.at(static_cast<Index>(i));
      up = up && t.lo >= 0.0;
      down = down && t.hi <= 0.0;
    }
    if (!up && !down) return std::nullopt;
    s[i] = up ? 1.0 : -1.0;
  }
  return sign;
}

// Squares times these factors, if every factor is proved to have one sign.
std::optional<Squares> times(const Squares& w, const Range& factors) {
  Squares y{Range::uninitialised(w.base.shape()), w.sign.copy()};
  const auto lo = y.base.lo.mutable_data<double>(), hi = y.base.hi.mutable_data<double>(),
             sign = y.sign.mutable_data<double>();
  for (std::size_t i = 0; i < lo.size(); ++i) {
    const auto k = static_cast<Index>(i);
    const Interval c = factors.at(k), b = w.base.at(k) * c;
    if (c.lo < 0.0 && c.hi > 0.0) return std::nullopt;
    if (c.hi <= 0.0) sign[i] = -sign[i];
    lo[i] = b.lo;
    hi[i] = b.hi;
  }
  return y;
}

// Does no clamp cut off the base? Then √|y − b| is √|w − b| or a number, whichever is nearer.
bool keeps_base(const Squares& w, const Range& ends) {
  for (Index i = 0; i < w.sign.size(); ++i) {
    const Interval b = w.base.at(i);
    if (w.sign.at(i) > 0.0 ? !(ends.hi.at(i) >= b.hi) : !(ends.lo.at(i) <= b.lo)) return false;
  }
  return true;
}

}  // namespace

const AutoLip::ThroughRoots& AutoLip::through_roots(NodeId id) {
  const auto [place, first] = roots_.try_emplace(id);
  ThroughRoots& known = place->second;
  if (!first || network_.ranges().empty() || graph_.node(id).op == nullptr || !graph_.varies(id)) return known;
  const std::vector<NodeId>& operands = node(id).operands;
  if (std::holds_alternative<rule::Affine>(*node(id).rule) && node(id).maps.size() == operands.size())
    known.roots = roots_of_sum(id);
  if (known.roots || operands.size() != 1 || graph_.error_of_operands(id) != 0.0) return known;
  const Roots* const operand = roots_of(operands.front());
  const OfSquares what = graph_.of_squares(id, network_.ranges(), operand != nullptr ? &operand->squares : nullptr);
  if (operand != nullptr) known.gain = what.gain;
  known.roots = roots_of_function(id, what, operand);
  return known;
}

const AutoLip::Roots* AutoLip::roots_of(NodeId id) {
  const std::optional<Roots>& roots = through_roots(id).roots;
  return roots ? &*roots : nullptr;
}

// w' = Σ A_k w_k + c of squares w_k: where the A_k s_k of a row have one sign, √|w' − b'| = √Σ |A_kij| ρ_kj².
std::optional<AutoLip::Roots> AutoLip::roots_of_sum(NodeId id) {
  const NetworkNode& here = node(id);
  const Shape& shape = graph_.node(id).value.shape();
  std::vector<Range> terms, at_base;
  std::vector<UpperBound> parts;
  for (std::size_t k = 0; k < here.operands.size(); ++k) {
    const Roots* const operand = roots_of(here.operands[k]);
    const auto gain = operand != nullptr ? root_gain(id, k) : std::nullopt;
    if (!gain) return std::nullopt;
    terms.push_back(linear_range(here.maps[k].map(), half_lines(operand->squares.sign), DType::f64));
    parts.push_back(product(*gain, operand->bound, graph_.describe(id)));
  }
  for (const NodeId operand : graph_.node(id).operands())
    at_base.push_back(graph_.varies(operand) ? roots_of(operand)->squares.base : network_.ranges()[operand]);
  auto sign = signs(terms, shape);
  if (!sign) return std::nullopt;
  // l2: Σ_i Σ_kj |A_kij| Δρ_kj² ≤ Σ_k ‖A_k‖_l1 ‖Δρ_k‖²; other norms: the triangle inequality.
  const std::string detail = "roots of squares in " + graph_.describe(id);
  const bool euclidean = options_.question.norm == Norm::l2 && parts.size() > 1;
  return Roots{{graph_.range_of(id, at_base), *std::move(sign)},
               euclidean          ? joint(parts, detail)
               : parts.size() > 1 ? sum(parts, detail)
                                  : parts.front()};
}

// ‖ρ'‖ ≤ gain ‖ρ‖ with ρ'_i = √Σ_j |A_ij| ρ_j²: √‖A‖_l1 in l2, √‖A‖_linf in linf, √(m ‖A‖_l1) in l1 for m results.
std::optional<UpperBound> AutoLip::root_gain(NodeId id, std::size_t operand) const {
  const FoldedMap& map = node(id).maps[operand];
  const Norm norm = options_.question.norm == Norm::linf ? Norm::linf : Norm::l1;
  const UpperBound size = operator_norm(AffineMap{map.map(), map.relative_error()}, norm, options_.budget).upper;
  if (!size.is_certified() || !std::isfinite(size.value())) return std::nullopt;
  const auto results = static_cast<double>(std::max<Index>(1, map.map().out_shape().size()));
  return certified(sqrt_up(options_.question.norm == Norm::l1 ? mul_up(results, size.value()) : size.value()),
                   "gain of roots", graph_.describe(id));
}

std::optional<AutoLip::Roots> AutoLip::roots_of_function(NodeId id, const OfSquares& what, const Roots* operand) {
  switch (what.makes) {
    case OfSquares::Makes::nothing:
      return std::nullopt;
    case OfSquares::Makes::square: {
      const Shape& shape = graph_.node(id).value.shape();
      return Roots{{filled(shape, Interval::point(0.0)), Tensor::full(shape, DType::f64, 1.0)},
                   bound_of(node(id).operands.front())};
    }
    case OfSquares::Makes::scaled: {
      auto squares = times(operand->squares, what.numbers);
      if (!squares) return std::nullopt;
      const double largest = sqrt_up(what.numbers.hull().magnitude());
      return Roots{*std::move(squares),
                   product(certified(largest, "gain of roots", graph_.describe(id)), operand->bound)};
    }
    case OfSquares::Makes::clamped:
      return keeps_base(operand->squares, what.numbers) ? std::optional(*operand) : std::nullopt;
  }
  return std::nullopt;
}

std::optional<UpperBound> AutoLip::bound_through_roots(NodeId id) {
  const double gain = through_roots(id).gain;
  if (!std::isfinite(gain)) return std::nullopt;
  const Roots& operand = *roots_of(node(id).operands.front());
  return product(certified(gain, "gain by root", graph_.describe(id)), operand.bound, graph_.describe(id));
}

}  // namespace taut::detail
