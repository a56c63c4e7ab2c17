#include <cblas.h>

#include <cmath>

#include "autodiff/error.h"
#include "autodiff/range.h"
#include "lipschitz/dense/dense_norm.h"
#include "lipschitz/pair/scaled.h"
#include "lipschitz/pair_problem.h"

namespace taut {
namespace {

void require_numbers(const Tensor& t, const char* what) {
  const Index at = t.first_non_finite();
  if (at >= 0)
    throw NumericError(cat("[pair] ", what, ' ', t.shape(), " must be finite; entry ", at, " (row-major) is ", t.at(at),
                           "; repair the weights or the slopes"));
}

}  // namespace

PairProblem PairProblem::uniform(Tensor left, Tensor right, double lo, double hi) {
  const Index n = left.shape().rank() == 2 ? left.shape()[1] : 0;
  return {std::move(left), std::move(right), Tensor::full({n}, DType::f64, lo), Tensor::full({n}, DType::f64, hi)};
}

void PairProblem::validate() const {
  for (const Tensor* t : {&left, &right, &lo, &hi})
    if (!t->defined()) throw UsageError("[pair] left, right, lo and hi are needed; one is undefined; fill all four");
  const Shape &a = left.shape(), &b = right.shape();
  if (a.rank() != 2 || b.rank() != 2 || a[1] != b[0] || a[0] < 1 || a[1] < 1 || b[1] < 1)
    throw ShapeError(cat("[pair] left (p, n) and right (n, q) are needed, none of them empty; got ", a, " and ", b,
                         "; transpose or reshape one of them"));
  if (lo.shape() != Shape{a[1]} || hi.shape() != Shape{a[1]})
    throw ShapeError(cat("[pair] lo and hi of shape ", Shape{a[1]}, ", one per neuron, are needed; got ", lo.shape(),
                         " and ", hi.shape(), "; take PairProblem::uniform() for equal intervals"));
  require_numbers(left, "left");
  require_numbers(right, "right");
  require_numbers(lo, "lo");
  require_numbers(hi, "hi");
  for (Index i = 0; i < a[1]; ++i)
    if (!(lo.at(i) <= hi.at(i)))
      throw DomainError(
          cat("[pair] lo <= hi is needed; neuron ", i, " has [", lo.at(i), ", ", hi.at(i), "]; exchange the ends"));
}

double PairResult::overshoot() const {
  if (upper.magnitude().is_zero()) return 0.0;
  if (lower.magnitude().is_zero() || upper.magnitude().is_infinite()) return infinity;
  if (lower.value() > 0x1p-1000 && upper.value() < 0x1p1000) return upper.value() / lower.value() - 1.0;
  // Beyond the range of double.
  return std::expm1((upper.magnitude().log10() - lower.magnitude().log10()) * std::log(10.0));
}

PairValue pair_value(const PairProblem& problem, const std::vector<bool>& at_hi, const Budget& budget) {
  problem.validate();
  if (static_cast<Index>(at_hi.size()) != problem.neurons())
    throw ShapeError(
        cat("[pair] a vertex has one entry for each of the ", problem.neurons(), " neurons; got ", at_hi.size()));
  constexpr const char* method = "pair vertex";
  const detail::ScaledPair scaled(problem);
  if (scaled.n == 0)
    return {LowerBound::certified(0.0, Norm::l2, method), UpperBound::certified(0.0, Norm::l2, method)};
  const std::vector<double> sigma = scaled.slopes(scaled.own_vertex(at_hi));
  std::vector<double> weighted = scaled.a, matrix(static_cast<std::size_t>(scaled.p * scaled.q));
  for (Index i = 0; i < scaled.n; ++i)
    for (Index j = 0; j < scaled.p; ++j)
      weighted[static_cast<std::size_t>(i * scaled.p + j)] *= sigma[static_cast<std::size_t>(i)];
  const auto n = static_cast<blasint>(scaled.n), p = static_cast<blasint>(scaled.p), q = static_cast<blasint>(scaled.q);
  cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, p, q, n, 1.0, weighted.data(), p, scaled.b.data(), q, 0.0,
              matrix.data(), q);
  // |fl(M) − M| ≤ γ_{n+1} Σ |σ_i||a_i||b_i|ᵀ entry by entry, and the norm of the sum is at most the mass.
  const double error = add_up(mul_up(gamma_factor(scaled.n + 1, 0x1p-53), scaled.mass()), scaled.lost);
  const Enclosure norm = detail::spectral_norm({matrix.data(), scaled.p, scaled.q}, budget);
  const double below = std::max(0.0, sub_down(norm.lower.value(), error));
  return {LowerBound::certified(scaled.unscaled(below), Norm::l2, method),
          UpperBound::certified(scaled.unscaled(add_up(norm.upper.value(), error)), Norm::l2, method)};
}

}  // namespace taut
