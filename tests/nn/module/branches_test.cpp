// Concat and Add, dropout, batch norm of sequences, transposed convolutions.
#include <boost/test/unit_test.hpp>

#include "autodiff/diff.h"
#include "autodiff/memory.h"
#include "nn/layers.h"
#include "nn/loss.h"
#include "nn/optimiser.h"
#include "nn/sequential.h"
#include "tests/support/allocation_count.h"
#include "tests/support/module_checks.h"

using namespace taut;
using namespace taut::test;

namespace {

const nn::LayerOptions in_f64{.dtype = DType::f64};

using Names = std::vector<std::string>;
void check_names(const Names& a, const Names& b) { BOOST_TEST(a == b, boost::test_tools::per_element()); }

nn::Conv2d conv(Index c_in, Index c_out, nn::Random& random) {
  return nn::Conv2d(c_in, c_out, {3, 3}, random, {.padding = {1, 1, 1, 1}}, in_f64);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(branches)

BOOST_AUTO_TEST_CASE(concat_puts_outputs_side_by_side) {
  nn::Random random(1);
  nn::Concat both{conv(2, 3, random), nn::Sequential{conv(2, 1, random), nn::Tanh()}};
  check_names(parameter_names(both), {"0.weight", "0.bias", "1.0.weight", "1.0.bias"});
  const Tensor x = normal_tensor(Shape{3, 2, 4, 5}, random);
  const Tensor y = both(x).value();
  BOOST_TEST(y.shape() == (Shape{3, 4, 4, 5}));
  BOOST_TEST(same_bits(slice(y, 1, 0, 3).value(), both[0](x).value()));
  BOOST_TEST(same_bits(slice(y, 1, 3, 4).value(), both[1](x).value()));
  check_gradients(both, Shape{2, 2, 4, 5});
  check_layouts(both, Shape{3, 2, 4, 5});
  nn::Concat along_width({nn::Tanh(), nn::Sigmoid(), nn::ReLU()}, -1);
  BOOST_TEST(along_width(x).shape() == (Shape{3, 2, 4, 15}));
  check_layouts(along_width, Shape{3, 2, 4, 5});
  nn::Concat vectors{nn::Linear(3, 2, random), nn::ReLU()};
  BOOST_TEST(vectors(Tensor::zeros(Shape{4, 3}, DType::f32)).shape() == (Shape{4, 5}));
}

BOOST_AUTO_TEST_CASE(add_sums_outputs) {
  nn::Random random(1);
  nn::Add sum{conv(2, 2, random), nn::Tanh(), [](const Var& x) { return x * 2.0; }};
  check_names(parameter_names(sum), {"0.weight", "0.bias"});
  const Tensor x = normal_tensor(Shape{3, 2, 4, 5}, random);
  const Tensor expected = (sum[0](x) + tanh(x) + scale(x, 2.0)).value();
  BOOST_TEST(largest_difference(sum(x).value(), expected) <= 1e-15 * largest(expected));
  check_gradients(sum, Shape{2, 2, 4, 5});
  nn::Add aware{conv(2, 2, random), nn::Tanh()};
  check_layouts(aware, Shape{3, 2, 4, 5});
  BOOST_TEST((aware.layout_use() == nn::LayoutUse::profits));
  BOOST_TEST((sum.layout_use() == nn::LayoutUse::nchw_only));  // a lambda is among them
}

BOOST_AUTO_TEST_CASE(copies_of_branches_are_their_own) {
  nn::Random random(1);
  nn::Concat one{nn::Linear(2, 1, random)};
  nn::Concat copied = one;
  one[0].as<nn::Linear>().weight.value.mutable_data<float>()[0] = 77.0F;
  BOOST_TEST(copied[0].as<nn::Linear>().weight.value.at(0) != 77.0);
}

BOOST_AUTO_TEST_CASE(branches_that_do_not_fit_are_refused) {
  nn::Random random(1);
  const Tensor x = Tensor::zeros(Shape{2, 3}, DType::f32);
  TAUT_CHECK_THROWS(UsageError, nn::Concat({}), "[concat]", "at least one", "branches_test.cpp");
  TAUT_CHECK_THROWS(UsageError, nn::Add({}), "[add]", "at least one");
  TAUT_CHECK_THROWS(ShapeError, nn::Concat({nn::ReLU()}, 0), "[concat]", "samples");
  TAUT_CHECK_THROWS(ShapeError, nn::Concat({nn::ReLU()}, -2)(x), "[concat]", "from 1 to 1", "-2");
  TAUT_CHECK_THROWS(ShapeError, nn::Add({nn::ReLU(), nn::Linear(3, 2, random)})(x), "[add]", "(2, 3)", "(2, 2)",
                    "branch 1");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(dropout)

BOOST_AUTO_TEST_CASE(is_the_identity_in_inference) {
  nn::Random random(1);
  nn::Dropout dropout(0.7);
  const Tensor x = normal_tensor(Shape{3, 4}, random);
  BOOST_TEST(same_bits(dropout(x).value(), x));
  Tape tape;
  dropout(tape.input(x));
  BOOST_TEST(tape.size() == 1U);
}

BOOST_AUTO_TEST_CASE(drops_a_share_and_scales_the_rest) {
  for (const DType dtype : {DType::f32, DType::f64})
    for (const double p : {0.0, 0.25, 0.75}) {
      nn::Dropout dropout(p, 3);
      nn::set_training(dropout, true);
      Tape tape;
      const Var x = tape.input(Tensor::full(Shape{100, 200}, dtype, 3.0));
      const Var y = dropout(x);
      const Tensor gradient = vjp(y, Tensor::full(Shape{100, 200}, dtype, 1.0), x).value();
      double dropped = 0.0;
      for (Index i = 0; i < y.value().size(); ++i) {
        const double kept = Tensor::scalar(1.0 / (1.0 - p)).to(dtype).item();
        if (y.value().at(i) == 0.0)
          dropped += 1.0 / 20000.0;
        else
          BOOST_REQUIRE(std::fabs(y.value().at(i) - 3.0 * kept) <= 1e-6);
        BOOST_REQUIRE(gradient.at(i) == (y.value().at(i) == 0.0 ? 0.0 : kept));
      }
      BOOST_TEST(std::fabs(dropped - p) <= 5.0 * std::sqrt(p * (1.0 - p) / 20000.0));  // five standard errors
      if (p > 0.0) BOOST_TEST((tape.node(1).leaf == Leaf::constant));
    }
}

BOOST_AUTO_TEST_CASE(seeds_fix_the_masks_and_calls_differ) {
  const Tensor ones = Tensor::full(Shape{64}, DType::f64, 1.0);
  nn::Dropout a(0.5, 1), other(0.5, 2);
  a.training = other.training = true;
  nn::Dropout copied = a;
  const Tensor first = a(ones).value();
  BOOST_TEST(same_bits(first, copied(ones).value()));
  BOOST_TEST(!same_bits(first, a(ones).value()));
  BOOST_TEST(!same_bits(first, other(ones).value()));
}

BOOST_AUTO_TEST_CASE(a_warm_step_with_dropout_and_a_sum_allocates_nothing) {
  nn::Random random(1);
  nn::Sequential net{nn::Linear(16, 8, random), nn::Dropout(0.3),
                     nn::Add{nn::Linear(8, 2, random), nn::Linear(8, 2, random)}};
  nn::set_training(net, true);
  nn::Adam adam(nn::parameters(net));
  const Tensor x = normal_tensor(Shape{4, 16}, random, DType::f32);
  const std::vector<Index> labels{0, 1, 1, 0};
  Tape tape;
  for (int i = 0; i < 8; ++i) {
    const AllocationCount allocations;
    const std::size_t before = memory::stats().system_requests;
    adam.step(nn::cross_entropy(net(tape.input(x)), labels));
    if (i < 3) continue;
    BOOST_TEST(memory::stats().system_requests == before);
    if constexpr (counts_allocations) BOOST_TEST(allocations.so_far() == 0U);
  }
}

BOOST_AUTO_TEST_CASE(a_share_of_all_is_refused) {
  TAUT_CHECK_THROWS(DomainError, nn::Dropout(1.0), "[dropout]", "[0, 1)", "got 1", "branches_test.cpp");
  TAUT_CHECK_THROWS(DomainError, nn::Dropout(std::nan("")), "[dropout]", "nan");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(batch_norm_1d)

// Sequences (n, c, l) are images of one row; vectors (n, c) are images of one pixel.
BOOST_AUTO_TEST_CASE(is_that_of_images_of_one_row) {
  nn::Random random(1);
  for (const bool training : {false, true})
    for (const Shape& shape : {Shape{4, 3}, Shape{4, 3, 5}}) {
      nn::BatchNorm1d norm(3, {.dtype = DType::f64});
      nn::BatchNorm2d images(3, {.dtype = DType::f64});
      norm.training = images.training = training;
      const Tensor x = normal_tensor(shape, random);
      const Tensor y = norm(x).value();
      const Tensor expected = images(x.reshaped(Shape{4, 3, 1, shape.size() / 12})).value();
      BOOST_TEST(y.shape() == shape);
      BOOST_TEST(largest_difference(y, expected.reshaped(shape)) <= 1e-14);
      BOOST_TEST(largest_difference(norm.running_variance.value, images.running_variance.value) <= 1e-15);
      BOOST_TEST((norm.running_mean.value.at(0) != 0.0) == training);
      check_gradients(norm, shape);
    }
  nn::BatchNorm1d norm(3);
  check_names(parameter_names(norm), {"gamma", "beta", "running_mean", "running_variance"});
  TAUT_CHECK_THROWS(ShapeError, norm(Tensor::zeros(Shape{1, 3, 2, 2}, DType::f32)), "[batch_norm1d]", "(1, 3, 2, 2)",
                    "BatchNorm2d");
  TAUT_CHECK_THROWS(ShapeError, nn::BatchNorm1d(0), "[batch_norm1d]", "got 0");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(conv_transpose_2d)

BOOST_AUTO_TEST_CASE(is_the_transpose_of_the_convolution_with_its_kernel) {
  nn::Random random(1);
  const Conv2dOptions options{.stride = {2, 3}, .dilation = {2, 1}, .padding = {1, 0, 2, 1}, .groups = 2};
  const nn::LayerOptions plain{.bias = false, .dtype = DType::f64};
  for (const Index extra : {0, 1}) {
    nn::ConvTranspose2d up(4, 6, {3, 2}, random, {.convolution = options, .output_padding = {extra, 2 * extra}}, plain);
    BOOST_TEST(up.weight.value.shape() == (Shape{4, 3, 3, 2}));
    const Tensor y = normal_tensor(Shape{2, 4, 3, 5}, random);
    const Tensor x = up(y).value();
    // (h − 1)·stride + dilation·(k − 1) + 1 − padding + output padding
    BOOST_TEST(x.shape() == (Shape{2, 6, 2 * 2 + 2 * 2 + 1 - 1 + extra, 4 * 3 + 1 + 1 - 3 + 2 * extra}));
    const Tensor z = normal_tensor(x.shape(), random);
    const double through_transpose = sum(mul(x, z)).item();
    const double through_convolution = sum(mul(y, conv2d(z, up.weight.value, {}, options))).item();
    BOOST_TEST(std::fabs(through_transpose - through_convolution) <= 1e-12);
  }
}

BOOST_AUTO_TEST_CASE(has_a_bias_gradients_and_both_layouts) {
  nn::Random random(1);
  nn::ConvTranspose2d up(
      4, 6, {3, 3}, random,
      {.convolution = {.stride = {2, 2}, .padding = {1, 1, 1, 1}, .groups = 2}, .output_padding = {1, 1}}, in_f64);
  check_names(parameter_names(up), {"weight", "bias"});
  BOOST_TEST(up(Tensor::zeros(Shape{2, 4, 7, 7}, DType::f64)).shape() == (Shape{2, 6, 14, 14}));
  up.bias.value = Tensor::full(Shape{6}, DType::f64, 2.5);
  BOOST_TEST(up(Tensor::zeros(Shape{1, 4, 2, 2}, DType::f64)).value().at(17) == 2.5);
  check_gradients(up, Shape{2, 4, 3, 3});
  check_layouts(up, Shape{3, 4, 3, 3});
}

BOOST_AUTO_TEST_CASE(wrong_sizes_are_refused) {
  nn::Random random(1);
  TAUT_CHECK_THROWS(ShapeError, nn::ConvTranspose2d(0, 2, {3, 3}, random), "[conv_transpose2d]", "got 0");
  TAUT_CHECK_THROWS(ShapeError, nn::ConvTranspose2d(3, 2, {3, 3}, random, {.convolution = {.groups = 2}}),
                    "[conv_transpose2d]", "groups", "3 → 2");
  TAUT_CHECK_THROWS(ShapeError, nn::ConvTranspose2d(1, 1, {3, 3}, random, {.output_padding = {0, 1}}),
                    "[conv_transpose2d]", "output padding", "got 1 at stride 1");
  nn::ConvTranspose2d up(2, 3, {3, 3}, random);
  TAUT_CHECK_THROWS(ShapeError, up(Tensor::zeros(Shape{2, 4}, DType::f32)), "[conv_transpose2d]", "(2, 4)");
  TAUT_CHECK_THROWS(ShapeError, up(Tensor::zeros(Shape{2, 4, 3, 3}, DType::f32)), "(2, 4, 3, 3)");
}

BOOST_AUTO_TEST_SUITE_END()
