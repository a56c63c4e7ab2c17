#include <algorithm>
#include <cmath>

#include "lipschitz/dense/dense_norm.h"
#include "lipschitz/norms/matrix_form.h"
#include "lipschitz/upper/step.h"
#include "lipschitz/upper/step_bound.h"

namespace taut::detail {
namespace {

constexpr double most_norm = 0x1p60;  // beyond, errors of underflow were not counted

struct Matrix {
  Tensor entries;
  double error = 0.0;  // ≥ ‖exact − entries‖₂
};

std::optional<Matrix> matrix_of(const FoldedMap& map, const Budget& budget) {
  const auto form = matrix_form(map.map(), budget);
  if (!form) return std::nullopt;
  Magnitude error = form->error_in(Norm::l2);
  if (map.relative_error() != 0.0)
    error = Magnitude::sum(error, Magnitude::product(sum_bounds(map.map()).l2(), map.relative_error(), Side::upper),
                           Side::upper);
  return Matrix{form->matrix, error.round(Side::upper)};
}

double frobenius(const Tensor& a) {
  return frobenius_up({a.data<double>().data(), a.shape()[0], a.shape()[1]}).round(Side::upper);
}

// The matrices of a whole step, and what their errors add to its constant.
class WholeStep {
 public:
  static std::optional<UpperBound> bound(const StepForm& form, const Budget& budget) {
    const Index n = form.neurons.front().before.map().in_shape().size(),
                p = form.neurons.front().after.map().out_shape().size();
    Index m = 0;
    for (const Neurons& neurons : form.neurons) m += neurons.lo.size();
    const double cost = multiplier_cost(p, m, n);
    if (cost > most_multiplier_operations || !budget.affords(cost)) return std::nullopt;
    WholeStep step(p, m, n);
    if (!step.fill(form, budget)) return std::nullopt;
    const UpperBound exact = bound_by_multiplier(step.step_, budget);
    return sum(std::vector{exact, UpperBound::certified(step.error(), Norm::l2, "rounding of maps")});
  }

 private:
  WholeStep(Index p, Index m, Index n)
      : step_{Tensor::zeros({p, n}, DType::f64), Tensor::zeros({p, m}, DType::f64), Tensor::zeros({m, n}, DType::f64),
              Tensor::zeros({m}, DType::f64), Tensor::zeros({m}, DType::f64)} {}

  bool fill(const StepForm& form, const Budget& budget) {
    if (form.past) {
      const auto past = matrix_of(*form.past, budget);
      if (!past) return false;
      step_.past = past->entries;
      past_error_ = past->error;
    }
    Index at = 0;
    for (const Neurons& neurons : form.neurons) {
      const auto before = matrix_of(neurons.before, budget), after = matrix_of(neurons.after, budget);
      if (!before || !after) return false;
      place(neurons, before->entries, after->entries, at);
      // Of matrices side by side or on top of each other: at most the sum.
      before_error_ = add_up(before_error_, before->error);
      after_error_ = add_up(after_error_, after->error);
      at += neurons.lo.size();
    }
    return std::max({frobenius(step_.past), frobenius(step_.after), frobenius(step_.before)}) < most_norm;
  }

  void place(const Neurons& neurons, const Tensor& before, const Tensor& after, Index at) {
    const Index count = neurons.lo.size(), m = step_.lo.size(), n = before.shape()[1];
    std::ranges::copy(before.data<double>(), step_.before.mutable_data<double>().data() + at * n);
    double* const to = step_.after.mutable_data<double>().data();
    for (Index k = 0; k < after.shape()[0]; ++k)
      std::copy_n(after.data<double>().data() + k * count, count, to + k * m + at);
    std::ranges::copy(neurons.lo.data<double>(), step_.lo.mutable_data<double>().data() + at);
    std::ranges::copy(neurons.hi.data<double>(), step_.hi.mutable_data<double>().data() + at);
  }

  // ‖D' x + V' s(W' x)‖ − ‖D x + V s(W x)‖ ≤ (‖ΔD‖ + |s| (‖ΔV‖ ‖W'‖ + ‖V‖ ‖ΔW‖)) ‖x‖
  double error() const {
    double slope = 0.0;
    for (Index i = 0; i < step_.lo.size(); ++i)
      slope = std::max({slope, std::fabs(step_.lo.at(i)), std::fabs(step_.hi.at(i))});
    const double by_after = mul_up(after_error_, add_up(frobenius(step_.before), before_error_));
    return add_up(past_error_, mul_up(slope, add_up(by_after, mul_up(frobenius(step_.after), before_error_))));
  }

  LayerStep step_;
  double past_error_ = 0.0, after_error_ = 0.0, before_error_ = 0.0;
};

}  // namespace

std::optional<UpperBound> whole_step_bound(const StepForm& form, const Budget& budget) {
  return WholeStep::bound(form, budget);
}

}  // namespace taut::detail
