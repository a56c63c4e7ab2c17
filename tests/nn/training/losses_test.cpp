// The losses beside mse and cross entropy: against sums in long double, gradients against differences.
#include <boost/test/unit_test.hpp>

#include "autodiff/diff.h"
#include "nn/loss.h"
#include "tests/support/training.h"

using namespace taut;
using namespace taut::test;

namespace {

using Real = long double;

const std::vector<Index> labels{2, 0, 3, 3, 1};

Tensor some(const Shape& shape, std::uint64_t seed, DType dtype = DType::f64, double deviation = 2.0) {
  nn::Random random(seed);
  Tensor x = Tensor::zeros(shape, dtype);
  nn::fill_normal(x, 0.0, deviation, random);
  return x;
}

Tensor within(const Shape& shape, double lo, double hi, std::uint64_t seed, DType dtype = DType::f64) {
  nn::Random random(seed);
  Tensor x = Tensor::zeros(shape, dtype);
  nn::fill_uniform(x, lo, hi, random);
  return x;
}

// Mean over all entries of f(prediction, target).
template <class F>
Real mean_of(const Tensor& prediction, const Tensor& target, F&& f) {
  Real sum = 0;
  for (Index i = 0; i < prediction.size(); ++i) sum += f(Real(prediction.at(i)), Real(target.at(i)));
  return sum / static_cast<Real>(prediction.size());
}

// f computes 20 to 40 terms with a few roundings each.
void check_value(const Var& loss, Real expected) {
  const double unit = loss.dtype() == DType::f32 ? 0x1p-24 : 0x1p-53;
  BOOST_TEST(loss.shape() == Shape{});
  BOOST_TEST(std::fabs(static_cast<double>(Real(loss.item()) - expected)) <=
             64.0 * unit * std::fabs(static_cast<double>(expected)));
}

// Central differences in every entry: f64, step 1e-6, values of size 1.
template <class F>
void check_gradient(const Tensor& x, F&& loss) {
  Tape tape;
  const Var in = tape.input(x);
  const Tensor gradient = grad(loss(in), in).value();
  for (Index i = 0; i < x.size(); ++i) {
    const auto at = [&](double h) {
      Tensor moved = x.copy();
      moved.mutable_data<double>()[static_cast<std::size_t>(i)] += h;
      return loss(Var(moved)).item();
    };
    BOOST_TEST(std::fabs(gradient.at(i) - (at(1e-6) - at(-1e-6)) / 2e-6) <= 1e-8);
  }
}

Tensor signs(const Shape& shape, std::uint64_t seed, DType dtype = DType::f64) {
  Tensor t = within(shape, -1.0, 1.0, seed, dtype);
  dispatch(dtype, [&](auto zero) {
    for (auto& x : t.mutable_data<decltype(zero)>()) x = x < 0 ? -1 : 1;
  });
  return t;
}

Real log1p_exp(Real z) { return std::max(z, Real(0)) + std::log1p(std::exp(-std::fabs(z))); }

}  // namespace

BOOST_AUTO_TEST_SUITE(losses)

BOOST_AUTO_TEST_CASE(huber_is_quadratic_near_zero_and_linear_far_away) {
  for (const DType dtype : {DType::f32, DType::f64})
    for (const double delta : {0.5, 1.0, 3.0}) {
      const Tensor p = some(Shape{5, 4}, 1, dtype), t = some(Shape{5, 4}, 2, dtype);
      const auto f = [&](Real a, Real b) {
        const Real d = std::fabs(a - b);
        return d <= Real(delta) ? d * d / 2 : Real(delta) * (d - Real(delta) / 2);
      };
      check_value(nn::huber(p, t, delta), mean_of(p, t, f));
    }
  const Tensor t = some(Shape{5, 4}, 2);
  check_gradient(some(Shape{5, 4}, 1), [&](const Var& x) { return nn::huber(x, t, 1.5); });
  // 1e30 would lose delta in d² − (d − delta)².
  BOOST_TEST(nn::huber(Tensor::full(Shape{1}, DType::f64, 1e30), Tensor::zeros(Shape{1}, DType::f64), 2.0).item() ==
             2e30);
}

BOOST_AUTO_TEST_CASE(multi_margin_sums_over_the_wrong_classes) {
  for (const DType dtype : {DType::f32, DType::f64})
    for (const double margin : {1.0, 0.25, -0.5}) {
      const Tensor x = some(Shape{5, 4}, 3, dtype);
      Real sum = 0;
      for (Index n = 0; n < 5; ++n)
        for (Index c = 0; c < 4; ++c) {
          const Index y = labels[static_cast<std::size_t>(n)];
          if (c != y) sum += std::max(Real(0), Real(margin) - Real(x.at(n * 4 + y)) + Real(x.at(n * 4 + c)));
        }
      check_value(nn::multi_margin(x, labels, margin), sum / 4 / 5);
    }
  check_gradient(some(Shape{5, 4}, 3), [](const Var& x) { return nn::multi_margin(x, labels, 1.0); });
}

BOOST_AUTO_TEST_CASE(hinge_asks_for_a_margin_of_one) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    const Tensor p = some(Shape{20}, 4, dtype), t = signs(Shape{20}, 5, dtype);
    check_value(nn::hinge(p, t), mean_of(p, t, [](Real a, Real s) { return std::max(Real(0), 1 - s * a); }));
  }
  const Tensor t = signs(Shape{20}, 5);
  check_gradient(some(Shape{20}, 4), [&](const Var& x) { return nn::hinge(x, t); });
}

BOOST_AUTO_TEST_CASE(bce_of_logits_and_of_probabilities) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    const Tensor z = some(Shape{4, 5}, 6, dtype), t = within(Shape{4, 5}, 0.0, 1.0, 7, dtype);
    check_value(nn::bce_with_logits(z, t),
                mean_of(z, t, [](Real a, Real s) { return s * log1p_exp(-a) + (1 - s) * log1p_exp(a); }));
    const Tensor p = within(Shape{4, 5}, 0.05, 0.95, 8, dtype);
    check_value(nn::bce(p, t),
                mean_of(p, t, [](Real a, Real s) { return -s * std::log(a) - (1 - s) * std::log1p(-a); }));
  }
  const Tensor t = within(Shape{4, 5}, 0.0, 1.0, 7);
  check_gradient(some(Shape{4, 5}, 6), [&](const Var& x) { return nn::bce_with_logits(x, t); });
  check_gradient(within(Shape{4, 5}, 0.05, 0.95, 8), [&](const Var& x) { return nn::bce(x, t); });
}

BOOST_AUTO_TEST_CASE(bce_keeps_its_digits_for_certain_logits) {
  const auto one = [](double z, double t) {
    return nn::bce_with_logits(Tensor::scalar(z).reshaped(Shape{1}), Tensor::full(Shape{1}, DType::f64, t)).item();
  };
  // −log sigmoid(50) = log(1 + e^−50) = e^−50 to f64's digits.
  BOOST_TEST(one(50.0, 1.0) == std::exp(-50.0), boost::test_tools::tolerance(1e-14));
  BOOST_TEST(one(-50.0, 0.0) == std::exp(-50.0), boost::test_tools::tolerance(1e-14));
  BOOST_TEST(one(1e300, 0.0) == 1e300);
  BOOST_TEST(one(1e300, 1.0) == 0.0);
}

BOOST_AUTO_TEST_CASE(bce_at_the_ends_is_finite) {
  const Tensor p = Tensor::of(Shape{4}, {0.0, 1.0, 0.0, 1.0});
  Tape tape;
  const Var right = tape.input(p);
  const Var zero = nn::bce(right, p);
  BOOST_TEST(zero.item() == 0.0);
  BOOST_TEST(grad(zero, right).value().first_non_finite() == -1);
  const Var wrong = nn::bce(right, Tensor::of(Shape{4}, {1.0, 0.0, 1.0, 0.0}));
  BOOST_TEST(wrong.item() == 1022.0 * std::log(2.0), boost::test_tools::tolerance(1e-15));
  BOOST_TEST(largest(grad(wrong, right).value()) == 0.0);
}

BOOST_AUTO_TEST_CASE(kl_divergence_is_that_of_distributions) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    const Tensor lp = log_softmax(some(Shape{5, 4}, 9, dtype)).value();
    const Tensor t = softmax(some(Shape{5, 4}, 10, dtype)).value();
    const auto f = [](Real a, Real s) { return s * (std::log(s) - a); };
    check_value(nn::kl_divergence(lp, t), mean_of(lp, t, f) * 4);
    BOOST_TEST(nn::kl_divergence(log_softmax(t), softmax(t)).item() <= 1e-6);
  }
  const Tensor t = softmax(some(Shape{5, 4}, 10)).value();
  check_gradient(some(Shape{5, 4}, 9), [&](const Var& x) { return nn::kl_divergence(log_softmax(x), t); });
  // 0·log 0 = 0: what is left is log(1 / p).
  const Tensor certain = Tensor::of(Shape{1, 2}, {1.0, 0.0}),
               even = Tensor::full(Shape{1, 2}, DType::f64, -std::log(2.0));
  BOOST_TEST(nn::kl_divergence(even, certain).item() == std::log(2.0));
  Tape tape;
  const Var moved = tape.input(t);
  BOOST_TEST(largest(grad(nn::kl_divergence(log_softmax(moved) * 0.0, moved), moved).value()) == 0.0);
}

BOOST_AUTO_TEST_CASE(smoothed_labels_spread_a_share_of_the_target) {
  for (const double smoothing : {0.0, 0.1, 1.0}) {
    const Tensor x = some(Shape{5, 4}, 11);
    const Tensor lp = log_softmax(x).value();
    Real sum = 0;
    for (Index n = 0; n < 5; ++n)
      for (Index c = 0; c < 4; ++c) {
        const Real hit = c == labels[static_cast<std::size_t>(n)] ? 1 : 0;
        sum -= ((1 - Real(smoothing)) * hit + Real(smoothing) / 4) * Real(lp.at(n * 4 + c));
      }
    check_value(nn::cross_entropy(x, labels, {.label_smoothing = smoothing}), sum / 5);
    check_gradient(x, [&](const Var& v) { return nn::cross_entropy(v, labels, {.label_smoothing = smoothing}); });
  }
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_is_refused) {
  const Tensor x = Tensor::zeros(Shape{2, 3}, DType::f64), half = Tensor::full(Shape{2, 3}, DType::f64, 0.5);
  const Tensor other = Tensor::zeros(Shape{3, 2}, DType::f64), two = Tensor::full(Shape{2, 3}, DType::f64, 2.0);
  const Tensor none = Tensor::zeros(Shape{0, 3}, DType::f64);
  const std::vector<Index> few{0}, wrong{0, 3}, right{0, 1};
  TAUT_CHECK_THROWS(ShapeError, nn::huber(x, other), "[huber]", "(2, 3)", "(3, 2)", "reshape", "losses_test.cpp");
  TAUT_CHECK_THROWS(ShapeError, nn::hinge(x, other), "[hinge]", "(3, 2)");
  TAUT_CHECK_THROWS(ShapeError, nn::bce(x, other), "[bce]", "(3, 2)");
  TAUT_CHECK_THROWS(ShapeError, nn::bce_with_logits(x, other), "[bce_with_logits]", "(3, 2)");
  TAUT_CHECK_THROWS(ShapeError, nn::kl_divergence(x, other), "[kl_divergence]", "(3, 2)");
  TAUT_CHECK_THROWS(ShapeError, nn::kl_divergence(Tensor::scalar(0.0), Tensor::scalar(1.0)), "axis 0");
  TAUT_CHECK_THROWS(ShapeError, nn::huber(none, none), "no entries", "(0, 3)");
  TAUT_CHECK_THROWS(DomainError, nn::huber(x, x, 0.0), "delta", "got 0");
  TAUT_CHECK_THROWS(DomainError, nn::hinge(x, half), "-1 or 1", "0.5");
  TAUT_CHECK_THROWS(DomainError, nn::bce(two, half), "probabilities", "got 2", "bce_with_logits");
  TAUT_CHECK_THROWS(DomainError, nn::bce_with_logits(x, two), "targets", "got 2 at position 0");
  TAUT_CHECK_THROWS(DomainError, nn::kl_divergence(x, neg(half)), "negative", "-0.5");
  TAUT_CHECK_THROWS(ShapeError, nn::multi_margin(x, few), "[multi_margin]", "1 labels");
  TAUT_CHECK_THROWS(DomainError, nn::multi_margin(x, wrong), "[multi_margin]", "label 3");
  TAUT_CHECK_THROWS(DomainError, nn::multi_margin(x, right, std::nan("")), "margin", "nan");
  TAUT_CHECK_THROWS(DomainError, nn::cross_entropy(x, right, {.label_smoothing = 1.5}), "smoothing", "1.5");
}

BOOST_AUTO_TEST_SUITE_END()
