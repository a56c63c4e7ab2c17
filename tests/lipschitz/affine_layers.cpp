// The linear maps of a function, one by one.
#include "lipschitz/affine_layers.h"

#include <boost/test/unit_test.hpp>
#include <cmath>

#include "autodiff/diff.h"
#include "autodiff/ops.h"
#include "tests/lipschitz/support.h"

namespace taut {
namespace {

using testing::Random;

// map(x − y) against f(x) − f(y), for a few random points.
void check_linear_part(const Function& f, const Shape& shape, double error_at_most = 0.0) {
  Random random(5);
  Tape tape;
  const auto part = affine_part(f(tape.input(random.normals(shape))));
  BOOST_TEST_REQUIRE(part.has_value());
  BOOST_TEST(part->relative_error <= error_at_most);
  for (int k = 0; k < 3; ++k) {
    const Tensor x = random.normals(shape), y = random.normals(shape);
    Tensor step = Tensor::uninitialised(shape, DType::f64);
    for (Index i = 0; i < step.size(); ++i)
      step.mutable_data<double>()[static_cast<std::size_t>(i)] = x.at(i) - y.at(i);
    const Tensor moved = part->map.apply(step.reshaped(part->map.in_shape()));
    const Tensor fx = f(Var(x)).value(), fy = f(Var(y)).value();
    BOOST_TEST_REQUIRE(moved.size() == fx.size());
    for (Index i = 0; i < moved.size(); ++i) BOOST_TEST(std::fabs(moved.at(i) - (fx.at(i) - fy.at(i))) < 1e-12);
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(affine_layers)

BOOST_AUTO_TEST_CASE(linear_parts_of_layers) {
  Random random(1);
  const Var weight(random.normals({3, 4})), bias(random.normals({3}));
  check_linear_part([&](const Var& x) { return dense(x, weight, bias); }, {1, 4});
  check_linear_part([&](const Var& x) { return dense(2.0 * x, weight, bias) - 1.5; }, {1, 4});
  // Both branches of a sum count.
  const Var square(random.normals({4, 4}));
  check_linear_part([&](const Var& x) { return x + dense(x, square, Var()); }, {1, 4});
  const Var kernel(random.normals({2, 1, 3, 3}));
  check_linear_part([&](const Var& x) { return conv2d(x, kernel, Var()); }, {1, 1, 5, 5});
}

BOOST_AUTO_TEST_CASE(computed_weights_have_an_error) {
  Random random(2);
  Tape tape;
  const Var x = tape.input(random.normals({1, 2, 3, 3}));
  const auto constant = [&](std::initializer_list<double> values) {
    return tape.constant(Tensor::of(Shape{2}, values));
  };
  const Var y =
      batch_norm(x, constant({1.5, -2.0}), constant({0.0, 1.0}), constant({0.1, 0.2}), constant({0.7, 3.0}), 1e-5);
  const auto part = affine_part(y);
  BOOST_TEST_REQUIRE(part.has_value());
  BOOST_TEST(part->relative_error > 0.0);
  BOOST_TEST(part->relative_error < 1e-14);
  const Tensor matrix = to_dense(part->map);
  BOOST_TEST(std::fabs(matrix.at(0) - 1.5 / std::sqrt(0.7 + 1e-5)) < 1e-14);
}

BOOST_AUTO_TEST_CASE(several_inputs_lie_one_behind_the_other) {
  Random random(3);
  Tape tape;
  const Var a = tape.input(random.normals({1, 2})), b = tape.input(random.normals({1, 3}));
  const auto part = affine_part(concat({2.0 * a, 3.0 * b}, 1));
  BOOST_TEST_REQUIRE(part.has_value());
  const Tensor matrix = to_dense(part->map);
  for (Index i = 0; i < 5; ++i)
    for (Index k = 0; k < 5; ++k) BOOST_TEST(matrix.at(5 * i + k) == (i != k ? 0.0 : i < 2 ? 2.0 : 3.0));
}

BOOST_AUTO_TEST_CASE(what_is_not_affine_has_no_linear_part) {
  Tape tape;
  const Var x = tape.input(Tensor::of(Shape{1, 2}, {0.5, -1.0}));
  BOOST_TEST(!affine_part(relu(x)).has_value());
  BOOST_TEST(!affine_part(x * x).has_value());
  BOOST_TEST(!affine_part(2.0 * tanh(x) + x).has_value());
  BOOST_TEST(!affine_part(tape.constant(Tensor::of(Shape{1, 3}, {1.0, 2.0, 3.0}))).has_value());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace taut
