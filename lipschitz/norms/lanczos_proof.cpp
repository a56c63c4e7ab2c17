#include "lipschitz/norms/lanczos_proof.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "autodiff/outward.h"
#include "autodiff/range.h"
#include "lipschitz/bounds/roundoff.h"

namespace taut::detail {
namespace {

// Logarithms, powers and roots at far more than four times their documented errors.
constexpr double up = 1.0 + 1e-12, down = 1.0 - 1e-12;
// Of the overlap of start and top vector, the part given up to what E may hide: h = ‖E‖ / (hidden τ).
constexpr double hidden = 0.25;

double plus(double a, double b) { return add_up(a, b); }
double times(double a, double b) { return mul_up(a, b); }

// ≥ asinh(1 / τ).
double reach(double tau) {
  const double inverse = div_up(1.0, tau);
  return times(std::log(plus(inverse, sqrt_up(plus(1.0, times(inverse, inverse))))), up);
}

// t ≥ λ_max of the tridiagonal matrix T, close to `computed`. All pivots of tI − T, rounded down, are positive; a pivot
// is smaller the smaller the one before, so the exact ones are too.
double tridiagonal_bound(const Krylov& space, double computed) {
  const auto positive = [&](double t) {
    double pivot = 0.0;
    for (int j = 0; j < space.steps(); ++j) {
      const auto at = static_cast<std::size_t>(j);
      double next = sub_down(t, space.alpha()[at]);
      if (j > 0) next = sub_down(next, div_up(times(space.beta()[at - 1], space.beta()[at - 1]), pivot));
      if (!(next > 0.0)) return false;
      pivot = next;
    }
    return true;
  };
  for (double slack = 2.0 * u; slack < 1.0; slack *= 4.0)
    if (const double t = plus(std::fabs(computed) * (1.0 + slack), 0x1p-900); positive(t)) return t;
  return infinity;
}

// The rounding of a space, in the terms of docs/mathematics/08-convolutions.md#lanczos-rounding.
class Rounding {
 public:
  Rounding(const Krylov& space, const std::optional<ApplyNoise>& noise)
      : steps_(space.steps()), noise_(noise), dropped_(times(space.dropped(), up)) {
    const double products = gamma_factor(space.roundings_of_orthogonality(), u);
    omega_ = plus(times(space.loss_of_orthogonality(), up), times(products, 1.01 * (steps_ + 1)));
    start_ = plus(omega_, gamma_factor(space.size() + 3, u));
  }

  // Small enough for the constants of the proof?
  bool tame() const { return !noise_ || (noise_->relative < 1e-3 && omega_ < 1e-2 && start_ < 2e-2); }
  // ≥ ‖q₁ − b‖.
  double of_start() const { return noise_ ? start_ : 0.0; }
  // η ≥ ‖E‖ given λ₁ ≤ lambda.
  double of_matrix(double lambda) const {
    if (!noise_) return 0.0;
    const double root = sqrt_up(lambda), spread = times(noise_->relative, noise_->mass);
    const double applying = plus(times(spread, plus(times(2.04, root), times(1.02, spread))),
                                 times(noise_->absolute, plus(noise_->mass, 1.0)));
    const double subtracting = 2.0 * gamma_factor(steps_ + 3, u) * (2.0 + std::sqrt(steps_)) + 2.0 * u;
    const double per_step = plus(plus(applying, times(times(1.1, lambda), subtracting)), 0x1p-900);
    return plus(plus(times(3.1 * std::sqrt(steps_), per_step), times(7.0 * omega_, lambda)), times(4.0, dropped_));
  }

 private:
  int steps_;
  const std::optional<ApplyNoise>& noise_;
  double dropped_, omega_ = 0.0, start_ = 0.0;
};

}  // namespace

double least_component(Index n, double failure, int starts) {
  const double each = std::pow(failure, 1.0 / starts);
  return std::min(1.0, each * std::sqrt(std::numbers::pi / (2.0 * static_cast<double>(n))) * down);
}

int starts_against_rounding(Index n, double failure, double relative_noise, double loss, int least) {
  constexpr int most = 8, typical_steps = 40;
  constexpr double mass = 8.0;  // ‖ |A| ‖ / ‖A‖, as a guess
  const double orthogonality = gamma_factor(Krylov::roundings_of_orthogonality(n), u) * typical_steps;
  const double eta = 6.2 * std::sqrt(typical_steps) * relative_noise * mass + 7.0 * orthogonality;
  int starts = least;
  while (starts < most && eta > loss * hidden * least_component(n, failure, starts)) ++starts;
  return starts;
}

double steps_to_miss_at_most(double missed, double least_component) {
  return std::ceil((reach((1.0 - hidden) * least_component) / std::sqrt(missed) + 1.0) / 2.0);
}

double top_bound(const Krylov& space, const std::optional<ApplyNoise>& noise, double least_component) {
  const Rounding rounding(space, noise);
  if (!rounding.tame()) return infinity;
  const int k = space.steps();
  const double top = tridiagonal_bound(space, space.ritz_value());
  const double coupling = times(4.0, space.beta().back());
  const double room = sub_down(least_component, rounding.of_start());
  const auto given = [&](double lambda) {
    const double eta = rounding.of_matrix(lambda), closed = plus(eta, coupling);
    if (k == space.size()) return plus(top, closed);  // no direction is left
    if (!(room > 0.0)) return infinity;
    // As a space that is invariant, the coupling to the next vector taken for 0 …
    const double invariant = plus(top, times(div_up(closed, room), up));
    // … or one of k steps.
    const double ratio = div_up(reach((1.0 - hidden) * down * room), 2.0 * k - 1.0), epsilon = times(ratio, ratio);
    if (!(epsilon < 1.0)) return invariant;
    const double loss = times(div_up(eta, hidden * down * room), up);
    return std::min(invariant, plus(div_up(plus(top, eta), sub_down(1.0, epsilon)), loss));
  };
  if (!noise) return given(infinity);
  // λ₁ ≤ ‖ |A| ‖², and η grows with λ₁: what is proved with one bound is the next.
  double lambda = times(noise->mass, noise->mass);
  for (int round = 0; round < 3; ++round) lambda = std::min(lambda, given(lambda));
  return lambda;
}

}  // namespace taut::detail
