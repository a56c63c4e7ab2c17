// Constants of activations, norms, normalisations and attention, against values of the literature, closed forms, and
// quotients found by search.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <functional>

#include "autodiff/error.h"
#include "autodiff/ops.h"
#include "lipschitz/autolip.h"
#include "tests/support/oracles.h"

namespace taut {
namespace {

using boost::test_tools::tolerance;
using testing::Random;

AutoLipReport bound_of(const Function& f, const Shape& x, Norm norm = Norm::l2, std::optional<Interval> box = {}) {
  AutoLipOptions options;
  options.question.norm = norm;
  options.question.domain = Domain::box_or_reals(box);
  return autolip(f, Tensor::zeros(x, DType::f64), options);
}
double constant(const Function& f, const Shape& x, Norm norm = Norm::l2, std::optional<Interval> box = {}) {
  const AutoLipReport report = bound_of(f, x, norm, box);
  BOOST_TEST(report.bound.is_certified());
  return report.bound.value();
}

double l2(const Tensor& t) {
  double sum = 0;
  for (Index i = 0; i < t.size(); ++i) sum += t.at(i) * t.at(i);
  return std::sqrt(sum);
}

// The largest quotient ‖f(x) − f(y)‖₂ / ‖x − y‖₂ over pairs: random, and improved along the power method of Jᵀ J.
double largest_quotient(const Function& f, const Shape& shape, double scale, std::uint64_t seed) {
  Random random(seed);
  double best = 0;
  for (int trial = 0; trial < testing::iterations(30); ++trial) {
    const double size = scale * std::pow(10.0, random.uniform(-3, 0));
    const Tensor x = (Var(random.normals(shape)) * size).value();
    Tensor v = random.normals(shape);
    for (int step = 0; step < 8; ++step) {
      Tape tape;
      const Var in = tape.input(x), y = f(in);
      const Var jv = jvp(y, in, Var(v));
      best = std::max(best, l2(jv.value()) / l2(v));
      const Tensor next = vjp(y, jv.detached(), in).value();
      if (l2(next) == 0) break;
      v = (Var(next) * (1 / l2(next))).value();
    }
  }
  return best;
}

Tensor weights(Random& random, Index out, Index in) {
  return (Var(random.normals({out, in})) * (1 / std::sqrt(static_cast<double>(in)))).value();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(vocabulary)

// Digits as in the literature, cut off: the bound lies between the printed number and the next one.
BOOST_AUTO_TEST_CASE(slopes_of_activations) {
  struct Activation {
    const char* name;
    Function f;
    double constant;
  };
  const std::vector<Activation> activations{
      {"gelu", [](const Var& x) { return gelu(x); }, 1.1289041451},
      {"gelu_tanh", [](const Var& x) { return gelu_tanh(x); }, 1.1289930686},
      {"silu", [](const Var& x) { return silu(x); }, 1.0998393201},
      {"mish", [](const Var& x) { return mish(x); }, 1.0884981612},
      {"selu", [](const Var& x) { return selu(x); }, 1.7580993408},
      {"selu with the constants of ONNX",
       [](const Var& x) { return selu(x, 1.67326319217681884765625, 1.05070102214813232421875); }, 1.7580993463},
      {"erf", [](const Var& x) { return erf(x); }, 1.1283791670},
  };
  for (const auto& [name, f, expected] : activations)
    for (const Norm norm : {Norm::l1, Norm::l2, Norm::linf}) BOOST_TEST_CONTEXT(name << " in " << norm) {
        const double c = constant(f, {1, 3}, norm);
        BOOST_TEST(c >= expected);
        BOOST_TEST(c <= expected + 1e-10);
      }
  const auto exactly = [](const Function& f, double expected) { BOOST_TEST(constant(f, {1, 3}) == expected); };
  exactly([](const Var& x) { return hard_swish(x); }, 1.5);
  exactly([](const Var& x) { return elu(x, 2.0); }, 2.0);
  exactly([](const Var& x) { return elu(x, -3.0); }, 3.0);
  exactly([](const Var& x) { return celu(x, 0.25); }, 1.0);
  exactly([](const Var& x) { return hard_sigmoid(x, 0.25, 0.5); }, 0.25);
  exactly([](const Var& x) { return clip(x, -1.0, 2.0); }, 1.0);
  exactly([](const Var& x) { return softsign(x); }, 1.0);
  exactly([](const Var& x) { return prelu(x, Var(Tensor::of({3}, {0.5, -4.0, 1.0}))); }, 4.0);
  exactly([](const Var& x) { return where(Tensor::of({3}, {1.0, 0.0, 1.0}), x * 3.0, x * -5.0); }, 5.0);
}

BOOST_AUTO_TEST_CASE(powers_have_constants_on_boxes_only) {
  const auto cube = [](const Var& x) { return pow(x, 3.0); };
  const AutoLipReport everywhere = bound_of(cube, {1, 2});
  BOOST_TEST(everywhere.status == Status::unbounded);
  BOOST_TEST(everywhere.note.find("pow") != std::string::npos);
  BOOST_TEST(constant(cube, {1, 2}, Norm::l2, Interval{-2, 1}) == 12.0, tolerance(1e-12));
  BOOST_TEST(constant([](const Var& x) { return rsqrt(x); }, {1, 2}, Norm::l2, Interval{0.25, 4}) == 4.0,
             tolerance(1e-12));
  BOOST_CHECK_THROW(bound_of([](const Var& x) { return log1p(x); }, {1, 2}, Norm::l2, Interval{-2, 1}), DomainError);
}

BOOST_AUTO_TEST_CASE(norms_of_rows) {
  const double n = 7;
  for (const auto& [norm, l1, linf] :
       {std::tuple{Norm::l1, 1.0, 1.0}, {Norm::l2, std::sqrt(n), 1.0}, {Norm::linf, n, 1.0}}) {
    BOOST_TEST(constant([](const Var& x) { return l1_norm(x, {-1}); }, {1, 7}, norm) == l1, tolerance(1e-14));
    BOOST_TEST(constant([](const Var& x) { return linf_norm(x, {-1}); }, {1, 7}, norm) == linf, tolerance(1e-14));
  }
  BOOST_TEST(constant([](const Var& x) { return l2_norm(x, {-1}); }, {1, 7}) == 1.0);
  BOOST_TEST(constant([](const Var& x) { return l2_norm(x, {-1}); }, {1, 7}, Norm::linf) == std::sqrt(n),
             tolerance(1e-14));
  BOOST_TEST(bound_of([](const Var& x) { return variance(x, {-1}); }, {1, 7}).status == Status::unbounded);
  BOOST_TEST(constant([](const Var& x) { return l2_normalise(x, {-1}, 0.5); }, {1, 7}) == 2.0);
  // Away from the origin eps does not count.
  const double far =
      constant([](const Var& x) { return l2_normalise(x, {-1}, 1e-6); }, {1, 4}, Norm::l2, Interval{1, 2});
  BOOST_TEST(far == 0.5, tolerance(1e-12));
}

// ‖diag(gamma)(I − 11ᵀ/n)‖ / √eps, which is less than max|gamma| / √eps.
BOOST_AUTO_TEST_CASE(layer_norm_folds_its_scale) {
  const double eps = 1e-5;
  const Tensor gamma = Tensor::of({4}, {0.5, -2.0, 0.25, 1.0});
  const Index n = 4;
  Tensor centred = Tensor::zeros({n, n}, DType::f64);
  for (Index i = 0; i < n; ++i)
    for (Index j = 0; j < n; ++j)
      centred.mutable_data<double>()[static_cast<std::size_t>(i * n + j)] = gamma.at(i) * ((i == j) - 0.25);
  const double exact = static_cast<double>(testing::spectral_norm(centred)) / std::sqrt(eps);
  const Function f = [&](const Var& x) { return layer_norm(x, Var(gamma), Var(), eps); };
  BOOST_TEST(constant(f, {1, n}) == exact, tolerance(1e-9));
  BOOST_TEST(exact < 0.9 * 2.0 / std::sqrt(eps));
  // Attained at constant tokens, token by token.
  BOOST_TEST(constant(f, {1, 3, n}) == exact, tolerance(1e-9));
  BOOST_TEST(largest_quotient(f, {1, n}, 1e-6, 1) >= 0.99 * exact);
  // In l1 and linf no factor folds below the true gains: 2(1 − 1/n) / √eps for a row of one scale.
  for (const Norm norm : {Norm::l1, Norm::linf})
    BOOST_TEST(
        constant([&](const Var& x) { return layer_norm(x, Var(), Var(), eps); }, {1, n}, norm) == 1.5 / std::sqrt(eps),
        tolerance(1e-9));
  // By channel, in groups and per image.
  const Function grouped = [&](const Var& x) { return group_norm(x, 2, Var(gamma), Var(), eps); };
  BOOST_TEST(constant(grouped, {1, 4, 3, 3}) >= largest_quotient(grouped, {1, 4, 3, 3}, 1e-4, 2));
  BOOST_TEST(constant(grouped, {1, 4, 3, 3}) <= 2.0 / std::sqrt(eps) * (1 + 1e-12));
  const Function each = [&](const Var& x) { return instance_norm(x, Var(), Var(), eps); };
  BOOST_TEST(constant(each, {1, 4, 3, 3}) == 1 / std::sqrt(eps), tolerance(1e-9));
}

// Long rows: in linf the gain of standardise exceeds the one at constant rows, and is still attained.
BOOST_AUTO_TEST_CASE(standardise_of_long_rows) {
  const double eps = 0.25;
  const auto gain = [&](Index n) {
    return constant([&](const Var& x) { return standardise(x, {-1}, eps); }, {1, n}, Norm::linf) * std::sqrt(eps);
  };
  BOOST_TEST(gain(8) == 2 * (1 - 1.0 / 8), tolerance(1e-12));
  BOOST_TEST(gain(400) > 3.0);
  // √n / (3√3) is the rate for large n.
  BOOST_TEST(gain(40000) == std::sqrt(40000.0) / (3 * std::sqrt(3.0)), tolerance(0.05));
}

BOOST_AUTO_TEST_CASE(attention_needs_a_box) {
  Random random(3);
  const Var wq(weights(random, 4, 4)), wk(weights(random, 4, 4)), wv(weights(random, 4, 4));
  const Function f = [&](const Var& x) {
    return attention(dense(x, wq, Var()), dense(x, wk, Var()), dense(x, wv, Var()));
  };
  const AutoLipReport everywhere = bound_of(f, {1, 3, 4});
  BOOST_TEST(everywhere.status == Status::no_rule);
  BOOST_TEST(everywhere.bound.is_certified());
  BOOST_TEST(std::isinf(everywhere.bound.value()));
  BOOST_TEST(everywhere.note.find("matmul, vocabulary_test.cpp") != std::string::npos, everywhere.note);
  const double on_box = constant(f, {1, 3, 4}, Norm::l2, Interval{-1, 1});
  BOOST_TEST(std::isfinite(on_box));
  BOOST_TEST(on_box >= largest_quotient(f, {1, 3, 4}, 0.5, 4));
}

BOOST_AUTO_TEST_CASE(l2_attention_has_a_constant) {
  const Function f = [](const Var& u) { return l2_attention(u, 0.75); };
  for (const Index tokens : {1, 2, 5, 16}) {
    // κ e^(κ+1) = n − 1, found by bisection
    double lo = 0, hi = 50;
    for (int i = 0; i < 200; ++i) {
      const double k = (lo + hi) / 2;
      (k * std::exp(k + 1) < static_cast<double>(tokens - 1) ? lo : hi) = k;
    }
    const double expected = std::sqrt(static_cast<double>(tokens)) * (1 + 4 * lo);
    const double c = constant(f, {1, tokens, 3});
    BOOST_TEST(c == expected, tolerance(1e-9));
    for (const double scale : {0.5, 3.0, 20.0})
      BOOST_TEST(largest_quotient(f, {1, tokens, 3}, scale, 5) <= c * (1 + 1e-9));
  }
}

// One affine map behind a bounded function folds with what follows: never looser than without.
BOOST_AUTO_TEST_CASE(centring_folds_with_a_dense_layer) {
  Random random(6);
  const Tensor w = weights(random, 5, 6);
  const Function f = [&](const Var& x) { return dense(standardise(x, {-1}, 1.0), Var(w), Var()); };
  Tensor centred = Tensor::zeros({5, 6}, DType::f64);
  for (Index i = 0; i < 5; ++i)
    for (Index j = 0; j < 6; ++j) {
      double mean = 0;
      for (Index k = 0; k < 6; ++k) mean += w.at(i * 6 + k) / 6;
      centred.mutable_data<double>()[static_cast<std::size_t>(i * 6 + j)] = w.at(i * 6 + j) - mean;
    }
  BOOST_TEST(constant(f, {1, 6}) == static_cast<double>(testing::spectral_norm(centred)), tolerance(1e-9));
  BOOST_TEST(constant(f, {1, 6}) < static_cast<double>(testing::spectral_norm(w)));
}

// The centring behind acts on every row alone, in every norm.
BOOST_AUTO_TEST_CASE(centring_acts_on_rows) {
  const Function total = [](const Var& x) { return sum(standardise(x, {-1}, 1.0), {1}); };
  const Tensor zero = Tensor::zeros({1, 2, 3}, DType::f64);
  for (const Norm norm : {Norm::l1, Norm::l2, Norm::linf}) {
    const Tensor jacobian_rows = jacobian(total, zero).reshaped({3, 6});
    const long double exact =
        norm == Norm::l2 ? testing::spectral_norm(jacobian_rows) : testing::sum_norm(jacobian_rows, norm == Norm::linf);
    BOOST_TEST(static_cast<long double>(constant(total, {1, 2, 3}, norm)) >= exact * (1 - 1e-15L));
  }
  // A scale folds in l1 and linf as it does in l2: never below the Jacobian at a constant row, where it is attained.
  const Var gamma(Tensor::of({4}, {0.5, -2.0, 0.25, 1.0}));
  const Function scaled = [&](const Var& x) { return layer_norm(x, gamma, Var(), 1.0); };
  const Tensor at = jacobian(scaled, Tensor::zeros({1, 4}, DType::f64)).reshaped({4, 4});
  BOOST_TEST(static_cast<long double>(constant(scaled, {1, 4}, Norm::l1)) >=
             testing::sum_norm(at, false) * (1 - 1e-15L));
  BOOST_TEST(static_cast<long double>(constant(scaled, {1, 4}, Norm::linf)) >=
             testing::sum_norm(at, true) * (1 - 1e-15L));
  BOOST_TEST(constant(scaled, {1, 4}, Norm::linf) == 3.0, tolerance(1e-12));
}

BOOST_AUTO_TEST_CASE(l2_attention_in_l1_and_linf) {
  const Function f = [](const Var& u) { return l2_attention(u, 1.0); };
  double k = 1;  // κ e^(κ+1) = 4 by Newton's method
  for (int i = 0; i < 60; ++i) k -= (k * std::exp(k + 1) - 4) / (std::exp(k + 1) * (1 + k));
  const double by_entry = 2 * k * std::sqrt(3.0);
  BOOST_TEST(constant(f, {1, 5, 3}, Norm::linf) == 1 + 2 * by_entry, tolerance(1e-9));
  BOOST_TEST(constant(f, {1, 5, 3}, Norm::l1) == 5 * (1 + by_entry) + by_entry, tolerance(1e-9));
  // Two tokens of one number: what a search over their distance finds.
  double found = 0;
  for (double d = 0; d < 3; d += 0.01) {
    const Tensor j = jacobian(f, Tensor::of({1, 2, 1}, {0.0, d})).reshaped({2, 2});
    found = std::max(found, static_cast<double>(testing::sum_norm(j, true)));
  }
  BOOST_TEST(found > 1.55);
  BOOST_TEST(constant(f, {1, 2, 1}, Norm::linf) >= found);
}

// Where computed constants cancel, what is left is their error: it is relative to what cancels.
BOOST_AUTO_TEST_CASE(errors_of_constants_survive_cancellation) {
  const auto bound = [](const std::function<Var(Tape&, const Var&)>& f) {
    Tape tape;
    const Var x = tape.input(Tensor::full({1, 1}, DType::f64, 1.0));
    const Var y = f(tape, x);
    return autolip(y).bound;
  };
  const auto number = [](Tape& tape, double v) { return tape.parameter(Tensor::full({1, 1}, DType::f64, v)); };
  const auto cancelled = [&](Tape& t) { return (number(t, 1e15) + number(t, 0.3)) - number(t, 1e15); };  // exactly 0.3
  BOOST_TEST(bound([&](Tape& t, const Var& x) { return x * cancelled(t) - x * number(t, 0.3125); }).value() >= 0.0125);
  const double e = std::exp(0.3);
  BOOST_TEST(bound([&](Tape& t, const Var& x) { return x * exp(number(t, 0.3)) - x * number(t, e); }).value() > 0.0);
  for (const double v : {0.5, 0.9, 1.3})
    BOOST_TEST(bound([&](Tape& t, const Var& x) {
                 const Var gamma = t.parameter(Tensor::full({1}, DType::f64, std::sqrt(v + 1e-5)));
                 const Var zero = t.parameter(Tensor::zeros({1}, DType::f64)),
                           variance = t.parameter(Tensor::full({1}, DType::f64, v));
                 return x - batch_norm(x, gamma, zero, zero, variance, 1e-5);
               }).value() > 0.0);
  // The slope of prelu at a constant that may be 0.3 − 0.31 or not below 0 at all: not certified to be 0.
  const UpperBound steep = bound([&](Tape& t, const Var& s) { return prelu(cancelled(t) - number(t, 0.31), s); });
  BOOST_TEST((steep.value() >= 0.01 || !steep.is_certified()));
}

// A shifted image is not a padded one: a part of it is cut off.
BOOST_AUTO_TEST_CASE(shifted_images_are_cut_off) {
  const Var kernel(Tensor::of({1, 1, 2}, {1.0, 2.0}));
  const auto shifted = [](const Var& x) { return slice(pad(x, 2, 1, 0), 2, 0, 4); };
  Conv1dOptions after, before;
  after.padding = {0, 1};
  before.padding = {1, 0};
  const std::vector<Function> functions{
      [&](const Var& x) { return conv1d(shifted(x), kernel, Var(), after) - conv1d(x, kernel, Var(), before); },
      [&](const Var& x) { return conv1d(shifted(x), kernel, Var(), {}); },
      [&](const Var& x) { return conv1d(shifted(x), kernel, Var(), after); }};
  for (const Function& f : functions) {
    const Tensor j = jacobian(f, Tensor::zeros({1, 1, 4}, DType::f64));
    const Tensor matrix = j.reshaped({j.size() / 4, 4});
    BOOST_TEST(static_cast<double>(testing::spectral_norm(matrix)) == constant(f, {1, 1, 4}), tolerance(1e-9));
  }
}

BOOST_AUTO_TEST_CASE(sums_keep_their_shapes) {
  const Function f = [](const Var& x) {
    const Var r = reshape(x + x * 0.1, {1, 2, 2});
    return flatten(r - reshape(x, {1, 2, 2}) - reshape(x, {1, 2, 2}) * 0.1);
  };
  BOOST_TEST(constant(f, {1, 4}) < 1e-12);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace taut
