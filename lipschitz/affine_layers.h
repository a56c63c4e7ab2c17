// The linear maps of a function, one by one: what AutoLip multiplies, to be looked at layer by layer.
#pragma once

#include <optional>

#include "autodiff/linear_map.h"
#include "autodiff/tape.h"

namespace taut {

// A linear map, every entry of which may be off by `relative_error` times its absolute value: weights that the tape
// computed from others (the scale of a batch norm) were rounded, the exact network has the exact ones. 0: exact.
struct AffineMap {
  LinearMap map;
  double relative_error = 0.0;
};

// The linear part of the affine function that computes `output` from the tape's inputs, all flattened one behind the
// other where there are several; nothing where the function is not affine over all reals, and for an output that does
// not depend on an input. No norm is computed. Errors as by autolip(), save that samples may be mixed.
std::optional<AffineMap> affine_part(const Var& output);

}  // namespace taut
