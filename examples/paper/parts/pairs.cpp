#include "examples/paper/parts/pairs.h"

#include <algorithm>
#include <cmath>

#include "autodiff/error.h"
#include "nn/init.h"

namespace taut::examples {

std::vector<IdealLayer> ideal_layers(Index count, Index n, nn::Random& random) {
  if (n < 1) throw UsageError(cat("[ideal layers] matrices of size 1 or more are needed, got ", n));
  const nn::Initialiser haar = nn::orthogonal();
  std::vector<IdealLayer> layers;
  for (Index i = 0; i < count; ++i) {
    IdealLayer layer{Tensor::uninitialised(Shape{n, n}, DType::f64), Tensor::uninitialised(Shape{n, n}, DType::f64)};
    haar(layer.u, random);
    haar(layer.vt, random);
    layers.push_back(std::move(layer));
  }
  return layers;
}

IdealPair ideal_pair(const IdealLayer& earlier, bool earlier_is_first, const IdealLayer& later, bool later_is_last,
                     double ratio) {
  IdealPair pair{later.vt.copy(), earlier.u.copy()};
  const auto n = static_cast<std::size_t>(earlier.u.shape()[0]);
  const double left = later_is_last ? ratio : std::sqrt(ratio), right = earlier_is_first ? ratio : std::sqrt(ratio);
  const auto l = pair.left.mutable_data<double>(), r = pair.right.mutable_data<double>();
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) {
      if (i > 0) l[i * n + j] *= left;   // row i of Vᵀ
      if (j > 0) r[i * n + j] *= right;  // column j of U
    }
  return pair;
}

double rank_one_factor(const IdealLayer& earlier, const IdealLayer& later) {
  const Index n = earlier.u.shape()[0];
  double positive = 0.0, negative = 0.0;
  for (Index j = 0; j < n; ++j) {
    const double product = later.vt.at(j) * earlier.u.at(j * n);
    (product > 0.0 ? positive : negative) += std::fabs(product);
  }
  return std::max(positive, negative);
}

}  // namespace taut::examples
