#include <algorithm>
#include <cmath>

#include "autodiff/error.h"
#include "autodiff/ops.h"
#include "lipschitz/convolution/geometry.h"
#include "lipschitz/penalty/penalty_plan.h"

namespace taut::detail {
namespace {

Index largest_entry(const Tensor& x) {
  const auto values = x.data<double>();
  return static_cast<Index>(std::ranges::max_element(values) - values.begin());
}

Tensor unit_vector(const Shape& shape, Index at, DType dtype = DType::f64) {
  Tensor e = Tensor::zeros(shape, dtype);
  dispatch(dtype, [&](auto zero) { e.mutable_data<decltype(zero)>()[static_cast<std::size_t>(at)] = 1; });
  return e;
}

// How often every tap of a kernel meets the image: (kh, kw).
Tensor tap_counts(const structure::Convolution& c, DType dtype) {
  const ConvAxis vertical(c, 0), horizontal(c, 1);
  const std::vector<Index> rows = vertical.readers(), columns = horizontal.readers();
  Tensor counts = Tensor::zeros(Shape{vertical.taps, horizontal.taps}, dtype);
  dispatch(dtype, [&](auto zero) {
    const auto to = counts.mutable_data<decltype(zero)>();
    std::size_t at = 0;
    for (const Index row : rows)
      for (const Index column : columns) to[at++] = static_cast<decltype(zero)>(row * column);
  });
  return counts;
}

// The Frobenius norm of a map as a sum over the entries of one operand.
struct FrobeniusOf {
  const RecordedPath& path;
  LinearStep step;
  bool recorded;

  Var weight(const Tensor& numbers) const {
    const int operand = sharing_operand(path, step.node, numbers);
    if (operand < 0) return {};
    const Var w = path.var(path.node(step.node).operand_ids[operand]);
    return recorded ? w : w.detached();
  }
  Var scaled_square(const Tensor& numbers, double times) const {
    const Var w = weight(numbers);
    return w.defined() ? scale(sum(square(w)), times) : Var();
  }
  Var operator()(const structure::Dense& s) const { return scaled_square(s.weight, 1.0); }
  Var operator()(const structure::DenseAlong& s) const {
    return scaled_square(s.weight, static_cast<double>(s.outer * s.inner));
  }
  Var operator()(const structure::Convolution& s) const {
    const Var w = weight(s.kernel);
    return w.defined() ? sum(mul(square(w), Var(tap_counts(s, w.dtype())))) : Var();
  }
  template <class Other>
  Var operator()(const Other&) const {
    return {};
  }
};

}  // namespace

LinearMap map_of(const RecordedPath& path, LinearStep step) {
  const Rule rule = path.rule(step.node);
  return std::get<rule::Affine>(rule).maps[static_cast<std::size_t>(step.operand)];
}

bool share_numbers(const Tensor& a, const Tensor& b) {
  return a.dtype() == b.dtype() && a.size() == b.size() && a.size() > 0 && dispatch(a.dtype(), [&](auto zero) {
           return a.data<decltype(zero)>().data() == b.data<decltype(zero)>().data();
         });
}

int sharing_operand(const RecordedPath& path, std::size_t k, const Tensor& weight) {
  const Node& node = path.node(k);
  for (int i = 0; i < static_cast<int>(node.operand_count); ++i)
    if (path.trained_operand(k, i) && share_numbers(path.var(node.operand_ids[i]).value(), weight)) return i;
  return -1;
}

// linf: the row i with the largest sum of |A_ij|, as (A s)_i with s the signs of the row. l1: Σ_i |A_ij| of the largest
// column.
Var log_sum_norm(const RecordedPath& path, LinearStep step, Norm norm) {
  const LinearMap map = map_of(path, step);
  const LinearMap sizes = absolute(map);
  if (norm == Norm::l1) {
    const Tensor sums = sizes.apply_transpose(Tensor::full(map.out_shape(), DType::f64, 1.0));
    return log(l1_norm(apply(path, step, Var(unit_vector(map.in_shape(), largest_entry(sums), path.dtype())), true)));
  }
  const Index row = largest_entry(sizes.apply(Tensor::full(map.in_shape(), DType::f64, 1.0)));
  const Var signs(sign(Var(map.apply_transpose(unit_vector(map.out_shape(), row)))).value().to(path.dtype()));
  const Var y = apply(path, step, signs, true);
  const Index rows[] = {row};
  return log(sum(gather(reshape(y, Shape{y.shape().size()}), 0, rows)));
}

Var log_frobenius(const RecordedPath& path, LinearStep step, bool recorded) {
  const LinearMap map = map_of(path, step);
  const Var square = std::visit(FrobeniusOf{path, step, recorded}, map.structure());
  return square.defined() ? scale(log(square), 0.5) : Var();
}

}  // namespace taut::detail
