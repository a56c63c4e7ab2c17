#include <algorithm>
#include <cmath>
#include <utility>

#include "autodiff/error.h"
#include "autodiff/maps/row_sums.h"

namespace taut {
namespace {

using detail::Sums;

// ---- weights that f32 cannot hold: an evaluation in f32 rounds them first
// ---------------------------------------------

double as_f32(double v) { return static_cast<double>(static_cast<float>(v)); }

// Replaces weights that do not fit by their nearest f32; false when all fit.
bool round_weights(Tensor& weights) {
  if (weights.dtype() == DType::f32) return false;
  if (std::ranges::all_of(std::as_const(weights).data<double>(), [](double v) { return as_f32(v) == v; })) return false;
  weights = weights.to(DType::f32);
  return true;
}
bool round_weights(structure::Dense& s) { return round_weights(s.weight); }
bool round_weights(structure::DenseAlong& s) { return round_weights(s.weight); }
bool round_weights(structure::Diagonal& s) { return round_weights(s.values); }
bool round_weights(structure::Convolution& s) { return round_weights(s.kernel); }
bool round_weights(structure::Scale& s) {
  const double before = std::exchange(s.factor, as_f32(s.factor));
  return s.factor != before;
}
template <class S>
bool round_weights(S&) {  // no weights of its own
  return false;
}

// ---- by structure
// ----------------------------------------------------------------------------------------------------

Range reshaped(const Range& x, const Shape& shape) { return {x.lo.reshaped(shape), x.hi.reshaped(shape)}; }

Range part(const Range& x, Index from, const Shape& shape) {
  const auto cut = [&](const Tensor& t) {
    const auto first = static_cast<std::size_t>(from), count = static_cast<std::size_t>(shape.size());
    return Tensor::from(shape, t.data<double>().subspan(first, count));
  };
  return {cut(x.lo), cut(x.hi)};
}

Sums sums_of(const LinearMap& map, const Range& x, DType computed_in);

struct OfStructure {
  const LinearMap& map;
  const Range& x;
  DType computed_in;

  Sums operator()(const structure::Dense&) const { return detail::applied_sums(map, x, true); }
  Sums operator()(const structure::DenseAlong&) const { return detail::applied_sums(map, x, true); }
  Sums operator()(const structure::Convolution&) const { return detail::applied_sums(map, x, true); }
  Sums operator()(const structure::Gathering&) const { return detail::applied_sums(map, x, false); }
  Sums operator()(const structure::Scale& s) const {
    return detail::diagonal_sums(x, Tensor::scalar(s.factor), std::max<Index>(x.lo.size(), 1), computed_in);
  }
  Sums operator()(const structure::Diagonal& s) const {
    return detail::diagonal_sums(x, s.values, s.inner, computed_in);
  }
  Sums operator()(const structure::Selection& s) const { return detail::selected(x, s); }

  Sums operator()(const structure::BlockRow& s) const {
    Sums total;
    Index from = 0;
    for (std::size_t k = 0; k < s.blocks.size(); ++k) {
      const LinearMap& block = s.blocks[k];
      const Sums sums = sums_of(block, part(x, from, block.in_shape()), computed_in);
      total = k == 0 ? sums : plus(total, sums);
      from += block.in_shape().size();
    }
    return total;
  }
  Sums operator()(const structure::Sum& s) const {
    Sums total = sums_of(s.terms.front(), x, computed_in);
    for (std::size_t k = 1; k < s.terms.size(); ++k) total = plus(total, sums_of(s.terms[k], x, computed_in));
    return total;
  }
  Sums operator()(const structure::BlockColumn& s) const {
    std::vector<Sums> parts;
    for (const LinearMap& block : s.blocks) parts.push_back(sums_of(block, x, computed_in));
    return stacked(parts);
  }
  Sums operator()(const structure::Composition& s) const {
    Range passed = x;
    for (std::size_t k = s.factors.size() - 1; k > 0; --k)
      passed = linear_range(s.factors[k], reshaped(passed, s.factors[k].in_shape()), computed_in);
    return sums_of(s.factors.front(), passed, computed_in);
  }
  Sums operator()(const structure::Opaque&) const {
    throw UnsupportedError(
        "[linear_range] the entries and the rounding of an opaque map are not known; build the map from structures, "
        "e.g. dense_map(to_dense(map), ...) when it is small");
  }
};

Sums sums_of(const LinearMap& map, const Range& x, DType computed_in) {
  const Range input = reshaped(x, map.in_shape());
  const Sums sums = std::visit(OfStructure{map, input, computed_in}, map.structure());
  if (computed_in == DType::f64) return sums;
  Structure structure = map.structure();
  if (!std::visit([](auto& s) { return round_weights(s); }, structure)) return sums;
  const LinearMap in_f32(map.in_shape(), map.out_shape(), std::move(structure));
  return looser(sums, std::visit(OfStructure{in_f32, input, computed_in}, in_f32.structure()));
}

// Ends as the formulae want them: not NaN, and neither a lower end +inf nor an upper end −inf.
Range proper(const Range& x) {
  const auto lower = [](double v) { return std::isnan(v) ? -infinity : std::min(v, largest_finite(DType::f64)); };
  const auto upper = [](double v) { return std::isnan(v) ? infinity : std::max(v, -largest_finite(DType::f64)); };
  return map_range(x, [&](const Interval& all) { return Interval{lower(all.lo), upper(all.hi)}; });
}

}  // namespace

namespace {

Range linear_range_of(const LinearMap& map, const Range& x, DType computed_in) {
  if (x.shape() != map.in_shape())
    throw ShapeError(cat("[linear_range] the map takes ", map.in_shape(), ", got a range of shape ", x.shape(),
                         "; reshape the range"));
  // Sums of zeros do not round, and bounds of underflow have nothing to hold.
  const auto is_zero = [](double v) { return v == 0.0; };
  if (std::ranges::all_of(x.lo.data<double>(), is_zero) && std::ranges::all_of(x.hi.data<double>(), is_zero))
    return Range::point(Tensor::zeros(map.out_shape(), DType::f64));
  return evaluated(sums_of(map, proper(x), computed_in), map.out_shape(), computed_in);
}

}  // namespace

// |A' x − A x| ≤ relative · |A| |x| entry by entry.
Range linear_range(const LinearMap& map, const Range& x, DType computed_in, double relative_error) {
  Range y = linear_range_of(map, x, computed_in);
  if (relative_error == 0.0) return y;
  const Range size = map_range(x, [](const Interval& e) { return Interval{0.0, e.magnitude()}; });
  const Range mass = linear_range_of(absolute(map), size, DType::f64);
  const auto lo = y.lo.mutable_data<double>(), hi = y.hi.mutable_data<double>();
  for (std::size_t i = 0; i < lo.size(); ++i) {
    const double radius = mul_up(mass.hi.at(static_cast<Index>(i)), relative_error);
    lo[i] = sub_down(lo[i], radius);
    hi[i] = add_up(hi[i], radius);
  }
  return y;
}

}  // namespace taut
