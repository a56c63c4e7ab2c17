#include "lipschitz/gram_iteration.h"

#include <cmath>

#include "autodiff/error.h"
#include "autodiff/ops.h"

namespace taut {

Var gram_iteration_norm(const Var& weight, int steps, Where where) {
  const Shape& shape = weight.shape();
  if (shape.rank() != 2)
    throw ShapeError(cat("[gram_iteration_norm] a matrix (m, n) is needed, got shape ", shape, "; reshape it"));
  if (steps < 0 || steps > 60)
    throw UsageError(cat("[gram_iteration_norm] steps from 0 to 60 are needed, got ", steps, "; 6 are usual"));
  Var norm = l2_norm(weight, {}, false, where);
  if (norm.value().at(0) == 0.0) return norm;
  // σ₁(W) = σ₁(G_t)^(1/2^t) Π_{j<t} n_j^(1/2^j) with n_j = ‖G_j‖_F, and σ₁(G_t) ≤ n_t.
  Var g = weight, total = log(norm, where);
  double power = 1.0;
  for (int j = 1; j <= steps; ++j) {
    const bool of_rows = j == 1 && shape[0] < shape[1];
    g = div(g, norm, where);
    g = matmul(g, g, !of_rows, of_rows, where);
    norm = l2_norm(g, {}, false, where);
    power /= 2.0;
    total = add(total, scale(log(norm, where), power, where), where);
  }
  return exp(total, where);
}

}  // namespace taut
