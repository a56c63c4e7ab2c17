#include "examples/paper/parts/gaussian_field.h"

#include <fftw3.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <memory>
#include <numeric>
#include <utility>

#include "autodiff/error.h"
#include "nn/random.h"

namespace taut::examples {
namespace {

using Complex = std::complex<double>;

// In place, both axes, Σ x e^{−2πi …}. FFTW_ESTIMATE: the plan, and with it the rounding, does not depend on timing.
void transform(std::vector<Complex>& x, Index n) {
  auto* const data = reinterpret_cast<fftw_complex*>(x.data());
  const int size = static_cast<int>(n);
  struct Destroy {
    void operator()(fftw_plan plan) const { fftw_destroy_plan(plan); }
  };
  const std::unique_ptr<std::remove_pointer_t<fftw_plan>, Destroy> plan(
      fftw_plan_dft_2d(size, size, data, data, FFTW_FORWARD, FFTW_ESTIMATE));
  fftw_execute(plan.get());
}

// The kernel along one axis of the torus, Σ_m exp(−(d + m · period)² / (2 length²)) at d = i · step. The kernel in the
// plane is the product of those of the axes.
std::vector<double> periodic_kernel(Index n, double step, double length) {
  std::vector<double> kernel(static_cast<std::size_t>(n));
  const double period = static_cast<double>(n) * step;
  for (Index i = 0; i < n; ++i)
    for (int m = -2; m <= 1; ++m) {  // further ones are below exp(−72)
      const double d = (static_cast<double>(i) * step + m * period) / length;
      kernel[static_cast<std::size_t>(i)] += std::exp(-0.5 * d * d);
    }
  return kernel;
}

}  // namespace

GaussianField sample_gaussian_field(Index points, double side, double length, std::uint64_t seed) {
  if (points < 2) throw UsageError(cat("[gaussian field] 2 or more points per axis are needed, got ", points));
  if (!(length > 0.0) || !(side >= 6.0 * length))
    throw UsageError(cat("[gaussian field] a positive length of at most a sixth of the side is needed, got length ",
                         length, " and side ", side, "; take a larger square"));
  const Index n = 2 * (points - 1);  // of the torus
  const std::vector<double> kernel = periodic_kernel(n, side / static_cast<double>(points - 1), length);
  std::vector<Complex> field(static_cast<std::size_t>(n * n));
  for (Index y = 0; y < n; ++y)
    for (Index x = 0; x < n; ++x)
      field[static_cast<std::size_t>(y * n + x)] =
          kernel[static_cast<std::size_t>(y)] * kernel[static_cast<std::size_t>(x)];
  transform(field, n);  // eigenvalues, nonnegative up to rounding

  // With independent standard normal a, b the real part of Σ_k √(λ_k / n²) (a_k + i b_k) e^{−2πi k·x / n} has
  // covariance Σ_k λ_k cos(2π k·(x − y) / n) / n², which is the kernel.
  nn::Random random(seed);
  const auto total = static_cast<double>(n * n);
  for (Complex& entry : field) {
    const double a = random.normal(), b = random.normal();
    entry = std::sqrt(std::max(0.0, entry.real()) / total) * Complex(a, b);
  }
  transform(field, n);

  GaussianField result{points, side, length, {}};
  result.values.reserve(static_cast<std::size_t>(points * points));
  for (Index y = 0; y < points; ++y)
    for (Index x = 0; x < points; ++x) result.values.push_back(field[static_cast<std::size_t>(y * n + x)].real());
  return result;
}

nn::DataSet sample_points(const GaussianField& field, Index count, std::uint64_t seed) {
  const Index all = field.points * field.points;
  if (count < 1 || count > all)
    throw UsageError(
        cat("[gaussian field] between 1 and ", all, " points can be drawn, got ", count, "; take a finer grid"));
  nn::Random random(seed, 1);
  std::vector<Index> order(static_cast<std::size_t>(all));
  std::iota(order.begin(), order.end(), Index{0});
  Tensor inputs = Tensor::uninitialised(Shape{count, 2}, DType::f32);
  Tensor targets = Tensor::uninitialised(Shape{count, 1}, DType::f32);
  const auto x = inputs.mutable_data<float>(), y = targets.mutable_data<float>();
  for (Index i = 0; i < count; ++i) {
    std::swap(order[static_cast<std::size_t>(i)], order[static_cast<std::size_t>(i + random.below(all - i))]);
    const Index point = order[static_cast<std::size_t>(i)];
    x[static_cast<std::size_t>(2 * i)] = static_cast<float>(field.coordinate(point % field.points));
    x[static_cast<std::size_t>(2 * i + 1)] = static_cast<float>(field.coordinate(point / field.points));
    y[static_cast<std::size_t>(i)] = static_cast<float>(field.values[static_cast<std::size_t>(point)]);
  }
  return nn::DataSet::regression(std::move(inputs), std::move(targets));
}

}  // namespace taut::examples
