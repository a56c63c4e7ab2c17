// "Unbounded" is said of functions that are proved to have no finite constant, and of no others.
#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "autodiff/ops.h"
#include "lipschitz/autolip.h"
#include "lipschitz/seqlip.h"
#include "tests/support/oracles.h"

namespace taut {
namespace {

struct Case {
  std::string name;
  Function f;
};

Tensor matrix(const Shape& shape, std::uint64_t seed) { return testing::Random(seed).normals(shape); }
Var layer(const Var& x, Index out, std::uint64_t seed) {
  return dense(x, Var(matrix({out, x.shape()[1]}, seed)), Var(matrix({out}, seed + 1)));
}
Var column(const Var& x, Index i) { return slice(x, 1, i, i + 1); }

AutoLipReport of(const Function& f, Norm norm = Norm::l2, std::optional<Interval> box = {}) {
  AutoLipOptions options;
  options.question.norm = norm;
  options.question.domain = Domain::box_or_reals(box);
  return autolip(f, Tensor::full({1, 4}, DType::f64, 1.0), options);
}

const std::vector<Case> without_constant{
    {"exp", [](const Var& x) { return exp(x); }},
    {"exp of an affine map", [](const Var& x) { return exp(layer(x, 6, 1)); }},
    {"one exp of many numbers", [](const Var& x) { return exp(layer(x, 1, 2)); }},
    {"exp beside what is Lipschitz", [](const Var& x) { return exp(layer(x, 3, 3)) + relu(layer(x, 3, 5)); }},
    {"sum of exps", [](const Var& x) { return sum(exp(x), {1}); }},
    {"exp in one entry of two",
     [](const Var& x) {
       return concat({exp(column(x, 0)), tanh(column(x, 1))}, 1);
     }},
    {"expm1", [](const Var& x) { return expm1(scale(x, -2.0)); }},
    {"square", [](const Var& x) { return square(x); }},
    {"sum of squares of an affine map", [](const Var& x) { return sum(square(layer(x, 5, 7)), {1}); }},
    {"difference of squares", [](const Var& x) { return square(column(x, 0)) - square(column(x, 1)); }},
    {"variance", [](const Var& x) { return variance(x, {1}); }},
    {"cube", [](const Var& x) { return pow(x, 3.0); }},
    {"power 1.5", [](const Var& x) { return pow(x, 1.5); }},
    {"sqrt", [](const Var& x) { return sqrt(x); }},
    {"sqrt of one affine number", [](const Var& x) { return sqrt(layer(x, 1, 9)); }},
    {"log", [](const Var& x) { return log(x + 0.5); }},
    {"reciprocal", [](const Var& x) { return reciprocal(x); }},
    {"step", [](const Var& x) { return step(x); }},
    {"product of two affine maps", [](const Var& x) { return layer(x, 3, 11) * layer(x, 3, 13); }},
    {"product of neighbours", [](const Var& x) { return column(x, 0) * column(x, 1); }},
    {"scores of attention",
     [](const Var& x) {
       const Var tokens = reshape(x, {1, 2, 2});
       return reshape(matmul(tokens, tokens, false, true), {1, 4});
     }},
};

BOOST_AUTO_TEST_SUITE(escape)

BOOST_AUTO_TEST_CASE(functions_without_a_constant_are_unbounded) {
  for (const Case& c : without_constant)
    for (const Norm norm : {Norm::l1, Norm::l2, Norm::linf}) BOOST_TEST_CONTEXT(c.name) {
        const AutoLipReport report = of(c.f, norm);
        BOOST_TEST(report.status == Status::unbounded, report.note);
        BOOST_TEST(report.note.starts_with("+inf, certified, because of node "), report.note);
        BOOST_TEST(report.bound.magnitude().is_infinite());
      }
}

// Each has a finite constant, and an operation that has none by itself.
BOOST_AUTO_TEST_CASE(functions_with_a_constant_are_never_called_unbounded) {
  const std::vector<Case> lipschitz{
      {"norm written out", [](const Var& x) { return sqrt(sum(square(x), {1}) + 1e-6); }},
      {"norm behind a layer", [](const Var& x) { return sqrt(sum(square(layer(x, 3, 1)), {1}) + 0.25); }},
      {"absolute value through a square", [](const Var& x) { return sqrt(square(x)); }},
      {"sigmoid written out", [](const Var& x) { return reciprocal(1.0 + exp(x)); }},
      {"log of exp", [](const Var& x) { return log(exp(x)); }},
      {"log of a sum of exps", [](const Var& x) { return log(sum(exp(x), {1})); }},
      {"gate", [](const Var& x) { return tanh(layer(x, 3, 2)) * sigmoid(layer(x, 3, 4)); }},
      {"swish written out", [](const Var& x) { return x * sigmoid(x); }},
      {"gauss", [](const Var& x) { return exp(neg(square(x))); }},
      {"exp of what is bounded above", [](const Var& x) { return exp(neg(relu(x))); }},
      {"exps that cancel", [](const Var& x) { return exp(x) - exp(x); }},
      {"one exp that cancels itself",
       [](const Var& x) {
         const Var e = exp(x);
         return e - e;
       }},
      {"squares that cancel to an affine function",
       [](const Var& x) { return square(x + 1.0) - square(x) - scale(x, 2.0); }},
      {"products that cancel", [](const Var& x) { return column(x, 0) * column(x, 1) - column(x, 1) * column(x, 0); }},
      {"a product with what cancels", [](const Var& x) { return (x - x) * x; }},
      {"product with opposite signs of entries that are equal",
       [](const Var& x) {
         const Var same = concat({column(x, 0), column(x, 0)}, 1);
         return dense(exp(same), Var(Tensor::of({1, 2}, {1.0, -1.0})), Var());
       }},
      {"square of entries that cancel",
       [](const Var& x) {
         const Var same = concat({column(x, 0), neg(column(x, 0))}, 1);
         return dense(square(same), Var(Tensor::of({1, 2}, {1.0, -1.0})), Var());
       }},
      {"exp of what does not vary after all", [](const Var& x) { return exp(scale(x, 0.0)); }},
      {"exp that is weighed with 0", [](const Var& x) { return scale(exp(x), 0.0) + x; }},
      {"1/√(x² + 1)", [](const Var& x) { return rsqrt(square(x) + 1.0); }},
      {"x / √(x² + 1)", [](const Var& x) { return x / sqrt(square(x) + 1.0); }},
      {"softsign written out", [](const Var& x) { return x / (1.0 + abs(x)); }},
  };
  for (const Case& c : lipschitz)
    for (const Norm norm : {Norm::l1, Norm::l2, Norm::linf}) BOOST_TEST_CONTEXT(c.name) {
        const AutoLipReport report = of(c.f, norm);
        BOOST_TEST(report.status != Status::unbounded, report.note);
        if (report.status == Status::no_rule)
          BOOST_TEST(report.note.find("not proved to be unbounded") != std::string::npos, report.note);
      }
}

// A root of which one entry is the root of −1 throughout.
BOOST_AUTO_TEST_CASE(what_is_defined_nowhere_proves_nothing) {
  const Function nowhere = [](const Var& x) {
    return sqrt(concat({column(x, 0), scale(column(x, 1), 0.0) + -1.0}, 1));
  };
  BOOST_TEST(of(nowhere).status == Status::no_rule);
  const Function somewhere = [](const Var& x) {
    return sqrt(concat({column(x, 0), scale(column(x, 1), 0.0) + 1.0}, 1));
  };
  BOOST_TEST(of(somewhere).status == Status::unbounded);
}

BOOST_AUTO_TEST_CASE(a_box_is_hinted_at_and_nothing_is_proved_on_it) {
  const Function f = [](const Var& x) { return x * sigmoid(x); };
  BOOST_TEST(of(f).note.ends_with(box_hint));
  BOOST_TEST(of(f, Norm::l2, Interval{-1.0, 1.0}).status == Status::finite);
  const AutoLipReport root = of([](const Var& x) { return sqrt(x); }, Norm::l2, Interval{0.0, 1.0});
  BOOST_TEST(root.status == Status::no_rule);
  BOOST_TEST(!root.note.ends_with(box_hint), root.note);
}

BOOST_AUTO_TEST_CASE(seqlip_says_the_same) {
  for (const Case& c : without_constant) BOOST_TEST_CONTEXT(c.name)
  BOOST_TEST(seqlip(c.f, Tensor::full({1, 4}, DType::f64, 1.0)).status == Status::unbounded);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace taut
