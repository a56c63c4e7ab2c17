// The same of elementwise functions with parameters, norms, normalisation and attention.
#include "tests/support/bad_call.h"

namespace taut::test {
namespace {

constexpr double infinite = std::numeric_limits<double>::infinity();

Tensor numbers(std::initializer_list<double> values) {
  return Tensor::of(Shape{static_cast<Index>(values.size())}, values);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(bad_input_of_functions)

BOOST_AUTO_TEST_CASE(parameters_that_are_not_finite) {
  expect_refusals<NumericError>({
      {"pow", "NaN", [] { (void)pow(zeros({2}), nan); }},
      {"pow", "infinity", [] { (void)pow(zeros({2}), infinite); }},
      {"pow", "not finite in f32", [] { (void)pow(single({2}), 1e300); }},
      {"elu", "NaN", [] { (void)elu(zeros({2}), nan); }},
      {"selu", "alpha", [] { (void)selu(zeros({2}), infinite, 1.0); }},
      {"selu", "gamma", [] { (void)selu(zeros({2}), 1.0, nan); }},
      {"celu", "NaN", [] { (void)celu(zeros({2}), nan); }},
      {"hard_sigmoid", "alpha", [] { (void)hard_sigmoid(zeros({2}), nan, 0.5); }},
      {"hard_sigmoid", "beta", [] { (void)hard_sigmoid(zeros({2}), 0.2, infinite); }},
      {"where", "NaN in the condition",
       [] {
         (void)where(numbers({1, nan}), zeros({2}), zeros({2}));
       }},
      {"standardise", "eps is NaN", [] { (void)standardise(zeros({2}), {0}, nan); }},
      {"l2_normalise", "eps is infinite", [] { (void)l2_normalise(zeros({2}), {0}, infinite); }},
      {"l2_attention", "the scale is NaN",
       [] {
         (void)l2_attention(zeros({3, 2}), nan);
       }},
  });
}

BOOST_AUTO_TEST_CASE(parameters_outside_of_their_domain) {
  expect_refusals<DomainError>({
      {"celu", "alpha is 0", [] { (void)celu(zeros({2}), 0.0); }},
      {"celu", "alpha is negative", [] { (void)celu(zeros({2}), -1.0); }},
      {"clip", "the ends are exchanged", [] { (void)clip(zeros({2}), 1.0, -1.0); }},
      {"clip", "NaN", [] { (void)clip(zeros({2}), nan, 1.0); }},
      {"clip", "nothing is left", [] { (void)clip(zeros({2}), infinite, infinite); }},
      {"standardise", "eps is 0", [] { (void)standardise(zeros({2}), {0}, 0.0); }},
      {"standardise", "eps is 0 in f32", [] { (void)standardise(single({2}), {0}, 1e-60); }},
      {"layer_norm", "eps is negative", [] { (void)layer_norm(zeros({2}), Var(), Var(), -1e-5); }},
      {"l2_normalise", "eps is negative", [] { (void)l2_normalise(zeros({2}), {0}, -1.0); }},
      {"l2_attention", "the scale is 0",
       [] {
         (void)l2_attention(zeros({3, 2}), 0.0);
       }},
  });
}

BOOST_AUTO_TEST_CASE(shapes_and_axes) {
  expect_refusals<ShapeError>({
      {"minimum", "(2) and (3)", [] { (void)minimum(zeros({2}), zeros({3})); }},
      {"prelu", "a slope per what?",
       [] {
         (void)prelu(zeros({2, 3}), zeros({2}));
       }},
      {"where", "the condition",
       [] {
         (void)where(numbers({1, 0}), zeros({3}), zeros({3}));
       }},
      {"where", "the choices", [] { (void)where(numbers({1}), zeros({3}), zeros({2})); }},
      {"min", "no axis 2",
       [] {
         (void)min(zeros({2, 3}), {2});
       }},
      {"min", "of nothing",
       [] {
         (void)min(zeros({2, 0}), {1});
       }},
      {"l1_norm", "no axis -3",
       [] {
         (void)l1_norm(zeros({2, 3}), {-3});
       }},
      {"l2_norm", "an axis twice",
       [] {
         (void)l2_norm(zeros({2, 3}), {1, -1});
       }},
      {"linf_norm", "of nothing",
       [] {
         (void)linf_norm(zeros({2, 0}), {1});
       }},
      {"variance", "of nothing",
       [] {
         (void)variance(zeros({2, 0}), {1});
       }},
      {"variance", "of one number, unbiased",
       [] {
         (void)variance(zeros({2, 1}), {1}, false, true);
       }},
      {"standardise", "of nothing",
       [] {
         (void)standardise(zeros({2, 0}), {1}, 1.0);
       }},
      {"standardise", "no axis 2",
       [] {
         (void)standardise(zeros({2, 3}), {2}, 1.0);
       }},
      {"l2_normalise", "no axis 2",
       [] {
         (void)l2_normalise(zeros({2, 3}), {2}, 1.0);
       }},
      {"layer_norm", "gamma of another length",
       [] {
         (void)layer_norm(zeros({2, 3}), zeros({2}), Var());
       }},
      {"layer_norm", "beta of another length",
       [] {
         (void)layer_norm(zeros({2, 3}), zeros({3}), zeros({2}));
       }},
      {"layer_norm", "gamma of a higher rank",
       [] {
         (void)layer_norm(zeros({3}), zeros({2, 3}), Var());
       }},
      {"layer_norm", "a number as gamma",
       [] {
         (void)layer_norm(zeros({2, 3}), zeros({}), Var());
       }},
      {"group_norm", "groups that do not divide",
       [] {
         (void)group_norm(zeros({1, 3, 2}), 2, Var(), Var());
       }},
      {"group_norm", "no groups",
       [] {
         (void)group_norm(zeros({1, 3, 2}), 0, Var(), Var());
       }},
      {"group_norm", "a negative number of groups",
       [] {
         (void)group_norm(zeros({1, 3, 2}), -3, Var(), Var());
       }},
      {"group_norm", "no channels", [] { (void)group_norm(zeros({3}), 1, Var(), Var()); }},
      {"instance_norm", "no image",
       [] {
         (void)instance_norm(zeros({2, 3}), Var(), Var());
       }},
      {"attention", "keys of another width",
       [] {
         (void)attention(zeros({2, 3}), zeros({4, 2}), zeros({4, 3}));
       }},
      {"attention", "a value too few",
       [] {
         (void)attention(zeros({2, 3}), zeros({4, 3}), zeros({3, 3}));
       }},
      {"attention", "vectors", [] { (void)attention(zeros({3}), zeros({3}), zeros({3})); }},
      {"attention", "width 0",
       [] {
         (void)attention(zeros({2, 0}), zeros({4, 0}), zeros({4, 3}));
       }},
      {"l2_attention", "a vector", [] { (void)l2_attention(zeros({3}), 1.0); }},
      {"l2_attention", "no tokens",
       [] {
         (void)l2_attention(zeros({0, 3}), 1.0);
       }},
  });
}

BOOST_AUTO_TEST_CASE(operands_that_are_not_there) {
  expect_refusals<UsageError>({
      {"where", "the condition", [] { (void)where(Tensor(), zeros({2}), zeros({2})); }},
      {"where", "a choice",
       [] {
         (void)where(numbers({1, 0}), zeros({2}), nothing());
       }},
      {"attention", "the values",
       [] {
         (void)attention(zeros({2, 3}), zeros({4, 3}), nothing());
       }},
      {"layer_norm", "x", [] { (void)layer_norm(nothing(), Var(), Var()); }},
      {"group_norm", "x", [] { (void)group_norm(nothing(), 1, Var(), Var()); }},
      {"l2_norm", "x", [] { (void)l2_norm(nothing()); }},
      {"clip", "x", [] { (void)clip(nothing(), 0.0, 1.0); }},
  });
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace taut::test
