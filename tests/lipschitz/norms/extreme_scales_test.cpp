// Weights near the ends of their type: products of layers leave the range of double, and norms are finite all the same.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <vector>

#include "autodiff/ops.h"
#include "lipschitz/affine_layers.h"
#include "lipschitz/autolip.h"
#include "lipschitz/search.h"
#include "lipschitz/seqlip.h"
#include "tests/support/oracles.h"

namespace taut {
namespace {

// s · (1 1; −1 1), which stretches every vector by s √2 in l2, and by at most 2 s in l1 and linf.
Tensor turn(double s, DType dtype) { return Tensor::of({2, 2}, {s, s, -s, s}).to(dtype); }

Function chain(const std::vector<double>& scales, DType dtype, bool activations) {
  return [=](const Var& x) {
    Var y = x;
    for (const double s : scales) {
      y = dense(y, Var(turn(s, dtype)), Var());
      if (activations) y = relu(y);
    }
    return y;
  };
}

double log10_of(const std::vector<double>& scales, DType dtype) {
  double total = 0.0;
  for (const double s : scales) total += std::log10(turn(s, dtype).at(0)) + 0.5 * std::log10(2.0);
  return total;
}

std::vector<double> ends(double first, double last, int count) {
  std::vector<double> scales(static_cast<std::size_t>(count), first);
  scales.resize(static_cast<std::size_t>(2 * count), last);
  return scales;
}

struct Sizes {
  DType dtype;
  double small, large;
};
const std::vector<Sizes> all_sizes{{DType::f32, 1e-38, 3e38},   {DType::f32, 1e-30, 1e30},
                                   {DType::f32, 1e-35, 1e33},   {DType::f64, 1e-300, 1e300},
                                   {DType::f64, 1e-200, 1e250}, {DType::f64, 1e-150, 1e150}};

BOOST_AUTO_TEST_SUITE(extreme_scales)

BOOST_AUTO_TEST_CASE(chains_of_affine_layers_have_their_norms) {
  for (const Sizes& sizes : all_sizes)
    for (const int count : {1, 2, 5, 12})
      for (const bool small_first : {true, false}) {
        const std::vector<double> scales =
            small_first ? ends(sizes.small, sizes.large, count) : ends(sizes.large, sizes.small, count);
        const Function f = chain(scales, sizes.dtype, false);
        const Tensor x = Tensor::zeros({1, 2}, sizes.dtype);
        const double truth = log10_of(scales, sizes.dtype);
        for (const Norm norm : {Norm::l1, Norm::l2, Norm::linf})
          BOOST_TEST_CONTEXT(sizes.dtype << ", " << scales.front() << " and " << scales.back() << ", " << count << ", "
                                         << norm) {
            AutoLipOptions options;
            options.question.norm = norm;
            const AutoLipReport report = autolip(f, x, options);
            BOOST_TEST(report.bound.is_certified());
            BOOST_TEST((report.status == Status::finite), report.note);
            const double found = report.bound.magnitude().log10();
            BOOST_TEST(found >= truth - 1e-9);
            // Powers of the matrix are s² 2 (0 1; −1 0) and so on: in l1 and linf at most √2 more.
            BOOST_TEST(found <= truth + (norm == Norm::l2 ? 1e-6 : 0.5 * std::log10(2.0) + 1e-6));
            BOOST_CHECK_NO_THROW(folded_layers(f, x, options));
          }
        AutoLipOptions frobenius;
        frobenius.affine_norm = AffineNorm::frobenius;
        BOOST_TEST(autolip(f, x, frobenius).bound.magnitude().log10() >= truth - 1e-9);
      }
}

BOOST_AUTO_TEST_CASE(networks_have_bounds_and_no_method_fails) {
  for (const Sizes& sizes : all_sizes)
    for (const bool small_first : {true, false}) {
      const std::vector<double> scales =
          small_first ? ends(sizes.small, sizes.large, 3) : ends(sizes.large, sizes.small, 3);
      BOOST_TEST_CONTEXT(sizes.dtype << ", " << scales.front() << " and " << scales.back()) {
        const Function f = chain(scales, sizes.dtype, true);
        const Tensor x = Tensor::zeros({1, 2}, sizes.dtype);
        const double most = log10_of(scales, sizes.dtype);
        BOOST_TEST(autolip(f, x).bound.magnitude().log10() <= most + 1e-6);
        for (const SeqLipMethod method : {SeqLipMethod::certified, SeqLipMethod::exact, SeqLipMethod::greedy}) {
          SeqLipOptions options;
          options.method = method;
          BOOST_CHECK_NO_THROW(seqlip(f, x, options));
        }
        AscentOptions ascent;
        ascent.evaluations = 64;
        const LowerResult found = ascent_lower_bound(f, x, ascent);
        BOOST_TEST(!(found.bound.is_certified() && found.bound.magnitude().log10() > most + 1e-9));
      }
    }
}

// Branches of sizes that differ, beside each other and added.
BOOST_AUTO_TEST_CASE(sums_and_blocks_are_balanced_together) {
  const Function f = [](const Var& x) {
    const Var a = chain(ends(1e-300, 1e300, 2), DType::f64, false)(x);
    const Var b = chain(ends(1e-290, 1e295, 2), DType::f64, false)(x);
    return concat({a + b, a}, 1);
  };
  const AutoLipReport report = autolip(f, Tensor::zeros({1, 2}, DType::f64));
  BOOST_TEST(report.bound.is_certified());
  BOOST_TEST(std::isfinite(report.bound.value()));
  BOOST_TEST(report.bound.value() >= 4e10 * (1 - 1e-9));  // b alone: 4 · 1e5²
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace taut
