#include "nn/dropout.h"

#include "autodiff/error.h"

namespace taut::nn {

Dropout::Dropout(double p, std::uint64_t seed, Where where) : p_(p), seed_(seed), where_(where) {
  if (!(p >= 0.0 && p < 1.0)) throw DomainError(cat("[dropout] at ", where, ": p must be in [0, 1), got ", p));
}

Var Dropout::operator()(const Var& x) {
  if (!training || p_ == 0.0) return x;
  Random random(seed_, static_cast<std::uint64_t>(masks_++));
  Tensor mask = Tensor::uninitialised(x.value().type());
  dispatch(mask.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T kept = static_cast<T>(1.0 / (1.0 - p_));
    for (T& entry : mask.mutable_data<T>()) entry = random.uniform(0.0, 1.0) < p_ ? T{0} : kept;
  });
  return mul(x, Var(std::move(mask)), where_);
}

}  // namespace taut::nn
