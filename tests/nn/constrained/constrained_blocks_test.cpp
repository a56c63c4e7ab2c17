// Residual layers and activations that are 1-Lipschitz by construction.
#include "lipschitz/spectral.h"
#include "nn/constrained.h"
#include "nn/constrained/parametrisations.h"
#include "nn/layers.h"
#include "tests/support/constrained_checks.h"

using namespace taut;
using namespace taut::test;

namespace {

const nn::ConstrainedOptions in_f64{.dtype = DType::f64}, without_bias{.bias = false, .dtype = DType::f64};

// Values of the plain net, and that it holds nothing but plain modules.
template <nn::Module M>
void check_vanilla(M module, const Shape& input, double tolerance, DType dtype = DType::f64) {
  nn::Random random(13);
  const Tensor x = normal_tensor(input, random, dtype);
  const Tensor expected = module(Var(x)).value();
  nn::AnyModule plain = nn::vanilla(module);
  BOOST_TEST(plain.type_name() == "Residual");
  BOOST_TEST(largest_difference(plain(Var(x)).value(), expected) <= tolerance * largest(expected));
}

template <nn::Module M>
void check_block(M in_f32, M exact, const Shape& one, const Shape& batch) {
  check_bound(in_f32, one, DType::f32);
  train_a_little(in_f32, batch);
  check_bound(in_f32, one, DType::f32);
  check_vanilla(in_f32, batch, 1e-6, DType::f32);
  check_both_modes(Converged<M>{exact}, batch, 1e-9);
  check_vanilla(exact, batch, 1e-15);
  exact.training = true;
  check_gradients(Converged<M>{exact}, batch);
}

// A step is not the identity: weights of the full size are in it.
template <nn::Module M>
void check_moves(M module, const Shape& one) {
  nn::Random random(14);
  const Tensor x = normal_tensor(one, random);
  BOOST_TEST(largest_difference(module(Var(x)).value(), x) > 0.1);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(constrained_blocks)

BOOST_AUTO_TEST_CASE(convex_potential_layers) {
  nn::Random random(1);
  for (const Index hidden : {1, 3, 7}) {
    check_block(nn::CplLinear(4, hidden, random), nn::CplLinear(4, hidden, random, in_f64), Shape{1, 4}, Shape{5, 4});
    check_moves(nn::CplLinear(4, hidden, random, in_f64), Shape{9, 4});
  }
  const Shape one{1, 2, 5, 6}, batch{3, 2, 5, 6};
  check_block(nn::CplConv2d(2, 3, {3, 3}, random), nn::CplConv2d(2, 3, {3, 1}, random, without_bias), one, batch);
}

BOOST_AUTO_TEST_CASE(sdp_layers) {
  nn::Random random(2);
  for (const Index hidden : {1, 3, 7}) {
    const nn::ConstrainedOptions rough{.weight = nn::kaiming_normal()};
    check_block(nn::SllLinear(4, hidden, random, rough), nn::SllLinear(4, hidden, random, in_f64), Shape{1, 4},
                Shape{5, 4});
    check_moves(nn::SllLinear(4, hidden, random, in_f64), Shape{9, 4});
  }
  const Shape one{1, 2, 5, 6}, batch{3, 2, 5, 6};
  check_block(nn::SllConv2d(2, 3, {3, 3}, random), nn::SllConv2d(2, 3, {3, 1}, random, without_bias), one, batch);
}

// T ⪰ W Wᵀ for every q: the norm of A is at most √2 before anything is scaled down.
BOOST_AUTO_TEST_CASE(sdp_factors_bound_the_norm) {
  nn::Random random(3);
  for (int i = 0; i < 20; ++i) {
    const Tensor w = normal_tensor(Shape{5, 3}, random), r = normal_tensor(Shape{5}, random);
    const Tensor f = nn::parts::sdp_factor(w, r).value();
    const Tensor a = mul(w, reshape(f, Shape{5, 1})).value();
    BOOST_TEST(dense_norm(a, Norm::l2).lower.value() <= 1.0 + 1e-12);
  }
  // Rows 1 and 3: T = W Wᵀ for one row; q weighs the rows: W Wᵀ = (1, 3; 3, 9), q = (1, 3) gives T = (10, 10).
  const Tensor w = Tensor::of(Shape{2, 1}, {1.0, 3.0}), q = Tensor::of(Shape{2}, {0.0, std::log(3.0)});
  const Tensor expected = Tensor::of(Shape{2}, {std::sqrt(0.1), std::sqrt(0.1)});
  BOOST_TEST(largest_difference(nn::parts::sdp_factor(w, q).value(), expected) <= 1e-15);
}

BOOST_AUTO_TEST_CASE(householder_keeps_norms) {
  nn::Random random(4);
  for (const Shape& shape : {Shape{7, 6}, Shape{3, 6, 4, 5}}) {
    nn::Householder layer(6, DType::f64);
    const Tensor x = normal_tensor(shape, random);
    // At first it is MaxMin. Proved norms of convolutions are off by some 1e-12, and weights smaller by as much.
    BOOST_TEST(largest_difference(layer(Var(x)).value(), nn::MaxMin()(Var(x)).value()) <= 1e-10);
    layer.angle.value = normal_tensor(Shape{3}, random);
    const double before = l2_norm(Var(x)).item(), after = l2_norm(layer(Var(x))).item();
    BOOST_TEST(after == before, boost::test_tools::tolerance(1e-10));
    BOOST_TEST(largest_difference(layer(Var(x)).value(), x) > 0.1);
    check_both_modes(layer, shape, 1e-10);
    check_vanilla(layer, shape, 1e-14);
    nn::Householder trained = layer;
    trained.training = true;
    check_gradients(trained, shape);
    nn::Householder single(6);
    train_a_little(single, shape);
    check_bound(single, shape.with(0, 1), DType::f32);
  }
  check_layouts(nn::Householder(6, DType::f64), Shape{3, 6, 4, 5});
}

BOOST_AUTO_TEST_CASE(full_sort_sorts_all_channels) {
  const Tensor x = Tensor::of(Shape{2, 3}, {3.0, 1.0, 2.0, -1.0, 0.0, -5.0});
  const Tensor y = Tensor::of(Shape{2, 3}, {1.0, 2.0, 3.0, -5.0, -1.0, 0.0});
  BOOST_TEST(same_bits(nn::FullSort()(Var(x)).value(), y));
  check_layouts(nn::FullSort(), Shape{2, 3, 2, 2});
  nn::FullSort all;
  check_bound(all, Shape{1, 5}, DType::f32);
}

BOOST_AUTO_TEST_CASE(deep_nets_are_one_lipschitz) {
  nn::Random random(5);
  nn::Sequential dense{nn::SllLinear(6, 20, random), nn::Householder(6),
                       nn::CplLinear(6, 12, random), nn::FullSort(),
                       nn::SllLinear(6, 6, random),  nn::CayleyLinear(6, 2, random)};
  check_bound(dense, Shape{1, 6}, DType::f32);
  train_a_little(dense, Shape{16, 6});
  check_bound(dense, Shape{1, 6}, DType::f32);
  nn::Sequential images{nn::SllConv2d(4, 8, {3, 3}, random), nn::Householder(4), nn::CplConv2d(4, 8, {3, 3}, random),
                        nn::Flatten(), nn::CayleyLinear(64, 10, random)};
  check_bound(images, Shape{1, 4, 4, 4}, DType::f32);
  train_a_little(images, Shape{8, 4, 4, 4});
  check_bound(images, Shape{1, 4, 4, 4}, DType::f32);
}

BOOST_AUTO_TEST_CASE(names_and_mistakes) {
  nn::Random random(6);
  nn::SllLinear sll(3, 4, random);
  const std::vector<std::string> expected{"raw", "bias", "log_q"};
  BOOST_TEST(parameter_names(sll) == expected, boost::test_tools::per_element());
  TAUT_CHECK_THROWS(ShapeError, nn::CplLinear(3, 0, random), "[cpl_linear]", "hidden", "got 0");
  TAUT_CHECK_THROWS(ShapeError, nn::SllConv2d(3, 3, {2, 3}, random), "[sll_conv2d]", "odd", "2 x 3");
  TAUT_CHECK_THROWS(DomainError, nn::CplLinear(3, 3, random, {.constant = 2.0}), "[cpl_linear]", "got 2");
  TAUT_CHECK_THROWS(ShapeError, nn::CplConv2d(3, 3, {3, 3}, random)(Tensor::zeros(Shape{1, 3}, DType::f32)),
                    "[cpl_conv2d]", "(1, 3)");
  TAUT_CHECK_THROWS(UsageError, nn::CplConv2d(3, 3, {3, 3}, random).vanilla(), "[cpl_conv2d]", "image");
  TAUT_CHECK_THROWS(ShapeError, nn::Householder(3), "[householder]", "got 3");
  TAUT_CHECK_THROWS(ShapeError, nn::Householder(4)(Tensor::zeros(Shape{1, 6}, DType::f32)), "(1, 6)");
  TAUT_CHECK_THROWS(ShapeError, nn::FullSort(0), "[full_sort]", "axis 0");
  nn::CplLinear zero(3, 3, random, {.weight = nn::constant(0.0)});
  TAUT_CHECK_THROWS(NumericError, zero(Tensor::zeros(Shape{1, 3}, DType::f32)), "[cpl_linear]", "got 0");
}

BOOST_AUTO_TEST_SUITE_END()
