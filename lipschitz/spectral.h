// Operator norms of linear maps, by structure: enclosures with their rigour.
//
// l1 and linf (largest absolute column and row sums) are exact up to outward rounding for every structure with entries;
// l2 is certified by a shifted Cholesky factorisation of the Gram matrix [Rump2006], for convolutions frequency by
// frequency on an enlarged grid: docs/mathematics/10-rounding.md#dense-certificate and #convolution-certificate. Opaque
// maps give estimates, since how a foreign function rounds is not known and not even the matrix of its computed columns
// is the matrix of the map, unless the caller states it.
#pragma once
#include <cstdint>
#include <optional>

#include "autodiff/linear_map.h"
#include "lipschitz/bound.h"
#include "lipschitz/budget.h"
#include "lipschitz/enclosure.h"

#pragma GCC visibility push(default)

namespace taut {

enum class Effort : std::uint8_t {
  certified,      // upper bounds are certified, however loose
  probabilistic,  // in l2, where a factorisation would take more than about a second: Lanczos, if that is tighter
};

struct NormOptions {
  Budget budget{};
  Effort effort = Effort::certified;
  double failure = 1e-10;  // of a probabilistic upper bound
  // What the caller vouches for: apply() and apply_transpose() of opaque maps are off by at most this times ‖A‖₂ at
  // unit vectors e_i, in l2. 0 defines a map by its computed columns. With it bounds of opaque maps of up to a million
  // entries are certified in l2; with 0, in every norm.
  std::optional<double> opaque_error{};
};

// sup ‖A x‖ / ‖x‖, the same norm on both sides. A zero map gives exactly 0. Throws NumericError for weights that are
// not finite. Past the deadline the bounds are those that need no factorisation.
Enclosure operator_norm(const LinearMap& map, Norm norm, const NormOptions& options = {});

// The same for a matrix (m, n), f32 or f64.
Enclosure dense_norm(const Tensor& matrix, Norm norm, const Budget& budget = {});

// ‖A‖_F ≥ ‖A‖₂ of the whole map, as an upper bound of the l2 norm. Of a convolution it counts, for every tap, the
// positions at which it meets the image. Compositions of maps without common closed form: the better of the product of
// the factors' norms and the norm of the matrix when that is small. An estimate for opaque maps.
UpperBound frobenius_norm(const LinearMap& map, const Budget& budget = {});

namespace detail {
// Bounds of a map made of others that do not bound the parts one by one: of the matrix when it is small, else from
// sums. Cheap where the norms of the parts are known already and their product is at hand.
Enclosure folded_norm(const LinearMap& map, Norm norm, const Budget& budget);
}  // namespace detail

}  // namespace taut

#pragma GCC visibility pop
