#include "lipschitz/power_method.h"

#include <boost/random/mersenne_twister.hpp>
#include <boost/random/normal_distribution.hpp>
#include <cmath>

#include "autodiff/error.h"
#include "autodiff/tape.h"

namespace taut {
namespace {

double length(const Tensor& x) {
  double largest = 0.0, sum = 0.0;
  for (Index i = 0; i < x.size(); ++i) largest = std::max(largest, std::fabs(x.at(i)));
  if (!(largest > 0.0)) return 0.0;
  for (Index i = 0; i < x.size(); ++i) sum += (x.at(i) / largest) * (x.at(i) / largest);
  return largest * std::sqrt(sum);
}

template <class F>
Tensor mapped(const Tensor& x, F&& f) {
  Tensor y = Tensor::uninitialised(x.type());
  dispatch(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const auto from = x.data<T>();
    const auto to = y.mutable_data<T>();
    for (std::size_t i = 0; i < from.size(); ++i) to[i] = static_cast<T>(f(static_cast<double>(from[i]), i));
  });
  return y;
}

Tensor divided(const Tensor& x, double by) {
  return by > 0.0 ? mapped(x, [&](double v, std::size_t) { return v / by; }) : x;
}
Tensor minus(const Tensor& a, const Tensor& b) {
  return mapped(a, [&](double v, std::size_t i) { return v - b.at(static_cast<Index>(i)); });
}

Tensor random_direction(const Shape& shape, DType dtype, std::uint64_t seed) {
  boost::random::mt19937_64 random(seed);
  boost::random::normal_distribution<double> normal;
  const Tensor v = mapped(Tensor::zeros(shape, dtype), [&](double, std::size_t) { return normal(random); });
  return divided(v, length(v));
}

}  // namespace

PowerResult power_method(const Function& f, const Shape& shape, DType dtype, const PowerOptions& options) {
  const Tensor at_zero = f(Tensor::zeros(shape, dtype)).value();
  PowerResult result{LowerBound::estimate(0.0, Norm::l2, "power method"), {}, {}, {}, false};
  Tensor v = random_direction(shape, dtype, options.budget.seed);
  Tape tape;
  for (int k = 0; k < options.max_iterations; ++k) {
    tape.rewind();
    const Var x = tape.input(v);
    const Var y = f(x);
    const Tensor image = minus(y.value(), at_zero);
    const double sigma = length(image);
    if (!std::isfinite(sigma))
      throw NumericError(cat("[power_method] f must be finite and affine; ‖f(v) − f(0)‖ is ", sigma, " in iteration ",
                             k, "; look for NaN or infinity in the weights"));
    result.right = v;
    result.left = divided(image, sigma);
    const double before = result.history.empty() ? 0.0 : result.history.back();
    result.history.push_back(sigma);
    result.converged = std::fabs(sigma - before) <= options.tolerance * sigma;
    options.budget.report("power method", static_cast<double>(k + 1) / options.max_iterations);
    if (result.converged || sigma == 0.0 || options.budget.expired()) break;
    const Tensor gradient = vjp(y, image, x).value();
    const double lambda = length(gradient);
    if (lambda == 0.0) break;
    v = divided(gradient, lambda);
  }
  if (!result.history.empty()) result.sigma = LowerBound::estimate(result.history.back(), Norm::l2, "power method");
  return result;
}

}  // namespace taut
