// Layer, group and instance norm against means and variances in long double.
#include "nn/norms.h"

#include <boost/test/unit_test.hpp>

#include "tests/support/module_checks.h"

using namespace taut;
using namespace taut::test;

namespace {

using Real = long double;
constexpr double eps = 1e-3;
const nn::NormOptions in_f64{.eps = eps, .dtype = DType::f64};

// Runs of `length` neighbouring numbers, each standardised, then scaled and shifted by gamma and beta of the number's
// place, `place(i)`.
template <class Place>
void check_runs(nn::ModuleRef module, const Tensor& x, Index length, const Tensor& gamma, const Tensor& beta,
                Place&& place) {
  const Tensor y = module(x).value();
  BOOST_TEST(y.shape() == x.shape());
  double worst = 0.0;
  for (Index start = 0; start < x.size(); start += length) {
    Real mean = 0, square = 0;
    for (Index i = start; i < start + length; ++i) mean += Real(x.at(i)) / static_cast<Real>(length);
    for (Index i = start; i < start + length; ++i) {
      const Real d = Real(x.at(i)) - mean;
      square += d * d / static_cast<Real>(length);
    }
    for (Index i = start; i < start + length; ++i) {
      const Real expected =
          (Real(x.at(i)) - mean) / std::sqrt(square + Real(eps)) * Real(gamma.at(place(i))) + Real(beta.at(place(i)));
      worst = std::max(worst, static_cast<double>(std::fabs(expected - Real(y.at(i)))));
    }
  }
  BOOST_TEST(worst <= 1e-14);
}

using Names = std::vector<std::string>;
void check_names(nn::ModuleRef module) {
  const Names names = parameter_names(module), expected{"gamma", "beta"};
  BOOST_TEST(names == expected, boost::test_tools::per_element());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(norms)

BOOST_AUTO_TEST_CASE(layer_norm_is_over_the_last_axes) {
  nn::Random random(1);
  for (const Shape& normalised : {Shape{6}, Shape{5, 6}}) {
    nn::LayerNorm norm(normalised, in_f64);
    check_names(norm);
    norm.gamma.value = normal_tensor(normalised, random);
    norm.beta.value = normal_tensor(normalised, random);
    const Index length = normalised.size();
    check_runs(norm, normal_tensor(Shape{3, 5, 6}, random), length, norm.gamma.value, norm.beta.value,
               [=](Index i) { return i % length; });
    check_gradients(norm, Shape{3, 5, 6});
  }
}

BOOST_AUTO_TEST_CASE(group_norm_is_over_runs_of_channels) {
  nn::Random random(1);
  for (const Index groups : {1, 2, 4}) {
    nn::GroupNorm norm(groups, 4, in_f64);
    check_names(norm);
    norm.gamma.value = normal_tensor(Shape{4}, random);
    norm.beta.value = normal_tensor(Shape{4}, random);
    check_runs(norm, normal_tensor(Shape{3, 4, 2, 5}, random), 40 / groups, norm.gamma.value, norm.beta.value,
               [](Index i) { return i / 10 % 4; });
    check_gradients(norm, Shape{3, 4, 2, 5});
    check_gradients(norm, Shape{3, 4, 7});
  }
}

BOOST_AUTO_TEST_CASE(instance_norm_is_over_every_channel) {
  nn::Random random(1);
  nn::InstanceNorm2d norm(4, in_f64);
  check_names(norm);
  norm.gamma.value = normal_tensor(Shape{4}, random);
  norm.beta.value = normal_tensor(Shape{4}, random);
  check_runs(norm, normal_tensor(Shape{3, 4, 2, 5}, random), 10, norm.gamma.value, norm.beta.value,
             [](Index i) { return i / 10 % 4; });
  check_gradients(norm, Shape{3, 4, 2, 5});
}

BOOST_AUTO_TEST_CASE(beta_can_be_left_out_and_copies_are_independent) {
  const nn::NormOptions without{.eps = eps, .bias = false, .dtype = DType::f64};
  nn::LayerNorm layer(Shape{6}, without);
  nn::GroupNorm group(2, 4, without);
  nn::InstanceNorm2d instance(4, without);
  BOOST_TEST(!layer.beta.defined());
  check_gradients(layer, Shape{3, 6});
  check_gradients(group, Shape{3, 4, 2, 2});
  check_gradients(instance, Shape{3, 4, 2, 2});
  nn::LayerNorm copied = layer;
  copied.gamma.value.mutable_data<double>()[0] = 9.0;
  BOOST_TEST(layer.gamma.value.at(0) == 1.0);
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_is_refused) {
  TAUT_CHECK_THROWS(ShapeError, nn::LayerNorm(Shape{}), "[layer_norm]", "got ()");
  TAUT_CHECK_THROWS(DomainError, nn::LayerNorm(Shape{3}, {.eps = 0.0}), "[layer_norm]", "eps", "got 0");
  TAUT_CHECK_THROWS(ShapeError, nn::GroupNorm(3, 4), "[group_norm]", "3 groups");
  TAUT_CHECK_THROWS(ShapeError, nn::InstanceNorm2d(0), "[instance_norm2d]", "got 0");
  TAUT_CHECK_THROWS(ShapeError, nn::InstanceNorm2d(4)(Tensor::zeros(Shape{2, 4}, DType::f32)), "[instance_norm2d]",
                    "(2, 4)");
  TAUT_CHECK_THROWS(ShapeError, nn::LayerNorm(Shape{3})(Tensor::zeros(Shape{2, 4}, DType::f32)), "(2, 4)");
  TAUT_CHECK_THROWS(ShapeError, nn::GroupNorm(2, 4)(Tensor::zeros(Shape{2, 6}, DType::f32)), "(2, 6)");
}

BOOST_AUTO_TEST_SUITE_END()
