// Self-attention against sums over heads and tokens in long double.
#include "nn/attention.h"

#include <boost/test/unit_test.hpp>

#include "autodiff/diff.h"
#include "lipschitz/autolip.h"
#include "tests/support/module_checks.h"

using namespace taut;
using namespace taut::test;

namespace {

using Real = long double;
using Rows = std::vector<std::vector<Real>>;

constexpr Index samples = 2, tokens = 5, dim = 6, heads = 2, size = dim / heads;
const Shape input{samples, tokens, dim};
const nn::AttentionOptions in_f64{.dtype = DType::f64};

// x·Wᵀ + b of one sample.
Rows dense_rows(const Rows& x, const nn::Linear& layer) {
  Rows y;
  for (const auto& row : x) {
    y.emplace_back();
    for (Index o = 0; o < dim; ++o) {
      Real sum = layer.bias.defined() ? Real(layer.bias.value.at(o)) : 0;
      for (Index i = 0; i < dim; ++i)
        sum += Real(layer.weight.value.at(o * dim + i)) * row[static_cast<std::size_t>(i)];
      y.back().push_back(sum);
    }
  }
  return y;
}

Rows sample_rows(const Tensor& x, Index n) {
  Rows rows(tokens, std::vector<Real>(dim));
  for (Index i = 0; i < tokens; ++i)
    for (Index j = 0; j < dim; ++j)
      rows[static_cast<std::size_t>(i)][static_cast<std::size_t>(j)] = x.at((n * tokens + i) * dim + j);
  return rows;
}

// Shares exp(score(i, j)) / Σ_j exp(score(i, j)) of the tokens j that i sees.
template <class Score>
Rows shares(Score&& score, bool causal) {
  Rows p;
  for (std::size_t i = 0; i < tokens; ++i) {
    const std::size_t seen = causal ? i + 1 : tokens;
    std::vector<Real> row(tokens);
    Real total = 0;
    for (std::size_t j = 0; j < seen; ++j) total += row[j] = std::exp(score(i, j));
    for (Real& share : row) share /= total;
    p.push_back(row);
  }
  return p;
}

void check_rows(const Tensor& y, Index n, const Rows& expected) {
  for (Index i = 0; i < tokens; ++i)
    for (Index j = 0; j < dim; ++j)
      BOOST_TEST(std::fabs(static_cast<double>(Real(y.at((n * tokens + i) * dim + j)) -
                                               expected[static_cast<std::size_t>(i)][static_cast<std::size_t>(j)])) <=
                 1e-13);
}

// Larger than initial weights are, or all shares are nearly equal.
void randomise(nn::ModuleRef module) {
  nn::Random random(4);
  for (nn::Parameter* p : nn::parameters(module)) p->value = normal_tensor(p->value.shape(), random);
}

using Names = std::vector<std::string>;
void check_names(nn::ModuleRef module, const Names& expected) {
  const Names names = parameter_names(module);
  BOOST_TEST(names == expected, boost::test_tools::per_element());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(attention_modules)

BOOST_AUTO_TEST_CASE(heads_attend_by_dot_products) {
  for (const bool causal : {false, true}) {
    nn::Random random(1);
    nn::MultiHeadAttention layer(dim, heads, random, {.causal = causal, .dtype = DType::f64});
    check_names(layer, {"query.weight", "query.bias", "key.weight", "key.bias", "value.weight", "value.bias",
                        "output.weight", "output.bias"});
    randomise(layer);
    const Tensor x = normal_tensor(input, random);
    const Tensor y = layer(x).value();
    BOOST_TEST(y.shape() == input);
    for (Index n = 0; n < samples; ++n) {
      const Rows rows = sample_rows(x, n);
      const Rows q = dense_rows(rows, layer.query), k = dense_rows(rows, layer.key), v = dense_rows(rows, layer.value);
      Rows joined(tokens, std::vector<Real>(dim));
      for (std::size_t h = 0; h < heads; ++h) {
        const Rows p = shares(
            [&](std::size_t i, std::size_t j) {
              Real dot = 0;
              for (std::size_t d = h * size; d < (h + 1) * size; ++d) dot += q[i][d] * k[j][d];
              return dot / std::sqrt(Real(size));
            },
            causal);
        for (std::size_t i = 0; i < tokens; ++i)
          for (std::size_t d = h * size; d < (h + 1) * size; ++d)
            for (std::size_t j = 0; j < tokens; ++j) joined[i][d] += p[i][j] * v[j][d];
      }
      check_rows(y, n, dense_rows(joined, layer.output));
    }
    check_gradients(layer, input);
  }
}

BOOST_AUTO_TEST_CASE(a_causal_token_does_not_see_later_ones) {
  nn::Random random(1);
  nn::MultiHeadAttention layer(dim, heads, random, {.causal = true, .dtype = DType::f64});
  const Tensor x = normal_tensor(input, random);
  Tensor changed = x.copy();
  changed.mutable_data<double>()[3 * dim] += 1.0;  // token 3 of sample 0
  const Tensor before = layer(x).value(), after = layer(changed).value();
  BOOST_TEST(same_bits(slice(before, 1, 0, 3).value(), slice(after, 1, 0, 3).value()));
  BOOST_TEST(!same_bits(slice(before, 1, 3, 4).value(), slice(after, 1, 3, 4).value()));
  // Another number of tokens takes another mask.
  BOOST_TEST(layer(slice(x, 1, 0, 3)).shape() == (Shape{samples, 3, dim}));
  BOOST_TEST(largest_difference(layer(slice(x, 1, 0, 3)).value(), slice(before, 1, 0, 3).value()) <= 1e-14);
}

BOOST_AUTO_TEST_CASE(heads_attend_by_distances) {
  nn::Random random(1);
  nn::L2SelfAttention layer(dim, heads, random, in_f64);
  check_names(layer, {"query.weight", "value.weight", "output.weight", "output.bias"});
  randomise(layer);
  const Tensor x = normal_tensor(input, random);
  const Tensor y = layer(x).value();
  BOOST_TEST(y.shape() == input);
  const Real root = std::sqrt(Real(size));
  for (Index n = 0; n < samples; ++n) {
    const Rows rows = sample_rows(x, n), u = dense_rows(rows, layer.query);
    Rows joined(tokens, std::vector<Real>(dim));
    for (std::size_t h = 0; h < heads; ++h) {
      const Rows p = shares(
          [&](std::size_t i, std::size_t j) {
            Real square = 0;
            for (std::size_t d = h * size; d < (h + 1) * size; ++d) square += (u[i][d] - u[j][d]) * (u[i][d] - u[j][d]);
            return -square / root;
          },
          false);
      // P x W Wᵀ V / √d, in the order of Kim et al.: x·(W·Wᵀ/√d) first.
      const auto w = [&](std::size_t row, std::size_t column) {
        return Real(layer.query.weight.value.at(static_cast<Index>(row * dim + column)));
      };
      for (std::size_t i = 0; i < tokens; ++i)
        for (std::size_t d = h * size; d < (h + 1) * size; ++d)
          for (std::size_t j = 0; j < tokens; ++j)
            for (std::size_t e = h * size; e < (h + 1) * size; ++e)
              for (std::size_t c = 0; c < dim; ++c)
                joined[i][d] += p[i][j] * u[j][e] * w(e, c) / root *
                                Real(layer.value.weight.value.at(static_cast<Index>(d * dim + c)));
    }
    check_rows(y, n, dense_rows(joined, layer.output));
  }
  check_gradients(layer, input);
}

// What the two are about: one has no constant over the reals, the other has, and slopes stay below it.
BOOST_AUTO_TEST_CASE(only_l2_attention_has_a_constant) {
  nn::Random random(1);
  nn::MultiHeadAttention dot(dim, heads, random, in_f64);
  nn::L2SelfAttention distance(dim, heads, random, in_f64);
  const Tensor x = normal_tensor(Shape{1, tokens, dim}, random);
  BOOST_TEST(autolip([&](const Var& v) { return dot(v); }, x).bound.value() == INFINITY);
  AutoLipOptions box;
  box.question.domain = Domain::box(Interval{-1.0, 1.0});
  BOOST_TEST(autolip([&](const Var& v) { return dot(v); }, x, box).bound.value() < INFINITY);
  const UpperBound bound = autolip([&](const Var& v) { return distance(v); }, x).bound;
  BOOST_TEST(bound.is_certified());
  BOOST_TEST(bound.value() < INFINITY);
  for (int i = 0; i < 20; ++i) {
    const Tensor a = normal_tensor(x.shape(), random),
                 b = (Var(a) + scale(normal_tensor(x.shape(), random), 0.1)).value();
    const double rise = std::sqrt(sum(square(sub(distance(a), distance(b)))).item());
    const double run = std::sqrt(sum(square(sub(a, b))).item());
    BOOST_TEST(rise <= bound.value() * run);
  }
}

BOOST_AUTO_TEST_CASE(copies_are_independent_and_biases_optional) {
  nn::Random random(1);
  nn::MultiHeadAttention layer(dim, heads, random, {.bias = false});
  check_names(layer, {"query.weight", "key.weight", "value.weight", "output.weight"});
  nn::MultiHeadAttention copied = layer;
  copied.key.weight.value.mutable_data<float>()[0] = 77.0F;
  BOOST_TEST(layer.key.weight.value.at(0) != 77.0);
  BOOST_TEST((layer(Tensor::zeros(input, DType::f32)).dtype() == DType::f32));
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_is_refused) {
  nn::Random random(1);
  TAUT_CHECK_THROWS(ShapeError, nn::MultiHeadAttention(6, 4, random), "[multi_head_attention]", "4 heads",
                    "dimension 6");
  TAUT_CHECK_THROWS(ShapeError, nn::L2SelfAttention(6, 0, random), "[l2_self_attention]", "heads", "got 0");
  TAUT_CHECK_THROWS(UnsupportedError, nn::L2SelfAttention(6, 2, random, {.causal = true}), "[l2_self_attention]",
                    "MultiHeadAttention");
  nn::MultiHeadAttention layer(dim, heads, random);
  TAUT_CHECK_THROWS(ShapeError, layer(Tensor::zeros(Shape{2, dim}, DType::f32)), "[multi_head_attention]", "(2, 6)",
                    "(n, tokens, 6)");
  nn::L2SelfAttention distance(dim, heads, random);
  TAUT_CHECK_THROWS(ShapeError, distance(Tensor::zeros(Shape{2, 3, 4}, DType::f32)), "[l2_self_attention]",
                    "(2, 3, 4)");
}

BOOST_AUTO_TEST_SUITE_END()
