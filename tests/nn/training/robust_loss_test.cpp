// Losses that ask for margins: against sums in long double and values that are known, gradients against differences.
#include "nn/robust_loss.h"

#include <boost/test/unit_test.hpp>
#include <numbers>

#include "autodiff/diff.h"
#include "nn/loss.h"
#include "tests/support/module_checks.h"
#include "tests/support/training.h"

using namespace taut;
using namespace taut::test;

namespace {

using Real = long double;

const std::vector<Index> labels{2, 0, 3, 3, 1, 2}, halves{1, 0, 0, 1, 1, 1};

Tensor logits_of(Index classes, DType dtype = DType::f64) {
  nn::Random random(4);
  return normal_tensor(Shape{6, classes}, random, dtype);
}
Real at(const Tensor& x, std::size_t i, Index c) { return x.at(static_cast<Index>(i) * x.shape()[1] + c); }

// Some 30 terms with a few roundings each, of numbers of size 1.
void check_value(const Var& loss, Real expected) {
  BOOST_TEST(loss.shape() == Shape{});
  const double unit = loss.dtype() == DType::f32 ? 0x1p-24 : 0x1p-53;
  BOOST_TEST(std::fabs(static_cast<double>(Real(loss.item()) - expected)) <=
             128.0 * unit * (1.0 + std::fabs(static_cast<double>(expected))));
}

// Of one column with signs ±1.
Real hkr_of(const std::vector<Real>& f, const std::vector<int>& t, Real alpha, Real margin) {
  Real hinge = 0, inside = 0, outside = 0, n = 0, rest = 0;
  for (std::size_t i = 0; i < f.size(); ++i) {
    hinge += std::max(Real(0), margin - static_cast<Real>(t[i]) * f[i]);
    (t[i] > 0 ? inside : outside) += f[i];
    (t[i] > 0 ? n : rest) += 1;
  }
  const Real distance = n > 0 && rest > 0 ? inside / n - outside / rest : 0;
  return alpha * hinge / static_cast<Real>(f.size()) - distance;
}

Real cross_entropy_of(const Tensor& x, Real factor, Real offset) {
  Real sum = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    Real total = 0;
    for (Index c = 0; c < x.shape()[1]; ++c) total += std::exp(factor * (at(x, i, c) - (c == labels[i] ? offset : 0)));
    sum += std::log(total) - factor * (at(x, i, labels[i]) - offset);
  }
  return sum / factor / static_cast<Real>(labels.size());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(robust_losses)

BOOST_AUTO_TEST_CASE(kantorovich_rubinstein_is_a_difference_of_means) {
  const Tensor f = Tensor::of(Shape{6, 1}, {1.0, 10.0, 20.0, 2.0, 3.0, 6.0});
  BOOST_TEST(nn::kantorovich_rubinstein(f, halves).item() == 3.0 - 15.0);
  // On the line the distance between uniform points 0, 1, 2 and the same moved by 5 is 5, attained by the identity.
  const Tensor line = Tensor::of(Shape{6, 1}, {0.0, 1.0, 2.0, 5.0, 6.0, 7.0});
  BOOST_TEST(nn::kantorovich_rubinstein(line, std::vector<Index>{0, 0, 0, 1, 1, 1}).item() == 5.0);
}

BOOST_AUTO_TEST_CASE(hkr_is_a_hinge_less_the_distance) {
  for (const DType dtype : {DType::f32, DType::f64})
    for (const auto& [alpha, margin] : {std::pair{1.0, 1.0}, {10.0, 0.5}, {0.0, 2.0}}) {
      const Tensor x = logits_of(1, dtype);
      std::vector<Real> f;
      std::vector<int> t;
      for (std::size_t i = 0; i < halves.size(); ++i) f.push_back(at(x, i, 0)), t.push_back(halves[i] == 1 ? 1 : -1);
      check_value(nn::hkr(x, halves, {alpha, margin}), hkr_of(f, t, alpha, margin));
    }
  // Without the other class the hinge is left.
  const Tensor f = Tensor::of(Shape{2, 1}, {0.25, 3.0});
  BOOST_TEST(nn::hkr(f, std::vector<Index>{1, 1}, {.alpha = 2.0}).item() == 0.75);
}

BOOST_AUTO_TEST_CASE(multi_hkr_sums_one_against_all) {
  for (const DType dtype : {DType::f32, DType::f64})
    for (const Index classes : {4, 5}) {  // nobody has class 4
      const Tensor x = logits_of(classes, dtype);
      Real sum = 0;
      for (Index c = 0; c < classes; ++c) {
        std::vector<Real> f;
        std::vector<int> t;
        for (std::size_t i = 0; i < labels.size(); ++i) f.push_back(at(x, i, c)), t.push_back(labels[i] == c ? 1 : -1);
        sum += hkr_of(f, t, 3.0L, 0.75L);
      }
      check_value(nn::multi_hkr(x, labels, {.alpha = 3.0, .margin = 0.75}), sum);
    }
}

BOOST_AUTO_TEST_CASE(tau_scales_logits_and_an_offset_is_the_loss_of_aol) {
  for (const DType dtype : {DType::f32, DType::f64})
    for (const auto& [tau, offset] : {std::pair{1.0, 0.0}, {0.125, 0.0}, {4.0, 1.5}, {16.0, -0.5}}) {
      const Tensor x = logits_of(4, dtype);
      check_value(nn::tau_cross_entropy(x, labels, {tau, offset}), cross_entropy_of(x, tau, offset));
    }
  const Tensor x = logits_of(4);
  BOOST_TEST(nn::tau_cross_entropy(x, labels).item() == nn::cross_entropy(x, labels).item());
  // Hard in the limit: tau → ∞ gives the mean of max_c (z_c − offset [c = y]) − (z_y − offset), a margin loss of
  // offset.
  BOOST_TEST(nn::tau_cross_entropy(x, labels, {1e8, 1.5}).item() == nn::margin_loss(x, labels, 1.5).item(),
             boost::test_tools::tolerance(1e-7));
}

BOOST_AUTO_TEST_CASE(lipschitz_margin_training_adds_what_a_perturbation_can_do) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    const Tensor x = logits_of(4, dtype);
    const Real reach = std::numbers::sqrt2_v<Real> * 3.0L * 0.25L;
    check_value(nn::lipschitz_margin_cross_entropy(x, labels, 3.0, 0.25), cross_entropy_of(x, 1, reach));
    check_value(nn::lipschitz_margin_cross_entropy(x, labels, Tensor::full(Shape{1}, dtype, 3.0), 0.25),
                cross_entropy_of(x, 1, reach));
  }
  BOOST_TEST(nn::lipschitz_margin_cross_entropy(logits_of(4), labels, 3.0, 0.0).item() ==
             nn::cross_entropy(logits_of(4), labels).item());
}

BOOST_AUTO_TEST_CASE(margin_loss_looks_at_the_largest_other_logit) {
  for (const DType dtype : {DType::f32, DType::f64})
    for (const double margin : {1.0, 0.0, -0.5}) {
      const Tensor x = logits_of(4, dtype);
      Real sum = 0;
      for (std::size_t i = 0; i < labels.size(); ++i) {
        Real other = -INFINITY;
        for (Index c = 0; c < 4; ++c)
          if (c != labels[i]) other = std::max(other, at(x, i, c));
        sum += std::max(Real(0), Real(margin) - at(x, i, labels[i]) + other);
      }
      check_value(nn::margin_loss(x, labels, margin), sum / static_cast<Real>(labels.size()));
    }
  // Not every other logit, as multi_margin has it: 1 − 2 + 2 and 1 − 2 + 1.5.
  const Tensor x = Tensor::of(Shape{1, 3}, {2.0, 2.0, 1.5});
  BOOST_TEST(nn::margin_loss(x, std::vector<Index>{0}).item() == 1.0);
  BOOST_TEST(nn::multi_margin(x, std::vector<Index>{0}).item() == 0.5);
  BOOST_TEST(nn::margin_loss(x, std::vector<Index>{2}, 0.25).item() == 0.75);
}

BOOST_AUTO_TEST_CASE(gradients_are_those_of_differences) {
  check_gradients([](const Var& x) { return nn::kantorovich_rubinstein(x, halves); }, Shape{6, 1});
  check_gradients([](const Var& x) { return nn::hkr(x, halves, {.alpha = 5.0}); }, Shape{6, 1});
  check_gradients([](const Var& x) { return nn::multi_hkr(x, labels, {.alpha = 5.0}); }, Shape{6, 4});
  check_gradients([](const Var& x) { return nn::tau_cross_entropy(x, labels, {4.0, 1.0}); }, Shape{6, 4});
  check_gradients([](const Var& x) { return nn::margin_loss(x, labels, 2.0); }, Shape{6, 4});
  // By the constant, too: here it is a function of the logits.
  check_gradients([](const Var& x) { return nn::lipschitz_margin_cross_entropy(x, labels, l2_norm(x), 0.25); },
                  Shape{6, 4});
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_is_refused) {
  const Tensor one = logits_of(1), four = logits_of(4);
  const std::vector<Index> same(6, 1), third{0, 1, 2, 0, 1, 0}, fourth{0, 1, 2, 3, 4, 0}, few{0};
  TAUT_CHECK_THROWS(DomainError, nn::kantorovich_rubinstein(one, same), "[kantorovich_rubinstein]", "both classes");
  TAUT_CHECK_THROWS(ShapeError, nn::kantorovich_rubinstein(four, halves), "(n, 1)", "(6, 4)", "robust_loss_test.cpp");
  TAUT_CHECK_THROWS(ShapeError, nn::hkr(one, few), "[hkr]", "1 labels");
  TAUT_CHECK_THROWS(DomainError, nn::hkr(one, third), "0 or 1", "got 2 of sample 2", "multi_hkr");
  TAUT_CHECK_THROWS(DomainError, nn::hkr(one, halves, {.alpha = -1.0}), "alpha", "-1");
  TAUT_CHECK_THROWS(DomainError, nn::hkr(one, halves, {.margin = 0.0}), "margin", "got 0");
  TAUT_CHECK_THROWS(DomainError, nn::multi_hkr(four, fourth), "[multi_hkr]", "label 4");
  TAUT_CHECK_THROWS(DomainError, nn::multi_hkr(one, std::vector<Index>(6, 0)), "two classes");
  TAUT_CHECK_THROWS(DomainError, nn::tau_cross_entropy(four, labels, {.tau = 0.0}), "tau", "got 0");
  TAUT_CHECK_THROWS(DomainError, nn::tau_cross_entropy(four, labels, {.offset = INFINITY}), "offset", "inf");
  TAUT_CHECK_THROWS(DomainError, nn::lipschitz_margin_cross_entropy(four, labels, -1.0, 0.1), "constant", "-1");
  TAUT_CHECK_THROWS(DomainError, nn::lipschitz_margin_cross_entropy(four, labels, 1.0, -0.1), "epsilon");
  TAUT_CHECK_THROWS(ShapeError, nn::lipschitz_margin_cross_entropy(four, labels, four, 0.1), "one element", "(6, 4)");
  TAUT_CHECK_THROWS(DomainError, nn::margin_loss(one, std::vector<Index>(6, 0)), "[margin_loss]", "two classes");
  TAUT_CHECK_THROWS(DomainError, nn::margin_loss(four, labels, std::nan("")), "margin", "nan");
}

BOOST_AUTO_TEST_SUITE_END()
