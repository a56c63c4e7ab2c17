// Activations, upsampling and global pooling as modules: each is the function it is named after, in either layout.
#include <boost/test/unit_test.hpp>

#include "nn/layers.h"
#include "nn/optimiser.h"
#include "nn/resize.h"
#include "nn/sequential.h"
#include "tests/support/module_checks.h"

using namespace taut;
using namespace taut::test;

namespace {

const Shape images{3, 4, 6, 5};

// `module` is `f`, has no parameters, gradients of differences, and looks alike in both layouts.
template <nn::LayoutAware M, class F>
void check_function(M module, std::string_view name, F&& f) {
  BOOST_TEST_CONTEXT(name) {
    nn::Random random(2);
    const Tensor x = normal_tensor(images, random);
    BOOST_TEST(same_bits(module(x).value(), f(Var(x)).value()));
    BOOST_TEST(nn::ModuleRef(module).type_name() == name);
    BOOST_TEST(parameter_names(module).empty());
    check_gradients(module, images);
    check_layouts(module, images);
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(activation_modules)

BOOST_AUTO_TEST_CASE(are_the_functions_of_their_names) {
  check_function(nn::GELU(), "GELU", [](const Var& x) { return gelu(x); });
  check_function(nn::SiLU(), "SiLU", [](const Var& x) { return silu(x); });
  check_function(nn::Mish(), "Mish", [](const Var& x) { return mish(x); });
  check_function(nn::Softsign(), "Softsign", [](const Var& x) { return softsign(x); });
  check_function(nn::HardSwish(), "HardSwish", [](const Var& x) { return hard_swish(x); });
  check_function(nn::ELU(), "ELU", [](const Var& x) { return elu(x, 1.0); });
  check_function(nn::ELU(0.5), "ELU", [](const Var& x) { return elu(x, 0.5); });
  check_function(nn::CELU(2.0), "CELU", [](const Var& x) { return celu(x, 2.0); });
  check_function(nn::SELU(), "SELU", [](const Var& x) { return selu(x); });
  check_function(nn::HardSigmoid(), "HardSigmoid", [](const Var& x) { return hard_sigmoid(x); });
  check_function(nn::Hardtanh(), "Hardtanh", [](const Var& x) { return clip(x, -1.0, 1.0); });
  check_function(nn::Hardtanh(0.0, 0.5), "Hardtanh", [](const Var& x) { return clip(x, 0.0, 0.5); });
  check_function(nn::MaxMin(), "MaxMin", [](const Var& x) { return maxmin(x, 1); });
  check_function(nn::MaxMin(-2), "MaxMin", [](const Var& x) { return maxmin(x, 2); });
  check_function(nn::GroupSort(4), "GroupSort", [](const Var& x) { return group_sort(x, 4, 1); });
  check_function(nn::GroupSort(5, -1), "GroupSort", [](const Var& x) { return group_sort(x, 5, 3); });
  check_function(nn::GlobalAvgPool(), "GlobalAvgPool", [](const Var& x) { return global_avg_pool(x); });
}

BOOST_AUTO_TEST_CASE(prelu_has_one_slope_or_one_per_channel) {
  nn::Random random(2);
  const nn::PReLU one(1, 0.5, DType::f64);
  const Tensor x = normal_tensor(images, random);
  BOOST_TEST(same_bits(one(x).value(), leaky_relu(x, 0.5).value()));
  nn::PReLU many(4, 0.25, DType::f64);
  const std::vector<std::string> expected{"slope"}, names = parameter_names(many);
  BOOST_TEST(names == expected, boost::test_tools::per_element());
  many.slope.value = Tensor::of(Shape{4}, {0.5, -1.0, 2.0, 0.0});
  for (const Shape& shape : {Shape{3, 4, 6, 5}, Shape{3, 4, 6}, Shape{3, 4}}) {
    const Tensor z = normal_tensor(shape, random);
    const Tensor y = many(z).value();
    for (Index c = 0; c < 4; ++c) {
      const Tensor channel = slice(z, 1, c, c + 1).value();
      const Tensor expected_channel = leaky_relu(channel, many.slope.value.at(c)).value();
      BOOST_TEST(largest_difference(slice(y, 1, c, c + 1).value(), expected_channel) == 0.0);
    }
    check_gradients(many, shape);
  }
  check_layouts(many, images);
  nn::PReLU copied = many;
  copied.slope.value.mutable_data<double>()[0] = 9.0;
  BOOST_TEST(many.slope.value.at(0) == 0.5);
  TAUT_CHECK_THROWS(ShapeError, nn::PReLU(0), "[prelu]", "got 0");
  TAUT_CHECK_THROWS(ShapeError, many(Tensor::zeros(Shape{2, 3}, DType::f64)), "[prelu]", "4 channels", "(2, 3)");
}

BOOST_AUTO_TEST_CASE(slopes_are_trained) {
  nn::PReLU layer(1, 0.25, DType::f64);
  nn::Sgd sgd(nn::parameters(layer), {.learning_rate = 0.5});
  Tape tape;
  sgd.step(sum(layer(tape.input(Tensor::of(Shape{2, 1}, {-3.0, 5.0})))));
  BOOST_TEST(layer.slope.value.item() == 0.25 + 1.5);
}

BOOST_AUTO_TEST_CASE(upsampling_by_factors_and_to_sizes) {
  nn::Random random(2);
  const Tensor x = normal_tensor(images, random);
  nn::Upsample twice(2), to_size(std::array<Index, 2>{7, 3}, nn::Resize::bilinear);
  BOOST_TEST(same_bits(twice(x).value(), resize_nearest(x, 12, 10).value()));
  BOOST_TEST(same_bits(to_size(x).value(), resize_bilinear(x, 7, 3).value()));
  check_gradients(twice, images);
  check_gradients(to_size, images);
  TAUT_CHECK_THROWS(ShapeError, nn::Upsample(0), "[upsample]", "factor", "got 0");
  TAUT_CHECK_THROWS(ShapeError, nn::Upsample(std::array<Index, 2>{1, 0}), "[upsample]", "width");
  TAUT_CHECK_THROWS(ShapeError, twice(Tensor::zeros(Shape{2, 3}, DType::f32)), "[upsample]", "(2, 3)");
}

// The mean of a constant image is that constant.
BOOST_AUTO_TEST_CASE(global_average_of_a_constant) {
  nn::GlobalAvgPool pool;
  const Tensor y = pool(Tensor::full(Shape{2, 3, 4, 4}, DType::f64, 2.5)).value();
  BOOST_TEST(y.shape() == (Shape{2, 3, 1, 1}));
  BOOST_TEST(y.at(5) == 2.5);
}

BOOST_AUTO_TEST_CASE(sorting_among_samples_is_refused) {
  TAUT_CHECK_THROWS(ShapeError, nn::MaxMin(0), "[maxmin]", "samples");
  TAUT_CHECK_THROWS(ShapeError, nn::GroupSort(2, 0), "[group_sort]", "samples");
  TAUT_CHECK_THROWS(ShapeError, nn::GroupSort(0), "[group_sort]", "got 0");
  TAUT_CHECK_THROWS(ShapeError, nn::MaxMin()(Tensor::zeros(Shape{2, 3}, DType::f32)), "(2, 3)");
}

BOOST_AUTO_TEST_SUITE_END()
