// Activations of which the constants are known within a tolerance: what is said holds for functions with constants that
// are off by as much.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <numbers>

#include "autodiff/error.h"
#include "autodiff/ops.h"
#include "lipschitz/autolip.h"
#include "lipschitz/lower.h"

namespace taut {
namespace {

using Real = long double;
constexpr double tolerance = 0x1p-23;

struct Activation {
  const char* name;
  Var (*near)(const Var&, double, Where);
  Real (*slope)(Real x, Real first, Real second);  // with constants off by these factors
};

Real gelu_slope(Real x, Real k, Real) {
  const Real density = std::exp(-k * k * x * x / 2) / std::sqrt(2 * std::numbers::pi_v<Real>);
  return std::erfc(-k * x / std::numbers::sqrt2_v<Real>) / 2 + k * x * density;
}
Real gelu_tanh_slope(Real x, Real first, Real second) {
  const Real s = std::sqrt(2 / std::numbers::pi_v<Real>) * first, c = 0.044715L * second;
  const Real t = std::tanh(s * (x + c * x * x * x));
  return (1 + t) / 2 + x / 2 * (1 - t * t) * s * (1 + 3 * c * x * x);
}
Real hard_swish_slope(Real x, Real k, Real) {
  const Real gate = k * x / 6 + 0.5L;
  return gate <= 0 ? 0 : gate >= 1 ? 1 : k * x / 3 + 0.5L;
}
constexpr Activation activations[] = {{"gelu", near_gelu, gelu_slope},
                                      {"gelu_tanh", near_gelu_tanh, gelu_tanh_slope},
                                      {"hard_swish", near_hard_swish, hard_swish_slope}};

BOOST_AUTO_TEST_SUITE(near_activations)

BOOST_AUTO_TEST_CASE(bounds_hold_for_all_constants_within_the_tolerance) {
  for (const Activation& a : activations)
    for (int i = -80; i <= 80; ++i) {
      const double x = 0.0501 * i, end = x + 1e-9;
      const Function f = [&](const Var& v) { return a.near(v, tolerance, Where::current()); };
      const Tensor sample = Tensor::of<double>(Shape{1, 1}, {x});
      AutoLipOptions options;
      options.question.domain = Domain::box(Interval{x, end});
      const double upper = autolip(f, sample, options).bound.value();
      const auto lower = enclosed_jacobian_norm(f, sample, Norm::l2);
      for (const double first : {-tolerance, 0.0, tolerance})
        for (const double second : {-tolerance, 0.0, tolerance}) {
          const Real slope = std::fabs(a.slope(x, 1 + static_cast<Real>(first), 1 + static_cast<Real>(second)));
          BOOST_TEST(slope <= upper, a.name << " at " << x);
          if (lower) BOOST_TEST(slope >= lower->value(), a.name << " at " << x);
        }
      // And not by much more than need be.
      BOOST_TEST(upper <= std::fabs(a.slope(x, 1, 1)) + 1e-5, a.name << " at " << x);
    }
}

BOOST_AUTO_TEST_CASE(without_a_tolerance_they_are_the_functions_themselves) {
  const Tensor x = Tensor::of<double>(Shape{1, 3}, {-1.0, 0.5, 2.0});
  const auto bound = [&](const Function& f) { return autolip(f, x).bound.value(); };
  const auto none = [](auto near) { return [near](const Var& v) { return near(v, 0.0, Where::current()); }; };
  BOOST_TEST(bound(none(near_gelu_tanh)) == bound([](const Var& v) { return gelu_tanh(v); }));
  BOOST_TEST(bound([](const Var& v) { return near_gelu_tanh(v, tolerance); }) > bound(none(near_gelu_tanh)));
  BOOST_CHECK_THROW(near_gelu(Var(x), -1.0), DomainError);
  BOOST_CHECK_THROW(near_hard_swish(Var(x), 0.5), DomainError);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace taut
