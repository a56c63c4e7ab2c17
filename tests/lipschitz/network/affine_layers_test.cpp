// The linear maps of a function, one by one.
#include "lipschitz/affine_layers.h"

#include <boost/test/unit_test.hpp>
#include <cmath>

#include "autodiff/diff.h"
#include "autodiff/ops.h"
#include "tests/support/oracles.h"

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

// output = affine ∘ body + constant, at pairs of points of the body.
BOOST_AUTO_TEST_CASE(a_head_is_what_follows_the_last_operation_that_is_not_affine) {
  Random random(6);
  const Var a(random.normals({4, 3})), b(random.normals({2, 4}));
  const auto check = [&](const Function& f, const char* body, Index outputs) {
    Tape tape;
    const Var y = f(tape.input(random.normals({1, 3})));
    const auto head = affine_head(y);
    BOOST_TEST_REQUIRE(head.has_value());
    BOOST_TEST(tape.node(head->body.id()).name() == body);
    BOOST_TEST(head->affine.map.out_shape().size() == outputs);
    Tape other;
    const Tensor x = random.normals({1, 3});
    const Var z = f(other.input(x));
    const auto moved_head = affine_head(z);
    const Tensor before = head->body.value(), after = moved_head->body.value();
    Tensor step = Tensor::uninitialised(before.shape(), DType::f64);
    for (Index i = 0; i < step.size(); ++i)
      step.mutable_data<double>()[static_cast<std::size_t>(i)] = after.at(i) - before.at(i);
    const Tensor image = head->affine.map.apply(step.reshaped(head->affine.map.in_shape()));
    for (Index i = 0; i < image.size(); ++i)
      BOOST_TEST(std::fabs(image.at(i) - (z.value().at(i) - y.value().at(i))) < 1e-12);
  };
  check([&](const Var& x) { return dense(relu(dense(x, a, Var())), b, Var()); }, "relu", 2);
  check([&](const Var& x) { return 2.0 * reshape(dense(tanh(x), a, Var()), {1, 2, 2}) + 1.0; }, "tanh", 4);
  check([&](const Var& x) { return dense(x, a, Var()); }, "input", 4);
  // One node twice is one node; two nodes are where branches meet.
  check(
      [&](const Var& x) {
        const Var y = tanh(x);
        return y + y;
      },
      "tanh", 3);
  check([&](const Var& x) { return dense(dense(x, a, Var()) + dense(tanh(x), a, Var()), b, Var()); }, "add", 2);
  Tape tape;
  const Var x = tape.input(random.normals({1, 3}));
  BOOST_TEST(!affine_head(relu(x)).has_value());
  BOOST_TEST(!affine_head(x + tanh(x)).has_value());
  BOOST_TEST(!affine_head(x).has_value());
  BOOST_TEST(!affine_head(tape.constant(Tensor::of(Shape{1, 3}, {1.0, 2.0, 3.0}))).has_value());
}

BOOST_AUTO_TEST_CASE(row_distances_are_dual_norms_of_differences) {
  const Tensor m = Tensor::of(Shape{2, 3}, {1.0, -2.0, 3.0, 1.0, 2.0, 0.0});  // rows differ by (0, −4, 3)
  const AffineMap exact{dense_map(m, {3}, {2}), 0.0};
  BOOST_TEST(row_distances(exact, Norm::l1)->at(1) == 4.0);
  BOOST_TEST(row_distances(exact, Norm::l2)->at(2) == 5.0);
  BOOST_TEST(row_distances(exact, Norm::linf)->at(1) == 7.0);
  BOOST_TEST(row_distances(exact, Norm::l2)->at(0) == 0.0);
  // Entries that may be off by a hundredth: the l1 norm of a column of magnitudes is at most 4, the linf norm of a
  // row 6.
  const AffineMap off{exact.map, 0.01};
  BOOST_TEST(row_distances(off, Norm::l1)->at(1) >= 4.0 + 0.01 * 4.0);  // −2.02 and 2.02 are possible
  BOOST_TEST(row_distances(off, Norm::l1)->at(1) <= 4.0 + 0.01 * 4.0 + 1e-12);
  BOOST_TEST(row_distances(off, Norm::linf)->at(1) >= 7.0 + 0.01 * 9.0);
  BOOST_TEST(row_distances(off, Norm::linf)->at(1) <= 7.0 + 0.01 * 2.0 * 6.0 + 1e-12);
  // The rounding of a product of maps that is written down.
  Random random(7);
  const LinearMap product(Shape{5}, Shape{4},
                          structure::Composition{{dense_map(random.normals({4, 6}), {6}, {4}),
                                                  dense_map(random.normals({6, 5}), {5}, {6})}});
  const Tensor entries = to_dense(product);
  double square = 0.0;
  for (Index k = 0; k < 5; ++k) square += std::pow(entries.at(k) - entries.at(5 + k), 2);
  BOOST_TEST(row_distances({product, 0.0}, Norm::l2)->at(1) > std::sqrt(square) * (1.0 + 1e-15));
  BOOST_TEST(row_distances({product, 0.0}, Norm::l2)->at(1) < std::sqrt(square) * (1.0 + 1e-12));
  const auto same = [](const Tensor& x) { return x; };
  const LinearMap opaque(Shape{2}, Shape{2}, structure::Opaque{same, same});
  BOOST_TEST(!row_distances({opaque, 0.0}, Norm::l2).has_value());
}

BOOST_AUTO_TEST_CASE(layers_of_a_chain_multiply_to_autolip) {
  Random random(4);
  const Var a(random.normals({6, 3})), b(random.normals({5, 6})), c(random.normals({2, 5}));
  const Function f = [&](const Var& x) {
    return dense(2.0 * tanh(dense(relu(dense(x, a, Var())), b, Var())), c, Var());
  };
  const Tensor x = random.normals({1, 3});
  for (const Norm norm : {Norm::l1, Norm::l2, Norm::linf}) {
    AutoLipOptions options;
    options.question.norm = norm;
    options.products_only = true;
    const auto layers = folded_layers(f, x, options);
    BOOST_TEST_REQUIRE(layers.size() == 3u);
    double product = 1.0, shares = 0.0;
    for (const FoldedLayer& layer : layers) {
      product *= layer.norm.upper.value();
      BOOST_TEST(layer.norm.lower.value() <= layer.norm.upper.value());
      BOOST_TEST(layer.norm.lower.value() > (1.0 - 1e-6) * layer.norm.upper.value());
      BOOST_TEST(layer.norm.upper.is_certified());
      BOOST_TEST(layer.on_largest_path);
      BOOST_TEST_REQUIRE(layer.share.has_value());
      shares += *layer.share;
    }
    BOOST_TEST(product == autolip(f, x, options).bound.value(), boost::test_tools::tolerance(1e-12));
    BOOST_TEST(shares == 1.0, boost::test_tools::tolerance(1e-12));
    BOOST_TEST(!layers[0].from.has_value());
    BOOST_TEST(layers[0].to.op == "dense");
    BOOST_TEST(layers[1].from->op == "relu");
    BOOST_TEST(layers[2].nodes.size() == 2u);  // the factor and the layer
    const FoldedLayer* worst = culprit(layers);
    for (const FoldedLayer& layer : layers) BOOST_TEST(layer.norm.upper.value() <= worst->norm.upper.value());
  }
  const auto l2 = folded_layers(f, x);
  BOOST_TEST(l2[0].frobenius.value() >= l2[0].norm.upper.value());
}

BOOST_AUTO_TEST_CASE(branches_are_layers_too) {
  Random random(6);
  const Tensor big_weight = testing::scaled(random.normals({4, 4}), 10.0), small_weight = random.normals({4, 4});
  const Function f = [&](const Var& x) {
    const Var big = relu(dense(x, Var(big_weight), Var()));
    const Var small = relu(dense(x, Var(small_weight), Var()));
    return 3.0 * big + small + x;
  };
  const auto layers = folded_layers(f, random.normals({1, 4}));
  // Two weights and the factor; the plain branches to the sum are identities.
  BOOST_TEST_REQUIRE(layers.size() == 3u);
  BOOST_TEST(layers[0].on_largest_path);
  BOOST_TEST(!layers[1].on_largest_path);
  BOOST_TEST(!layers[1].share.has_value());
  BOOST_TEST(layers[2].norm.upper.value() == 3.0);
  BOOST_TEST(culprit(layers) == &layers[0]);
}

// Past a number of folded parts the fold starts anew: nothing is lost, nothing is listed twice.
BOOST_AUTO_TEST_CASE(long_affine_chains) {
  Random random(7);
  std::vector<Tensor> weights;
  for (int k = 0; k < 40; ++k) weights.push_back(random.normals({3, 3}));
  const Function f = [&](const Var& x) {
    Var y = x;
    for (const Tensor& weight : weights) y = dense(y, Var(weight), Var());
    return y;
  };
  const auto layers = folded_layers(f, random.normals({1, 3}));
  std::size_t nodes = 0;
  for (const FoldedLayer& layer : layers) {
    nodes += layer.nodes.size();
    BOOST_TEST(layer.on_largest_path);
  }
  BOOST_TEST(layers.size() == 2u);
  BOOST_TEST(nodes == weights.size());
}

BOOST_AUTO_TEST_CASE(entry_errors_widen_both_ends) {
  Random random(8);
  const AffineMap exact{dense_map(random.normals({3, 4}), {4}, {3}), 0.0}, inexact{exact.map, 1e-3};
  const Enclosure tight = operator_norm(exact, Norm::l2), wide = operator_norm(inexact, Norm::l2);
  BOOST_TEST(wide.lower.value() < tight.lower.value() * (1.0 - 1e-4));
  BOOST_TEST(wide.upper.value() > tight.upper.value() * (1.0 + 1e-4));
  BOOST_TEST(wide.upper.is_certified());
  BOOST_TEST(frobenius_norm(inexact).value() >= frobenius_norm(exact).value() * 1.001);
}

BOOST_AUTO_TEST_CASE(functions_without_layers) {
  const Tensor x = Tensor::of(Shape{1, 2}, {0.5, -1.0});
  BOOST_TEST(folded_layers([](const Var& v) { return relu(v); }, x).empty());
  BOOST_TEST(folded_layers([](const Var& v) { return v; }, x).empty());
  BOOST_TEST(culprit({}) == nullptr);
  // A product has no finite constant; its layers are there all the same.
  const auto layers = folded_layers([](const Var& v) { return (2.0 * v) * tanh(v); }, x);
  BOOST_TEST(layers.size() == 1u);
  for (const FoldedLayer& layer : layers) BOOST_TEST(!layer.share.has_value());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace taut
