#include "nn/init.h"

#include <algorithm>
#include <cmath>

#include "autodiff/error.h"

namespace taut::nn {
namespace {

using Deviation = double (*)(const Fans&);

double kaiming(const Fans& f) { return std::sqrt(1.0 / static_cast<double>(std::max<Index>(1, f.in))); }
double xavier(const Fans& f) { return std::sqrt(2.0 / static_cast<double>(std::max<Index>(1, f.in + f.out))); }

Initialiser uniform_with(double gain, Deviation deviation) {
  return [=](Tensor& weight, Random& random) {
    const double limit = std::sqrt(3.0) * gain * deviation(fans(weight.shape()));
    fill_uniform(weight, -limit, limit, random);
  };
}

Initialiser normal_with(double gain, Deviation deviation) {
  return
      [=](Tensor& weight, Random& random) { fill_normal(weight, 0.0, gain * deviation(fans(weight.shape())), random); };
}

}  // namespace

Fans fans(const Shape& weight) {
  if (weight.rank() < 2)
    throw ShapeError(
        cat("[init] a weight has at least 2 dimensions, (out, in, …); got ", weight, "; use constant() for biases"));
  const Index taps = weight.product(2, weight.rank());
  return {weight[1] * taps, weight[0] * taps};
}

Initialiser kaiming_uniform(double gain) { return uniform_with(gain, kaiming); }
Initialiser kaiming_normal(double gain) { return normal_with(gain, kaiming); }
Initialiser xavier_uniform(double gain) { return uniform_with(gain, xavier); }
Initialiser xavier_normal(double gain) { return normal_with(gain, xavier); }
Initialiser constant(double value) {
  return [=](Tensor& weight, Random&) { weight = Tensor::full(weight.shape(), weight.dtype(), value); };
}

}  // namespace taut::nn
