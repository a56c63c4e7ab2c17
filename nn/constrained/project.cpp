#include "nn/project.h"

#include <lapacke.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "autodiff/error.h"
#include "autodiff/ops.h"
#include "lipschitz/spectral.h"
#include "nn/constrained/weights.h"

namespace taut::nn {
namespace {

constexpr const char* project_name = "project_norm";

void require_matrix(const Parameter& parameter, double limit) {
  if (!parameter.defined() || parameter.value.shape().rank() != 2)
    throw ShapeError(cat('[', project_name, "] needs a matrix (out, in), got ",
                         parameter.defined() ? parameter.value.shape().str() : "an undefined parameter",
                         "; SpectralConv2d and AolConv2d constrain convolutions"));
  if (!(std::isfinite(limit) && limit > 0.0))
    throw DomainError(cat('[', project_name, "] the limit must be finite and above 0, got ", limit));
}

// a − Σ (σ − limit) u vᵀ over singular values σ > limit. A row-major matrix is LAPACK's transpose, so u and v change
// places.
void clip_singular_values(Tensor& a, double limit) {
  const auto rows = static_cast<lapack_int>(a.shape()[0]), columns = static_cast<lapack_int>(a.shape()[1]);
  const lapack_int rank = std::min(rows, columns);
  const auto numbers = a.mutable_data<double>();
  std::vector<double> work(numbers.begin(), numbers.end()), values(static_cast<std::size_t>(rank)),
      v(static_cast<std::size_t>(columns) * values.size()), ut(values.size() * static_cast<std::size_t>(rows));
  const lapack_int failure = LAPACKE_dgesdd(LAPACK_COL_MAJOR, 'S', columns, rows, work.data(), columns, values.data(),
                                            v.data(), columns, ut.data(), rank);
  if (failure != 0)
    throw NumericError(cat('[', project_name, "] the singular values of a ", rows, " x ", columns,
                           " matrix did not converge, gesdd returned ", failure, "; use L2Projection::rescale"));
  for (std::size_t k = 0; k < values.size() && values[k] > limit; ++k)
    for (std::size_t i = 0; i < static_cast<std::size_t>(rows); ++i)
      for (std::size_t j = 0; j < static_cast<std::size_t>(columns); ++j)
        numbers[i * static_cast<std::size_t>(columns) + j] -=
            (values[k] - limit) * ut[i * values.size() + k] * v[k * static_cast<std::size_t>(columns) + j];
}

void project_rows(Tensor& a, double limit) {
  const auto columns = static_cast<std::size_t>(a.shape()[1]);
  const auto numbers = a.mutable_data<double>();
  for (std::size_t i = 0; i < static_cast<std::size_t>(a.shape()[0]); ++i)
    project_l1_ball(numbers.subspan(i * columns, columns), limit);
}

Tensor transposed(const Tensor& a) { return transpose(Var(a)).value(); }

// In f64, without care for rounding.
Tensor projected(Tensor a, Norm norm, double limit, L2Projection l2) {
  if (norm == Norm::l1) a = transposed(a);
  if (norm != Norm::l2) {
    project_rows(a, limit);
  } else if (l2 == L2Projection::clip) {
    clip_singular_values(a, limit);
  }
  return norm == Norm::l1 ? transposed(a) : a;
}

}  // namespace

void project_l1_ball(std::span<double> x, double radius) {
  std::vector<double> size;
  double total = 0.0;
  for (const double v : x) total += size.emplace_back(std::fabs(v));
  if (total <= radius) return;
  // All entries shrink by one threshold; the largest of those that are consistent counts.
  std::ranges::sort(size, std::greater{});
  double sum = 0.0, threshold = 0.0;
  for (std::size_t k = 0; k < size.size(); ++k) {
    sum += size[k];
    const double candidate = (sum - radius) / static_cast<double>(k + 1);
    if (size[k] > candidate) threshold = candidate;
  }
  for (double& v : x) v = std::copysign(std::max(std::fabs(v) - threshold, 0.0), v);
}

void project_norm(Parameter& parameter, Norm norm, double limit, L2Projection l2) {
  require_matrix(parameter, limit);
  Tensor& value = parameter.value;
  if (value.size() == 0) return;
  if (value.first_non_finite() < 0 && !(dense_norm(value, norm).upper.value() <= limit))
    value = projected(value.to(DType::f64).copy(), norm, limit, l2).to(value.dtype());
  value = parts::within_norm(value, parts::matrix_map, limit, project_name, norm);  // refuses what is not finite
}

void NormProjection::add(Parameter& parameter, Norm norm, double limit, L2Projection l2) {
  require_matrix(parameter, limit);
  entries_.push_back({&parameter, norm, limit, l2});
}

void NormProjection::operator()() const {
  for (const Entry& e : entries_) project_norm(*e.parameter, e.norm, e.limit, e.l2);
}

}  // namespace taut::nn
