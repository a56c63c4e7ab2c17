// The largest singular value of a map that is only applied: Lanczos' method on its Gram matrix, with full
// reorthogonalisation and random starts.
//
// The upper end errs with a probability that is chosen beforehand, for any map, over the starts alone: rounding and
// spaces that become invariant are part of the proof (docs/mathematics/08-convolutions.md#lanczos; in exact arithmetic
// and for one start it is that of [Kuczynski1992]). The lower end is certified.
#pragma once

#include "autodiff/linear_map.h"
#include "lipschitz/budget.h"
#include "lipschitz/enclosure.h"

#pragma GCC visibility push(default)

namespace taut {

struct LanczosOptions {
  Budget budget{};
  double failure = 1e-10;   // of the upper end, over the starts drawn from `seed`; in (0, 1)
  double tolerance = 0.02;  // wanted of upper / lower − 1: with the failure it determines the number of steps
  int max_steps = 300;      // of each start, at least 1; fewer where the bases would take more than 512 MiB
};

struct LanczosResult {
  // In l2. Both ends are estimates where a part of the map is opaque: how its functions round is not known.
  Enclosure norm;
  Tensor left, right;  // unit vectors close to singular ones: A right = σ left
};

// Works on the smaller side: one apply() and one apply_transpose() per step and start, all starts at once. Past the
// deadline fewer steps were made, which makes the upper end larger, not less true. NumericError where the map gives
// values that are not finite, UsageError for options outside of their ranges.
LanczosResult lanczos_norm(const LinearMap& map, const LanczosOptions& options = {});

namespace detail {
// A vector of map.in_shape() close to where ‖A v‖ / ‖v‖ is largest: 24 steps, restarted where the basis is long.
Tensor leading_direction(const LinearMap& map, const Budget& budget);
// The same from a start of map.in_shape(), by at most `steps` steps: fewer once ‖A v‖ / ‖v‖ appears to be `enough`.
Tensor ascend(const LinearMap& map, const Tensor& start, int steps, double enough, const Budget& budget);
}  // namespace detail

}  // namespace taut

#pragma GCC visibility pop
