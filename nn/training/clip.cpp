#include "nn/clip.h"

#include <algorithm>
#include <cmath>

#include "autodiff/error.h"

namespace taut::nn {
namespace {

void require(const char* what, const Optimiser& optimiser, std::span<Var> gradients, double limit) {
  if (!(limit > 0.0)) throw UsageError(cat('[', what, "] the limit must be positive, got ", limit));
  if (gradients.empty())
    throw UsageError(cat('[', what, "] needs gradients of ", optimiser.parameters().size(),
                         " parameters, got none; call it between backward() and update()"));
}

// √Σ (x / unit)² over all entries.
double norm_in(std::span<Var> gradients, double unit) {
  double sum = 0.0;
  for (const Var& gradient : gradients)
    dispatch(gradient.dtype(), [&](auto zero) {
      for (const auto x : gradient.value().data<decltype(zero)>()) {
        const double share = static_cast<double>(x) / unit;
        sum += share * share;
      }
    });
  return std::sqrt(sum);
}

double largest(std::span<Var> gradients) {
  double worst = 0.0;
  for (const Var& gradient : gradients)
    dispatch(gradient.dtype(), [&](auto zero) {
      for (const auto x : gradient.value().data<decltype(zero)>())
        worst = std::max(worst, std::fabs(static_cast<double>(x)));
    });
  return worst;
}

template <class F>
void change(std::span<Var> gradients, F&& f) {
  for (Var& gradient : gradients) {
    Tensor numbers = gradient.value();
    gradient = Var();  // or the numbers would be shared, and copied
    dispatch(numbers.dtype(), [&](auto zero) {
      for (auto& x : numbers.mutable_data<decltype(zero)>()) x = f(x);
    });
    gradient = Var(std::move(numbers));
  }
}

}  // namespace

double clip_norm(Optimiser& optimiser, double limit) {
  const std::span<Var> gradients = optimiser.gradients();
  require("clip_norm", optimiser, gradients, limit);
  double norm = norm_in(gradients, 1.0);
  if (!std::isfinite(norm) || norm < 1e-150) {  // squares may have left the range of f64
    const double unit = largest(gradients);
    if (unit > 0.0) norm = unit * norm_in(gradients, unit);
  }
  if (!std::isfinite(norm))
    throw NumericError(cat("[clip_norm] the norm of the gradients must be finite, got ", norm,
                           "; lower the learning rate or check the inputs' scale"));
  if (norm > limit) {
    const double factor = limit / norm;
    change(gradients, [=](auto x) { return x * static_cast<decltype(x)>(factor); });
  }
  return norm;
}

void clip_value(Optimiser& optimiser, double limit) {
  const std::span<Var> gradients = optimiser.gradients();
  require("clip_value", optimiser, gradients, limit);
  change(gradients, [=](auto x) {
    const auto most = static_cast<decltype(x)>(limit);
    return x > most ? most : x < -most ? -most : x;
  });
}

}  // namespace taut::nn
