#include "nn/init.h"

#include <boost/test/unit_test.hpp>

#include "autodiff/error.h"
#include "tests/support/training.h"

using namespace taut;
using namespace taut::test;

namespace {

struct Moments {
  double mean = 0.0, deviation = 0.0, largest = 0.0, kurtosis = 0.0;
};

Moments moments(const Tensor& t) {
  Moments m;
  const auto n = static_cast<double>(t.size());
  for (Index i = 0; i < t.size(); ++i) m.mean += t.at(i) / n;
  double second = 0.0, fourth = 0.0;
  for (Index i = 0; i < t.size(); ++i) {
    const double d = t.at(i) - m.mean;
    second += d * d / n;
    fourth += d * d * d * d / n;
    m.largest = std::max(m.largest, std::fabs(t.at(i)));
  }
  m.deviation = std::sqrt(second);
  m.kurtosis = fourth / (second * second);
  return m;
}

// 120 000 draws: the mean lies within 5 standard errors, σ·5/√n = 0.0145 σ, the deviation within 5/√(2n)·√2 ≈ 1.5 %.
void check(const nn::Initialiser& initialiser, const Shape& shape, double deviation, bool uniform) {
  nn::Random random(7);
  Tensor weight = Tensor::zeros(shape, DType::f64);
  initialiser(weight, random);
  const Moments m = moments(weight);
  BOOST_TEST(std::fabs(m.mean) <= 0.0145 * deviation);
  BOOST_TEST(m.deviation == deviation, boost::test_tools::tolerance(0.015));
  if (uniform) {
    BOOST_TEST(m.largest <= std::sqrt(3.0) * deviation);
    BOOST_TEST(m.largest >= 0.999 * std::sqrt(3.0) * deviation);
  }
  // 9/5 for the uniform, 3 for the normal distribution; the standard error of the latter is √(24/n) = 0.014.
  BOOST_TEST(m.kurtosis == (uniform ? 1.8 : 3.0), boost::test_tools::tolerance(0.03));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(init)

BOOST_AUTO_TEST_CASE(deviations_are_those_of_the_formulas) {
  const Shape dense{300, 400};  // (out, in)
  check(nn::kaiming_uniform(), dense, std::sqrt(2.0 / 400), true);
  check(nn::kaiming_normal(), dense, std::sqrt(2.0 / 400), false);
  check(nn::kaiming_normal(1.0), dense, std::sqrt(1.0 / 400), false);
  check(nn::xavier_uniform(), dense, std::sqrt(2.0 / 700), true);
  check(nn::xavier_normal(), dense, std::sqrt(2.0 / 700), false);
  const Shape kernel{100, 48, 5, 5};
  check(nn::kaiming_uniform(), kernel, std::sqrt(2.0 / (48 * 25)), true);
  check(nn::xavier_normal(), kernel, std::sqrt(2.0 / (148 * 25)), false);
}

// W Wᵀ or Wᵀ W is gain² I, whichever is smaller. QR in f64 leaves some √n units of rounding; f32 adds its own.
BOOST_AUTO_TEST_CASE(orthogonal_rows_or_columns_are_orthonormal) {
  for (const DType dtype : {DType::f32, DType::f64})
    for (const Shape& shape :
         {Shape{7, 7}, Shape{5, 12}, Shape{12, 5}, Shape{6, 2, 3, 3}, Shape{40, 2, 3, 3}, Shape{1, 1}}) {
      nn::Random random(3);
      Tensor w = Tensor::zeros(shape, dtype);
      nn::orthogonal(1.5)(w, random);
      const Index rows = shape[0], columns = shape.size() / rows, few = std::min(rows, columns);
      const auto entry = [&](Index i, Index k) {
        return rows <= columns ? w.at(i * columns + k) : w.at(k * columns + i);
      };
      double worst = 0.0;
      for (Index i = 0; i < few; ++i)
        for (Index j = 0; j < few; ++j) {
          double product = 0.0;
          for (Index k = 0; k < std::max(rows, columns); ++k) product += entry(i, k) * entry(j, k);
          worst = std::max(worst, std::fabs(product - (i == j ? 2.25 : 0.0)));
        }
      BOOST_TEST(worst <= (dtype == DType::f32 ? 1e-6 : 1e-14));
    }
}

// Uniform over the orthogonal group: the mean of entries, the trace among them, is 0. Without the signs of R's diagonal
// Householder's Q of a square Gaussian has a trace whose mean is far from it.
BOOST_AUTO_TEST_CASE(orthogonal_prefers_no_direction) {
  nn::Random random(5);
  double trace = 0.0, determinant = 0.0;
  constexpr int draws = 4000;
  for (int i = 0; i < draws; ++i) {
    Tensor w = Tensor::zeros(Shape{2, 2}, DType::f64);
    nn::orthogonal()(w, random);
    trace += (w.at(0) + w.at(3)) / draws;
    determinant += (w.at(0) * w.at(3) - w.at(1) * w.at(2)) / draws;
  }
  // The trace is 2 cos φ or 0 with even chances, of variance 1; the determinant ±1: five standard errors.
  BOOST_TEST(std::fabs(trace) <= 5.0 / std::sqrt(draws));
  BOOST_TEST(std::fabs(determinant) <= 5.0 / std::sqrt(draws));
}

BOOST_AUTO_TEST_CASE(a_seed_fixes_the_weights) {
  const auto draw = [](std::uint64_t seed, std::uint64_t stream) {
    nn::Random random(seed, stream);
    return normal_tensor(Shape{64}, random);
  };
  BOOST_TEST(same_bits(draw(3, 0), draw(3, 0)));
  BOOST_TEST(!same_bits(draw(3, 0), draw(4, 0)));
  BOOST_TEST(!same_bits(draw(3, 0), draw(3, 1)));
  BOOST_TEST(!same_bits(draw(3, 1), draw(4, 0)));
}

BOOST_AUTO_TEST_CASE(biases_have_no_fans) {
  TAUT_CHECK_THROWS(ShapeError, nn::fans(Shape{5}), "[init]", "(5)", "constant()");
  nn::Random random(1);
  Tensor bias = Tensor::zeros(Shape{5}, DType::f32);
  TAUT_CHECK_THROWS(ShapeError, nn::orthogonal()(bias, random), "[init]", "(5)");
}

BOOST_AUTO_TEST_SUITE_END()
