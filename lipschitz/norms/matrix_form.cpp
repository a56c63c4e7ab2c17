#include "lipschitz/norms/matrix_form.h"

#include <algorithm>
#include <cmath>

#include "autodiff/range.h"
#include "lipschitz/convolution/geometry.h"
#include "lipschitz/convolution/sum_norms.h"
#include "lipschitz/dense/dense_norm.h"

namespace taut::detail {
namespace {

constexpr double most_entries = 8.4e6;  // 64 MiB
constexpr double most_products = 4e9;   // of filling the matrix: about a second

const std::vector<LinearMap>* parts(const LinearMap& map) {
  const Structure& s = map.structure();
  if (const auto* row = std::get_if<structure::BlockRow>(&s)) return &row->blocks;
  if (const auto* column = std::get_if<structure::BlockColumn>(&s)) return &column->blocks;
  if (const auto* composition = std::get_if<structure::Composition>(&s)) return &composition->factors;
  if (const auto* sum = std::get_if<structure::Sum>(&s)) return &sum->terms;
  return nullptr;
}

Magnitude plus(const Magnitude& a, const Magnitude& b) { return Magnitude::sum(a, b, Side::upper); }
Magnitude times(const Magnitude& a, const Magnitude& b) { return Magnitude::product(a, b, Side::upper); }

double as_double(Index n) { return static_cast<double>(n); }

double largest(const Tensor& x) {
  double m = 0.0;
  for (const double v : x.data<double>()) m = std::isnan(v) ? infinity : std::max(m, std::fabs(v));
  return m;
}

double largest_weight(const Tensor& x) {
  return dispatch(x.dtype(), [&](auto zero) {
    decltype(zero) m = 0;
    for (const auto v : x.data<decltype(zero)>()) m = std::max(m, std::fabs(v));
    return static_cast<double>(m);
  });
}

// ≥ ‖leaf‖₁ or ‖leaf‖∞, without its matrix: of a dense layer, which may be large, one pass has to do.
Magnitude leaf_sum(const LinearMap& leaf, Norm norm) {
  if (const auto* d = std::get_if<structure::Dense>(&leaf.structure()))
    return times(largest_weight(d->weight), as_double(d->weight.shape()[norm == Norm::l1 ? 0 : 1]));
  if (const auto* c = std::get_if<structure::Convolution>(&leaf.structure()))
    return convolution_sum_norm(*c, norm).upper.magnitude();
  return operator_norm(leaf, norm).upper.magnitude();
}

}  // namespace

bool is_composite(const LinearMap& map) { return parts(map) != nullptr; }

bool fills_exactly(const LinearMap& map) {
  if (const auto* c = std::get_if<structure::Convolution>(&map.structure()))
    return ConvAxis(*c, 0).reads_once() && ConvAxis(*c, 1).reads_once();
  return !is_composite(map);
}

void for_each_leaf(const LinearMap& map, const std::function<void(const LinearMap&)>& f) {
  const auto* const inside = parts(map);
  if (inside == nullptr) return f(map);
  for (const LinearMap& part : *inside) for_each_leaf(part, f);
}

bool has_entries(const LinearMap& map) {
  bool all = true;
  for_each_leaf(
      map, [&](const LinearMap& leaf) { all = all && !std::holds_alternative<structure::Opaque>(leaf.structure()); });
  return all;
}

bool is_layer(const LinearMap& map) {
  const Structure& s = map.structure();
  return std::holds_alternative<structure::Dense>(s) || std::holds_alternative<structure::DenseAlong>(s) ||
         std::holds_alternative<structure::Convolution>(s);
}

void require_finite_leaf(const LinearMap& leaf) {
  const Structure& s = leaf.structure();
  if (const auto* dense = std::get_if<structure::Dense>(&s)) require_finite(dense->weight, "a dense weight");
  if (const auto* along = std::get_if<structure::DenseAlong>(&s)) require_finite(along->weight, "a dense weight");
  if (const auto* conv = std::get_if<structure::Convolution>(&s)) require_finite(conv->kernel, "a convolution kernel");
  if (const auto* diagonal = std::get_if<structure::Diagonal>(&s)) require_finite(diagonal->values, "a diagonal");
  if (const auto* scale = std::get_if<structure::Scale>(&s))
    require_finite(Tensor::scalar(scale->factor), "a scale factor");
}

double apply_cost(const LinearMap& map) {
  double cost = 0.0;
  for_each_leaf(map, [&](const LinearMap& leaf) {
    double per_output = 1.0;
    Index outputs = std::max(leaf.in_shape().size(), leaf.out_shape().size());
    if (const auto* dense = std::get_if<structure::Dense>(&leaf.structure())) {
      per_output = as_double(dense->weight.shape()[1]), outputs = dense->weight.shape()[0];
    } else if (const auto* along = std::get_if<structure::DenseAlong>(&leaf.structure())) {
      per_output = as_double(along->weight.shape()[1]),
      outputs = along->weight.shape()[0] * along->outer * along->inner;
    } else if (const auto* conv = std::get_if<structure::Convolution>(&leaf.structure())) {
      per_output = as_double(conv->kernel.size() / std::max<Index>(conv->kernel.shape()[0], 1));
      outputs = Shape(conv->result).size();
    }
    cost += per_output * as_double(outputs);
  });
  return cost;
}

ApplyError::ApplyError(const LinearMap& map) {
  const Index roundings = std::max(accumulation_length(map), accumulation_length_transposed(map));
  relative = gamma_factor(roundings, unit_roundoff(DType::f64));
  // Each of at most roundings + 1 products on the way into an entry underflows by at most 2^-1074, and is carried on by
  // parts whose rows and columns sum up to at most the product of max(1, ‖part‖).
  Magnitude gain = 1.0;
  Index leaves = 0;
  bool multiplies = false;
  for_each_leaf(map, [&](const LinearMap& leaf) {
    ++leaves;
    multiplies = multiplies || !applies_exactly(leaf);
    for (const Norm norm : {Norm::l1, Norm::linf}) gain = times(gain, std::max(Magnitude(1.0), leaf_sum(leaf, norm)));
  });
  if (multiplies) absolute = times(times(as_double(roundings + 1), as_double(leaves)), times(gain, 0x1p-1074));
}

Magnitude SumBounds::l2() const { return Magnitude::root(times(l1, linf), Side::upper); }

SumBounds sum_bounds(const LinearMap& map) {
  if (map.in_shape().size() == 0 || map.out_shape().size() == 0) return {};
  return sum_bounds(map, ApplyError(map));
}

SumBounds sum_bounds(const LinearMap& map, const ApplyError& error) {
  if (map.in_shape().size() == 0 || map.out_shape().size() == 0) return {};
  const LinearMap magnitudes = absolute(map);
  // All terms are nonnegative: exact ≤ (computed + absolute) / (1 − γ) ≤ (computed + absolute) (1 + 2γ).
  const auto upper = [&](const Tensor& sums) {
    if (!(error.relative < 0.5)) return Magnitude(infinity);
    const Magnitude computed = plus(largest(sums), error.absolute);
    return times(computed, add_up(1.0, 2.0 * error.relative));
  };
  return {upper(magnitudes.apply_transpose(Tensor::full(map.out_shape(), DType::f64, 1.0))),
          upper(magnitudes.apply(Tensor::full(map.in_shape(), DType::f64, 1.0)))};
}

LowerBound attained_norm(const LinearMap& map, const Tensor& v, Norm norm) {
  return has_entries(map) ? attained_norm(map, v, norm, ApplyError(map))
                          : LowerBound::certified(0.0, norm, "attained at a vector");
}

LowerBound attained_norm(const LinearMap& map, const Tensor& v, Norm norm, const ApplyError& error) {
  constexpr const char* method = "attained at a vector";
  const double scale = largest(v);
  if (!(scale > 0.0) || !std::isfinite(scale)) return LowerBound::certified(0.0, norm, method);
  Tensor x = v.to(DType::f64).copy();  // to a largest entry between 1/2 and 1; what underflows becomes another vector
  for (double& e : x.mutable_data<double>()) e = std::ldexp(e, -std::ilogb(scale) - 1);
  Tensor magnitude = x.copy();
  for (double& e : magnitude.mutable_data<double>()) e = std::fabs(e);

  const Tensor y = map.apply(x), mass = absolute(map).apply(magnitude);
  const auto values = y.data<double>(), masses = mass.data<double>();
  if (!(error.relative < 0.25)) return LowerBound::certified(0.0, norm, method);
  // |(A x)_i| ≥ |y_i| − γ |A||x| − absolute, with |A||x| ≤ (computed + absolute)(1 + 2γ).
  const double absolute_error = error.absolute.round(Side::upper);
  std::vector<double> least(values.size());
  for (std::size_t i = 0; i < least.size(); ++i) {
    const double bound_of_mass = mul_up(add_up(masses[i], absolute_error), 1.0 + 4.0 * error.relative);
    const double slack = add_up(mul_up(error.relative, bound_of_mass), absolute_error);
    least[i] = std::isfinite(values[i]) ? std::max(0.0, sub_down(std::fabs(values[i]), slack)) : 0.0;
  }
  const auto length = [&](std::span<const double> z, Side side) -> Magnitude {
    if (norm == Norm::l2) return euclidean(z, side);
    Magnitude total;
    for (const double e : z)
      total = norm == Norm::linf ? std::max(total, Magnitude(std::fabs(e))) : Magnitude::sum(total, std::fabs(e), side);
    return total;
  };
  const double top = length(least, Side::lower).round(Side::lower);
  const double bottom = length(x.data<double>(), Side::upper).round(Side::upper);
  return LowerBound::certified(std::max(0.0, div_down(top, bottom)), norm, method);
}

namespace {

double products_of(const LinearMap& map) {
  return as_double(std::min(map.out_shape().size(), map.in_shape().size())) * apply_cost(map);
}
bool small_enough(const LinearMap& map) {
  const double entries = as_double(map.out_shape().size()) * as_double(map.in_shape().size());
  return entries <= most_entries && products_of(map) <= most_products;
}

}  // namespace

bool matrix_wants_time(const LinearMap& map, const Budget& budget) {
  return small_enough(map) && !budget.affords(2.0 * products_of(map));
}

std::optional<MatrixForm> matrix_form(const LinearMap& map, const Budget& budget) {
  if (!small_enough(map) || !budget.affords(2.0 * products_of(map))) return std::nullopt;
  const double m = as_double(map.out_shape().size()), n = as_double(map.in_shape().size());
  MatrixForm form;
  form.matrix = to_dense(map);
  if (form.matrix.first_non_finite() >= 0) return std::nullopt;
  if (fills_exactly(map)) return form;
  const ApplyError error(map);
  const SumBounds sums = sum_bounds(map, error);
  form.error = {plus(times(error.relative, sums.l1), times(m, error.absolute)),
                plus(times(error.relative, sums.linf), times(n, error.absolute))};
  return form;
}

}  // namespace taut::detail
