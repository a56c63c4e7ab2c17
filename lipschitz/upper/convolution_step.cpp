#include <algorithm>
#include <cmath>

#include "lipschitz/norms/matrix_form.h"
#include "lipschitz/upper/step_bound.h"

namespace taut::detail {
namespace {

using structure::Convolution;

// V = −Wᵀ diag(t) + E for one factor t ≥ 0 per channel of W.
struct Factored {
  std::vector<double> factors;
  Tensor rest;  // |E| of the kernel, rounded up
  double largest_factor = 0.0;
};

std::optional<Factored> factored(const Convolution& before, const Convolution& after) {
  const bool adjoint = !before.transposed && after.transposed && before.options == after.options &&
                       before.image == after.image && before.result == after.result &&
                       before.boundary == after.boundary && before.kernel.shape() == after.kernel.shape();
  if (!adjoint) return std::nullopt;
  const Tensor w = before.kernel.to(DType::f64), v = after.kernel.to(DType::f64);
  Factored result{{}, Tensor::uninitialised(w.type()), 0.0};
  const auto ws = w.data<double>(), vs = v.data<double>();
  const auto rest = result.rest.mutable_data<double>();
  const std::size_t channels = static_cast<std::size_t>(w.shape()[0]), each = channels > 0 ? ws.size() / channels : 0;
  for (std::size_t o = 0; o < channels; ++o) {
    std::size_t top = o * each;
    for (std::size_t k = o * each; k < (o + 1) * each; ++k)
      if (std::fabs(ws[k]) > std::fabs(ws[top])) top = k;
    const double ratio = ws[top] != 0.0 ? -vs[top] / ws[top] : 0.0;
    const double t = std::isfinite(ratio) ? std::max(0.0, ratio) : 0.0;
    result.factors.push_back(t);
    result.largest_factor = std::max(result.largest_factor, t);
    for (std::size_t k = o * each; k < (o + 1) * each; ++k)
      rest[k] = (Interval{vs[k], vs[k]} + Interval{t, t} * Interval{ws[k], ws[k]}).magnitude();
  }
  return result;
}

// diag(√(t · slope)) W, each root rounded up.
FoldedMap rooted(const LinearMap& map, const Factored& factored, double slope, double relative_error) {
  Convolution scaled = std::get<Convolution>(map.structure());
  scaled.kernel = scaled.kernel.to(DType::f64).copy();
  const auto entries = scaled.kernel.mutable_data<double>();
  const std::size_t each = entries.size() / std::max<std::size_t>(factored.factors.size(), 1);
  for (std::size_t k = 0; k < entries.size(); ++k) entries[k] *= sqrt_up(mul_up(factored.factors[k / each], slope));
  const double rounding = 0x1p-52;
  return FoldedMap(LinearMap(map.in_shape(), map.out_shape(), scaled),
                   add_up(add_up(relative_error, rounding), mul_up(relative_error, rounding)));
}

UpperBound of_sums(const LinearMap& map, double factor) {
  return UpperBound::certified(Magnitude::product(sum_bounds(map).l2(), factor, Side::upper), Norm::l2, "sums");
}

}  // namespace

std::optional<UpperBound> convolution_step_bound(const StepForm& form, const AutoLipOptions& options, bool& cut) {
  if (form.neurons.size() != 1 || !form.past || form.past->relative_error() != 0.0 || !is_identity(form.past->map()))
    return std::nullopt;
  const Neurons& neurons = form.neurons.front();
  const LinearMap &w = neurons.before.map(), &v = neurons.after.map();
  const auto *const before = std::get_if<Convolution>(&w.structure()), *const after =
                                                                           std::get_if<Convolution>(&v.structure());
  if (before == nullptr || after == nullptr) return std::nullopt;
  double slope = 0.0;
  for (Index i = 0; i < neurons.lo.size(); ++i) {
    if (neurons.lo.at(i) < 0.0) return std::nullopt;
    slope = std::max(slope, neurons.hi.at(i));
  }
  const auto parts = factored(*before, *after);
  if (!parts) return std::nullopt;

  // I − Wᵀ diag(t s) W lies between I − MᵀM and I.
  const FoldedMap root = rooted(w, *parts, slope, neurons.before.relative_error());
  const double norm = root.norm(options, cut).value();
  if (!root.norm(options, cut).is_certified() || !(norm < 0x1p500)) return std::nullopt;
  const UpperBound symmetric =
      UpperBound::certified(std::max(1.0, sub_up(mul_up(norm, norm), 1.0)), Norm::l2, "step of a convolution");
  // What V is besides, and what the constants of W and V may be off by, which W sees twice.
  Convolution rest = *after;
  rest.kernel = parts->rest;
  const std::vector<UpperBound> errors{of_sums(LinearMap(v.in_shape(), v.out_shape(), rest), 1.0),
                                       of_sums(v, neurons.after.relative_error()),
                                       of_sums(w, mul_up(parts->largest_factor, neurons.before.relative_error()))};
  const UpperBound behind = scaled(product(sum(errors), neurons.before.norm(options, cut)), slope);
  return sum(std::vector{symmetric, behind});
}

}  // namespace taut::detail
