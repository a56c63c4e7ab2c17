// Norms of matrices from one norm to another, where there is a closed form.
#pragma once

#include <string>

#include "autodiff/norm.h"
#include "autodiff/tensor.h"
#include "lipschitz/magnitude.h"

#pragma GCC visibility push(default)

namespace taut {

// Both ends are certified. Not an Enclosure: a constant from one norm to another does not combine with constants in one
// norm.
struct MixedNorm {
  Norm from, to;
  Magnitude lower, upper;  // upper.round(Side::upper) is a double
  std::string method;
};

// sup ‖A x‖_to / ‖x‖_from of a matrix (m, n), f32 or f64: l1 → l1 the largest absolute column sum, linf → linf row sum,
// l1 → linf entry; l1 → l2 the largest 2-norm of a column, l2 → linf of a row; l2 → l2 as dense_norm(). The others, l2
// → l1, linf → l1 and linf → l2, are NP-hard [Steinberg2005]: UnsupportedError. ShapeError if it is not
// a matrix, NumericError where it is not finite.
MixedNorm mixed_norm(const Tensor& matrix, Norm from, Norm to);

}  // namespace taut

#pragma GCC visibility pop
