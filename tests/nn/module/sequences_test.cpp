// Modules of sequences: those of images of one row.
#include <boost/test/unit_test.hpp>

#include "nn/conv1d.h"
#include "nn/layers.h"
#include "nn/sequential.h"
#include "tests/support/module_checks.h"

using namespace taut;
using namespace taut::test;

namespace {

const nn::LayerOptions in_f64{.dtype = DType::f64};

Tensor as_row(const Tensor& x) { return x.reshaped(Shape{x.shape()[0], x.shape()[1], 1, x.shape()[2]}); }
void check_equal(const Var& sequence, const Var& row) {
  BOOST_TEST(as_row(sequence.value()).shape() == row.shape());
  BOOST_TEST(largest_difference(as_row(sequence.value()), row.value()) <= 1e-14 * largest(row.value()));
}
using Names = std::vector<std::string>;

}  // namespace

BOOST_AUTO_TEST_SUITE(sequences)

BOOST_AUTO_TEST_CASE(conv1d_is_conv2d_of_one_row) {
  nn::Random random(1);
  const Conv1dOptions geometry{.stride = 2, .dilation = 2, .padding = {3, 1}, .groups = 2};
  nn::Conv1d layer(4, 6, 3, random, geometry, in_f64);
  BOOST_TEST(layer.weight.value.shape() == (Shape{6, 2, 3}));
  layer.bias.value = normal_tensor(Shape{6}, random);
  const Tensor x = normal_tensor(Shape{2, 4, 9}, random);
  const Tensor kernel = layer.weight.value.reshaped(Shape{6, 2, 1, 3});
  check_equal(layer(x), conv2d(as_row(x), kernel, layer.bias.value,
                               {.stride = {1, 2}, .dilation = {1, 2}, .padding = {0, 0, 3, 1}, .groups = 2}));
  check_gradients(layer, Shape{2, 4, 9});
  const Names names = parameter_names(layer), expected{"weight", "bias"};
  BOOST_TEST(names == expected, boost::test_tools::per_element());
  nn::Conv1d copied = layer;
  copied.weight.value.mutable_data<double>()[0] = 77.0;
  BOOST_TEST(layer.weight.value.at(0) != 77.0);
  BOOST_TEST(!nn::Conv1d(1, 1, 1, random, {}, {.bias = false}).bias.defined());
}

BOOST_AUTO_TEST_CASE(conv_transpose1d_is_the_transpose) {
  nn::Random random(1);
  const Conv1dOptions options{.stride = 3, .dilation = 2, .padding = {1, 2}, .groups = 2};
  for (const Index extra : {0, 2}) {
    nn::ConvTranspose1d up(4, 6, 3, random, {.convolution = options, .output_padding = extra},
                           {.bias = false, .dtype = DType::f64});
    const Tensor y = normal_tensor(Shape{2, 4, 5}, random);
    const Tensor x = up(y).value();
    BOOST_TEST(x.shape() == (Shape{2, 6, 4 * 3 + 2 * 2 + 1 - 3 + extra}));
    const Tensor z = normal_tensor(x.shape(), random);
    const double transposed = sum(mul(x, z)).item();
    const double direct = sum(mul(y, conv1d(z, up.weight.value, {}, options))).item();
    BOOST_TEST(std::fabs(transposed - direct) <= 1e-12);
    check_gradients(up, Shape{2, 4, 5});
  }
  nn::ConvTranspose1d with_bias(1, 2, 2, random, {}, in_f64);
  with_bias.bias.value = Tensor::of(Shape{2}, {1.5, 2.5});
  BOOST_TEST(with_bias(Tensor::zeros(Shape{1, 1, 3}, DType::f64)).value().at(7) == 2.5);
}

BOOST_AUTO_TEST_CASE(pools_are_those_of_one_row) {
  nn::Random random(1);
  const Tensor x = normal_tensor(Shape{2, 3, 9}, random);
  nn::MaxPool1d max(2);
  nn::AvgPool1d average(Pool1dOptions{.window = 3, .stride = 2, .padding = {1, 1}});
  check_equal(max(x), max_pool2d(as_row(x), {.window = {1, 2}, .stride = {1, 2}}));
  check_equal(average(x), avg_pool2d(as_row(x), {.window = {1, 3}, .stride = {1, 2}, .padding = {0, 0, 1, 1}}));
  check_gradients(max, Shape{2, 3, 9});
  check_gradients(average, Shape{2, 3, 9});
  BOOST_TEST(nn::ModuleRef(max).type_name() == "MaxPool1d");
  BOOST_TEST(nn::ModuleRef(average).type_name() == "AvgPool1d");
}

BOOST_AUTO_TEST_CASE(they_chain) {
  nn::Random random(1);
  nn::Sequential net{nn::Conv1d(2, 4, 3, random, {.padding = {1, 1}}, in_f64),
                     nn::BatchNorm1d(4, {.dtype = DType::f64}),
                     nn::Tanh(),
                     nn::MaxPool1d(2),
                     nn::Flatten(),
                     nn::Linear(16, 3, random, in_f64)};
  BOOST_TEST(net(Tensor::zeros(Shape{5, 2, 8}, DType::f64)).shape() == (Shape{5, 3}));
  check_gradients(net, Shape{2, 2, 8});
}

BOOST_AUTO_TEST_CASE(wrong_sizes_are_refused) {
  nn::Random random(1);
  TAUT_CHECK_THROWS(ShapeError, nn::Conv1d(3, 4, 3, random, {.groups = 2}), "[conv1d]", "groups", "3 → 4");
  TAUT_CHECK_THROWS(ShapeError, nn::Conv1d(3, 4, 0, random), "[conv1d]", "kernel", "got 0");
  TAUT_CHECK_THROWS(ShapeError, nn::ConvTranspose1d(1, 1, 3, random, {.output_padding = 1}), "[conv_transpose1d]",
                    "output padding", "got 1 at stride 1");
  nn::ConvTranspose1d up(2, 3, 3, random);
  TAUT_CHECK_THROWS(ShapeError, up(Tensor::zeros(Shape{2, 2}, DType::f32)), "[conv_transpose1d]", "(2, 2)");
  nn::Conv1d layer(2, 3, 3, random);
  TAUT_CHECK_THROWS(ShapeError, layer(Tensor::zeros(Shape{2, 3, 9}, DType::f32)), "[conv1d]", "3 channels");
}

BOOST_AUTO_TEST_SUITE_END()
