#include "autodiff/unit_vector.h"

#include <cmath>

namespace taut::detail {

bool normalise(Tensor& x) {
  return dispatch(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const auto values = x.mutable_data<T>();
    double square = 0.0;
    for (const T value : values) square += static_cast<double>(value) * static_cast<double>(value);
    if (!(square > 0.0 && std::isfinite(square))) return false;
    const T factor = static_cast<T>(1.0 / std::sqrt(square));
    for (T& value : values) value *= factor;
    return true;
  });
}

}  // namespace taut::detail
