// Bounds as loss terms: against the bounds themselves, and their derivatives against differences.
#include "lipschitz/penalty.h"

#include <boost/test/unit_test.hpp>
#include <cmath>

#include "autodiff/diff.h"
#include "autodiff/error.h"
#include "autodiff/ops.h"
#include "lipschitz/gradient_penalty.h"
#include "lipschitz/seqlip.h"
#include "lipschitz/spectral.h"
#include "tests/support/expect_error.h"
#include "tests/support/oracles.h"

using namespace taut;

namespace {

// A function with parameters, on a tape of its own for every call.
struct Model {
  Shape sample;
  std::vector<Tensor> parameters;
  std::function<Var(const Var& x, std::span<const Var> w)> f;
  std::size_t slope_at = static_cast<std::size_t>(-1);  // a parameter that is a slope: it has no derivative

  Var record(Tape& tape, const std::vector<Tensor>& values, std::vector<Var>& leaves, const Var& x) const {
    leaves.clear();
    for (const Tensor& value : values) leaves.push_back(tape.parameter(value));
    return f(x, leaves);
  }
  double autolip(const AutoLipOptions& options) const {
    Tape tape;
    std::vector<Var> leaves;
    const Var x = tape.input(Tensor::zeros(sample, DType::f64));
    return taut::autolip(record(tape, parameters, leaves, x), options).bound.value();
  }
};

// The value after so many calls, and the gradients of the last one.
double settled(BoundPenalty& penalty, const Model& model, const std::vector<Tensor>& values, int calls,
               std::vector<Tensor>* gradients = nullptr) {
  double value = 0.0;
  for (int i = 0; i < calls; ++i) {
    Tape tape;
    std::vector<Var> leaves;
    const Var x = tape.constant(Tensor::zeros(model.sample, DType::f64));
    const Var y = model.record(tape, values, leaves, x);
    const Var result = penalty(y, x);
    value = result.item();
    if (gradients == nullptr || i + 1 < calls) continue;
    gradients->clear();
    for (const Var& g : grad(result, leaves)) gradients->push_back(g.value());
  }
  return value;
}

// The derivative in a random direction of every parameter by the tape and by central differences, both of the settled
// penalty.
template <class Penalty>
void check_gradient(const Model& model, const PenaltyOptions& options, int calls, double tolerance) {
  testing::Random random(11);
  Penalty penalty(options);
  std::vector<Tensor> gradients;
  settled(penalty, model, model.parameters, calls, &gradients);
  for (std::size_t k = 0; k < model.parameters.size(); ++k) {
    const Tensor direction = random.normals(model.parameters[k].shape());
    double slope = 0.0;
    for (Index i = 0; i < direction.size(); ++i) slope += gradients[k].at(i) * direction.at(i);
    if (k == model.slope_at) {
      BOOST_TEST(slope == 0.0);
      continue;
    }
    const auto at = [&](double h) {
      std::vector<Tensor> moved = model.parameters;
      moved[k] = add(Var(model.parameters[k]), scale(Var(direction), h)).value();
      Penalty fresh(options);
      return settled(fresh, model, moved, calls);
    };
    const double h = 1e-5;
    const double quotient = (at(h) - at(-h)) / (2.0 * h);
    BOOST_TEST_CONTEXT("parameter " << k << " slope " << slope << " quotient " << quotient)
    BOOST_TEST(std::fabs(slope - quotient) <= tolerance * (1.0 + std::fabs(slope)));
  }
}

Model mlp(testing::Random& random, std::vector<Index> widths, Var (*activation)(const Var&)) {
  Model model{Shape{1, widths[0]}, {}, {}};
  for (std::size_t i = 0; i + 1 < widths.size(); ++i) {
    model.parameters.push_back(random.normals(Shape{widths[i + 1], widths[i]}));
    model.parameters.push_back(random.normals(Shape{widths[i + 1]}));
  }
  model.f = [activation](const Var& x, std::span<const Var> w) {
    Var y = x;
    for (std::size_t i = 0; i < w.size(); i += 2) {
      y = dense(y, w[i], w[i + 1]);
      if (i + 2 < w.size()) y = activation(y);
    }
    return y;
  };
  return model;
}

Var relu_of(const Var& x) { return relu(x); }
Var sigmoid_of(const Var& x) { return sigmoid(x); }

// Padding before it, a scale per channel behind it and a stride: a convolution that folds with its neighbours.
Model cnn(testing::Random& random) {
  Model model{Shape{1, 2, 6, 6}, {}, {}};
  model.parameters = {random.normals(Shape{3, 2, 3, 3}), random.normals(Shape{3}),
                      Tensor::of(Shape{3}, {0.7, 1.9, -1.2}), random.normals(Shape{4, 27})};
  model.f = [](const Var& x, std::span<const Var> w) {
    const Var padded = pad(pad(x, 2, 1, 1), 3, 1, 1);
    const Var y = channel_affine(conv2d(padded, w[0], w[1], {.stride = {2, 2}}), w[2], Var(w[1]));
    return dense(flatten(relu(y)), w[3], Var());
  };
  return model;
}

// Branches that meet in a sum and in a concatenation, a pool whose windows overlap, a slope that is trained.
Model graph(testing::Random& random) {
  Model model{Shape{1, 1, 5, 5}, {}, {}};
  model.parameters = {random.normals(Shape{1, 1, 3, 3}), Tensor::of(Shape{1}, {1.7}), random.normals(Shape{3, 75})};
  model.slope_at = 1;
  model.f = [](const Var& x, std::span<const Var> w) {
    const Var body = prelu(conv2d(x, w[0], Var(), {.padding = {1, 1, 1, 1}}), w[1]);
    const Var pooled = max_pool2d(body, {.window = {3, 3}, .stride = {1, 1}, .padding = {1, 1, 1, 1}});
    return dense(flatten(concat({x + body, pooled, tanh(x)}, 1)), w[2], Var());
  };
  return model;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(penalty)

// A chain folds in the penalty as it does in AutoLip, so that both follow the same number.
BOOST_AUTO_TEST_CASE(autolip_is_followed_in_every_norm) {
  testing::Random random(2);
  const Model models[] = {mlp(random, {5, 7, 6, 3}, relu_of), mlp(random, {4, 5, 2}, sigmoid_of), cnn(random)};
  for (const Model& model : models)
    for (const Norm norm : {Norm::l1, Norm::l2, Norm::linf}) {
      // AutoLip may fold in l1 and linf also, where the penalty takes every operation alone.
      if (norm != Norm::l2 && &model == &models[2]) continue;
      LogAutoLip penalty({.norm = norm});
      const double value = settled(penalty, model, model.parameters, 600);
      AutoLipOptions options;
      options.question.norm = norm;
      options.products_only = true;
      const double bound = model.autolip(options);
      BOOST_TEST(std::fabs(std::exp(value) / bound - 1.0) <= 1e-7);
      BOOST_TEST(std::fabs(penalty.estimate() / std::exp(value) - 1.0) <= 1e-12);
    }
}

BOOST_AUTO_TEST_CASE(frobenius_products_are_followed) {
  testing::Random random(3);
  const Model model = mlp(random, {5, 7, 3}, relu_of);
  PenaltyOptions penalised;
  penalised.affine_norm = AffineNorm::frobenius;
  LogAutoLip penalty(penalised);
  AutoLipOptions options;
  options.affine_norm = AffineNorm::frobenius;
  BOOST_TEST(std::fabs(std::exp(settled(penalty, model, model.parameters, 1)) / model.autolip(options) - 1.0) <= 1e-12);
  // A kernel counts as often as it meets the image: [a b c] on three pixels with a padding of one is 2, 3, 2 times.
  Model kernel{Shape{1, 1, 1, 3}, {Tensor::of(Shape{1, 1, 1, 3}, {1.0, 2.0, 3.0})}, {}};
  kernel.f = [](const Var& x, std::span<const Var> w) { return conv2d(x, w[0], Var(), {.padding = {0, 0, 1, 1}}); };
  LogAutoLip of_kernel(penalised);
  BOOST_TEST(std::fabs(std::exp(2.0 * settled(of_kernel, kernel, kernel.parameters, 1)) - 32.0) <= 1e-12);
}

// By hand: x + body and the concatenation, in all norms.
BOOST_AUTO_TEST_CASE(branches_add_up_or_stand_side_by_side) {
  Model model{Shape{1, 2}, {Tensor::of(Shape{2, 2}, {3.0, 0.0, 0.0, 2.0})}, {}};
  model.f = [](const Var& x, std::span<const Var> w) {
    const Var y = relu(dense(x, w[0], Var()));
    return concat({x + y, y}, 1);
  };
  const std::pair<Norm, double> expected[] = {{Norm::l1, 4.0 + 3.0}, {Norm::l2, 5.0}, {Norm::linf, 4.0}};
  for (const auto& [norm, value] : expected) {
    LogAutoLip penalty({.norm = norm});
    BOOST_TEST(std::fabs(std::exp(settled(penalty, model, model.parameters, 100)) - value) <= 1e-12);
    check_gradient<LogAutoLip>(model, {.norm = norm}, 60, 1e-6);
  }
}

// An affine value that is used twice ends its run: diag(1, 5) ∘ diag(3, 2) counts as 5 · 3 beside 3, not as 10 alone.
BOOST_AUTO_TEST_CASE(what_is_used_twice_is_not_folded) {
  Model model{
      Shape{1, 2}, {Tensor::of(Shape{2, 2}, {3.0, 0.0, 0.0, 2.0}), Tensor::of(Shape{2, 2}, {1.0, 0.0, 0.0, 5.0})}, {}};
  model.f = [](const Var& x, std::span<const Var> w) {
    const Var a = dense(x, w[0], Var());
    return concat({dense(a, w[1], Var()), a}, 1);
  };
  LogAutoLip penalty;
  const double value = std::exp(settled(penalty, model, model.parameters, 200));
  BOOST_TEST(std::fabs(value - std::sqrt(15.0 * 15.0 + 3.0 * 3.0)) <= 1e-10);
}

// Nine windows share the pixel in the middle.
BOOST_AUTO_TEST_CASE(overlapping_windows_count) {
  Model model{Shape{1, 1, 5, 5}, {Tensor::of(Shape{1}, {2.0})}, {}};
  model.f = [](const Var& x, std::span<const Var> w) {
    return max_pool2d(channel_affine(x, w[0], w[0]), {.window = {3, 3}, .stride = {1, 1}});
  };
  for (const auto& [norm, value] : {std::pair{Norm::l1, 18.0}, {Norm::l2, 6.0}, {Norm::linf, 2.0}}) {
    LogAutoLip penalty({.norm = norm});
    BOOST_TEST(std::fabs(std::exp(settled(penalty, model, model.parameters, 1)) - value) <= 1e-12);
  }
}

BOOST_AUTO_TEST_CASE(gradients_are_those_of_the_settled_value) {
  testing::Random random(4);
  const Model dense_net = mlp(random, {4, 5, 3}, sigmoid_of), images = cnn(random), branching = graph(random);
  for (const Norm norm : {Norm::l1, Norm::l2, Norm::linf}) {
    PenaltyOptions options;
    options.norm = norm;
    check_gradient<LogAutoLip>(dense_net, options, 600, 1e-6);
    check_gradient<LogAutoLip>(images, options, 600, 1e-6);
    if (norm == Norm::l2) check_gradient<LogAutoLip>(branching, options, 600, 1e-5);
  }
  PenaltyOptions frobenius;
  frobenius.affine_norm = AffineNorm::frobenius;
  check_gradient<LogAutoLip>(dense_net, frobenius, 1, 1e-6);
  check_gradient<LogAutoLip>(images, frobenius, 600, 1e-6);
}

// A maximum by coordinates is never above the exact one, now and then at it, and not far below.
BOOST_AUTO_TEST_CASE(seqlip_is_followed_from_below) {
  testing::Random random(5);
  int met = 0;
  constexpr int networks = 12;
  for (int i = 0; i < networks; ++i) {
    const Model model = mlp(random, i % 2 == 0 ? std::vector<Index>{4, 6, 3} : std::vector<Index>{3, 6, 5, 2}, relu_of);
    LogSeqLip penalty;
    const double value = std::exp(settled(penalty, model, model.parameters, 200));
    Tape tape;
    std::vector<Var> leaves;
    const Var x = tape.input(Tensor::zeros(model.sample, DType::f64));
    SeqLipOptions options;
    options.method = SeqLipMethod::exact;
    const double exact = seqlip(model.record(tape, model.parameters, leaves, x), options).bound.value();
    BOOST_TEST(value <= exact * (1.0 + 1e-8));
    BOOST_TEST(value >= 0.7 * exact);
    met += value >= exact * (1.0 - 1e-6) ? 1 : 0;
  }
  BOOST_TEST(met >= 3);
}

BOOST_AUTO_TEST_CASE(seqlip_has_the_gradient_of_its_value) {
  testing::Random random(6);
  check_gradient<LogSeqLip>(mlp(random, {4, 6, 3}, relu_of), {}, 300, 1e-5);
  check_gradient<LogSeqLip>(mlp(random, {3, 6, 5, 2}, relu_of), {}, 300, 1e-5);
  check_gradient<LogSeqLip>(mlp(random, {3, 6, 8, 5, 2}, sigmoid_of), {}, 300, 1e-5);
}

// Weights of a vector that changes sign: relu lets half of the product pass, (Σ⁺) against ‖a‖ ‖b‖.
BOOST_AUTO_TEST_CASE(seqlip_of_a_pair_in_closed_form) {
  Model model{Shape{1, 1}, {Tensor::of(Shape{3, 1}, {1.0, 2.0, 2.0}), Tensor::of(Shape{1, 3}, {3.0, -1.0, 2.0})}, {}};
  model.f = [](const Var& x, std::span<const Var> w) { return dense(relu(dense(x, w[0], Var())), w[1], Var()); };
  LogSeqLip penalty;
  BOOST_TEST(std::fabs(std::exp(settled(penalty, model, model.parameters, 3)) - 7.0) <= 1e-12);
}

BOOST_AUTO_TEST_CASE(what_has_no_penalty_is_refused) {
  Model model{Shape{1, 2}, {Tensor::of(Shape{2, 2}, {1.0, 0.0, 0.0, 1.0})}, {}};
  model.f = [](const Var& x, std::span<const Var> w) { return exp(dense(x, w[0], Var())); };
  LogAutoLip penalty;
  test::expect_error<UnsupportedError>([&] { (void)settled(penalty, model, model.parameters, 1); },
                                       {"exp", "no finite constant"});
  // And again: what was found out before the error is forgotten.
  test::expect_error<UnsupportedError>([&] { (void)settled(penalty, model, model.parameters, 1); }, {"exp"});
  Tape tape;
  const Var x = tape.constant(Tensor::zeros(Shape{1, 2}, DType::f64));
  const Var w = tape.parameter(Tensor::zeros(Shape{2, 2}, DType::f64));
  LogAutoLip other;
  test::expect_error<UsageError>([&] { (void)other(square(w), x); }, {"does not depend"});
  test::expect_error<NumericError>([&] { (void)other(dense(x, w, Var()), x); }, {"norm 0", "dense"});
  const Var v = tape.parameter(Tensor::full(Shape{3, 2}, DType::f64, 1.0));
  test::expect_error<UsageError>([&] { (void)other(dense(x, v, Var()), x); }, {"other operations"});
  test::expect_error<UsageError>([&] { (void)LogAutoLip({.steps = 0}); }, {"steps"});
  test::expect_error<UsageError>([&] { (void)LogAutoLip({.norm = Norm::l1, .affine_norm = AffineNorm::frobenius}); },
                                 {"l2"});
  test::expect_error<UsageError>([&] { (void)LogSeqLip({.norm = Norm::linf}); }, {"l2"});
}

// ---- derivatives at samples
// ------------------------------------------------------------------------------------------

// f(x) = ½ xᵀ D x has the gradient D x: norms by hand, derivatives by D through the second derivatives of f.
BOOST_AUTO_TEST_CASE(gradient_penalty_in_closed_form) {
  Tape tape;
  const Var d = tape.parameter(Tensor::of(Shape{2}, {3.0, 4.0}));
  const Var x = tape.input(Tensor::of(Shape{2, 2}, {1.0, 1.0, 0.1, 0.0}));  // gradients (3, 4) and (0.3, 0)
  const Var y = scale(sum(mul(square(x), broadcast_to(d, Shape{2, 2})), {1}), 0.5);
  const Var both = gradient_penalty(y, x);
  BOOST_TEST(std::fabs(both.item() - 0.5 * (16.0 + 0.49)) <= 1e-12);
  const Var one = gradient_penalty(y, x, {.one_sided = true});
  BOOST_TEST(std::fabs(one.item() - 8.0) <= 1e-12);
  // d/dD of ½ (‖D x‖ − 1)² summed: (‖g‖ − 1) g x / ‖g‖ per entry, over two samples with the factor 2/2.
  const Tensor by_d = grad(both, d).value();
  BOOST_TEST(std::fabs(by_d.at(0) - (4.0 * 0.6 * 1.0 + (0.3 - 1.0) * 1.0 * 0.1)) <= 1e-12);
  BOOST_TEST(std::fabs(by_d.at(1) - 4.0 * 0.8) <= 1e-12);
  test::expect_error<ShapeError>([&] { (void)gradient_penalty(x, x); }, {"one number per sample"});
  test::expect_error<ShapeError>([&] { (void)gradient_penalty(sum(y), x); }, {"row per sample"});
}

// Of one output the direction is a sign, so that the estimate is exact; of several the mean over seeds tends to ‖A‖_F²,
// and with as many orthogonal directions as outputs would be it.
BOOST_AUTO_TEST_CASE(jacobian_frobenius_is_unbiased) {
  testing::Random random(7);
  const Tensor row = random.normals(Shape{1, 4}), matrix = random.normals(Shape{3, 4});
  Tape tape;
  const Var x = tape.input(random.normals(Shape{5, 4}));
  const Var a = tape.parameter(row), b = tape.parameter(matrix);
  BOOST_TEST(std::fabs(jacobian_frobenius(dense(x, a, Var()), x, 7).item() - sum(square(Var(row))).item()) <= 1e-12);
  const Var y = dense(x, b, Var());
  const double truth = sum(square(Var(matrix))).item();
  // 400 directions per call: a standard deviation of at most truth · √(2/400) or so.
  const Var estimate = jacobian_frobenius(y, x, 3, 80);
  BOOST_TEST(std::fabs(estimate.item() - truth) <= 0.35 * truth);
  BOOST_TEST(std::fabs(estimate.item() - truth) > 0.0);
  BOOST_TEST(jacobian_frobenius(y, x, 3, 2).item() == jacobian_frobenius(y, x, 3, 2).item());
  BOOST_TEST(jacobian_frobenius(y, x, 3, 2).item() != jacobian_frobenius(y, x, 4, 2).item());
  // It is homogeneous of degree 2 in the matrix, whatever the directions: ⟨∇, B⟩ = 2 · value.
  const Tensor gradient = grad(estimate, b).value();
  BOOST_TEST(std::fabs(sum(mul(Var(gradient), Var(matrix))).item() - 2.0 * estimate.item()) <= 1e-10 * truth);
  test::expect_error<UsageError>([&] { (void)jacobian_frobenius(y, x, 3, 0); }, {"projections"});
}

BOOST_AUTO_TEST_CASE(orthogonality_penalty_in_closed_form) {
  const double r = std::sqrt(0.5);
  for (const Shape& shape : {Shape{1, 2}, Shape{2, 1}, Shape{1, 1, 1, 2}})
    BOOST_TEST(orthogonality_penalty(Var(Tensor::of(shape, {r, r}))).item() <= 1e-30);
  // diag(2, 1): (4 − 1)².
  BOOST_TEST(orthogonality_penalty(Var(Tensor::of(Shape{2, 2}, {2.0, 0.0, 0.0, 1.0}))).item() == 9.0);
  Tape tape;
  const Var w = tape.parameter(Tensor::of(Shape{1, 2}, {1.0, 2.0}));
  // (w wᵀ − 1)² has the gradient 4 (w wᵀ − 1) w.
  const Tensor gradient = grad(orthogonality_penalty(w), w).value();
  BOOST_TEST(gradient.at(0) == 16.0);
  BOOST_TEST(gradient.at(1) == 32.0);
  test::expect_error<ShapeError>(
      [&] {
        (void)orthogonality_penalty(Var(Tensor::of(Shape{2}, {1.0, 2.0})));
      },
      {"(out, in"});
}

BOOST_AUTO_TEST_SUITE_END()
