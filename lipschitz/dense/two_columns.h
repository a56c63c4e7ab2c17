// Norms of matrices of two columns, in closed form. Internal to lipschitz.
#pragma once

#include <span>

#include "autodiff/config.h"
#include "autodiff/norm.h"
#include "lipschitz/magnitude.h"

namespace taut::detail {

struct NormRange {
  Magnitude lower, upper;
};

// Of every matrix (rows, 2) within `error` of `value`, entry by entry; entry (i, j) is at i · stride + j. An upper end
// of +inf where entries are not finite.
NormRange two_column_norm(const double* value, const double* error, Index rows, Index stride, Norm norm);

}  // namespace taut::detail
