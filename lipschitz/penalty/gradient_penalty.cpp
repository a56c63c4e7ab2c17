#include "lipschitz/gradient_penalty.h"

#include <cmath>

#include "autodiff/diff.h"
#include "autodiff/error.h"
#include "autodiff/ops.h"
#include "lipschitz/bounds/draws.h"

namespace taut {
namespace {

Index samples_of(const char* name, const Var& y, const Var& x, Where where) {
  if (x.shape().rank() < 1 || y.shape().rank() < 1 || x.shape()[0] != y.shape()[0] || x.shape()[0] == 0)
    throw ShapeError(cat('[', name, "] at ", where, ": x (n, ...) and y (n, ...) must have a row per sample, got ",
                         x.shape(), " and ", y.shape()));
  return x.shape()[0];
}

// Numbers of every sample side by side.
Var rows(const Var& x, Where where) { return reshape(x, Shape{x.shape()[0], x.shape().size() / x.shape()[0]}, where); }

// Rows uniform on the unit sphere.
Tensor directions(const Shape& shape, DType dtype, detail::Draws& draws) {
  Tensor v = Tensor::uninitialised(shape, dtype);
  const auto columns = static_cast<std::size_t>(shape[1]);
  std::vector<double> row(columns);
  dispatch(dtype, [&](auto zero) {
    using T = decltype(zero);
    const auto to = v.mutable_data<T>();
    for (std::size_t at = 0; at < to.size(); at += columns) {
      double square = 0.0;
      for (double& entry : row) {
        entry = draws.normal();
        square += entry * entry;
      }
      for (std::size_t i = 0; i < columns; ++i) to[at + i] = static_cast<T>(row[i] / std::sqrt(square));
    }
  });
  return v;
}

}  // namespace

Var gradient_penalty(const Var& y, const Var& x, const GradientPenaltyOptions& options, Where where) {
  const Index n = samples_of("gradient_penalty", y, x, where);
  if (y.shape().size() != n)
    throw ShapeError(cat("[gradient_penalty] at ", where, ": a critic gives one number per sample, got ", y.shape(),
                         "; use jacobian_frobenius for several"));
  // Samples do not mix, so that the gradient of the sum holds those of the samples.
  const Var gradient = grad(sum(y, {}, false, where), x, {.create_graph = true});
  Var excess = shift(l2_norm(rows(gradient, where), {-1}, false, where), -options.target, where);
  if (options.one_sided) excess = relu(excess, where);
  return mean(square(excess, where), {}, false, where);
}

Var jacobian_frobenius(const Var& y, const Var& x, std::uint64_t seed, int projections, Where where) {
  const Index n = samples_of("jacobian_frobenius", y, x, where);
  if (projections < 1)
    throw UsageError(cat("[jacobian_frobenius] at ", where, ": projections must be 1 or more, got ", projections));
  const Index m = y.shape().size() / n;
  detail::Draws draws(seed);
  Var total;
  for (int i = 0; i < projections; ++i) {
    const Tensor v = directions(Shape{n, m}, y.dtype(), draws).reshaped(y.shape());
    const Var projected = sum(square(vjp(y, Var(v), x, {.create_graph = true}), where), {}, false, where);
    total = total.defined() ? add(total, projected, where) : projected;
  }
  return scale(total, static_cast<double>(m) / static_cast<double>(n * projections), where);
}

Var orthogonality_penalty(const Var& weight, Where where) {
  if (weight.shape().rank() < 2 || weight.shape().size() == 0)
    throw ShapeError(cat("[orthogonality_penalty] at ", where, ": a weight is (out, in, ...), got ", weight.shape()));
  const Var w = rows(weight, where);
  const bool wide = w.shape()[0] <= w.shape()[1];
  const Var gram = wide ? matmul(w, w, false, true, where) : matmul(w, w, true, false, where);
  Tensor one = Tensor::zeros(gram.shape(), gram.dtype());
  dispatch(one.dtype(), [&](auto zero) {
    const auto entries = one.mutable_data<decltype(zero)>();
    for (std::size_t i = 0; i < entries.size(); i += static_cast<std::size_t>(gram.shape()[0]) + 1) entries[i] = 1;
  });
  return sum(square(sub(gram, Var(std::move(one)), where), where), {}, false, where);
}

}  // namespace taut
