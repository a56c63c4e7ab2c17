// AutoLip on graphs whose constants are known.
#include "lipschitz/autolip.h"

#include <boost/test/unit_test.hpp>
#include <cmath>

#include "autodiff/error.h"
#include "autodiff/ops.h"
#include "lipschitz/spectral.h"
#include "tests/support/oracles.h"

namespace taut {
namespace {

using boost::test_tools::tolerance;
using testing::Random;

constexpr Norm norms[] = {Norm::l1, Norm::l2, Norm::linf};

AutoLipOptions in_norm(Norm norm) {
  AutoLipOptions options;
  options.question.norm = norm;
  return options;
}
// What the recursion over norms and gains says, without what is better than it.
AutoLipOptions products_in(Norm norm) {
  AutoLipOptions options = in_norm(norm);
  options.products_only = true;
  return options;
}
AutoLipOptions on_box(double lo, double hi, Norm norm = Norm::l2) {
  AutoLipOptions options = in_norm(norm);
  options.question.domain = Domain::box(Interval{lo, hi});
  return options;
}

// ln(1 + e^{x/2}) + |x/2 − ω sin x|
Var paper_example(const Var& x, const Var& omega) {
  const Var half = x / 2.0;
  return softplus(half) + abs(half - omega * sin(x));
}

double norm_of(const Tensor& matrix, Norm norm) {
  return static_cast<double>(norm == Norm::l2 ? testing::spectral_norm(matrix)
                                              : testing::sum_norm(matrix, norm == Norm::linf));
}

void check_contains(const std::string& text, const std::string& part) {
  BOOST_TEST(text.find(part) != std::string::npos, '"' << text << "\" does not say \"" << part << '"');
}

}  // namespace

BOOST_AUTO_TEST_SUITE(autolip_on_graphs)

BOOST_AUTO_TEST_CASE(the_papers_example_is_exact) {
  for (const DType dtype : {DType::f32, DType::f64})
    for (const double w : {0.0, 1.0, 2.0, -3.0, 0.5, -0.875, 1e-3, 0.1, 1024.0, 0x1p40})
      for (const Norm norm : norms) {
        Tape tape;
        const Var omega = tape.constant(Tensor::scalar(w, dtype), "w");
        const AutoLipReport report =
            autolip(paper_example(tape.input(Tensor::scalar(0.3, dtype), "x"), omega), in_norm(norm));
        BOOST_TEST_CONTEXT("w = " << w << ' ' << dtype << ' ' << norm) {
          const double stored = std::fabs(omega.value().item()), exact = 1.0 + stored;
          BOOST_TEST(report.bound.value() >= exact);
          BOOST_TEST(report.bound.value() <= std::nextafter(exact, infinity));
          if (exact - 1.0 == stored) BOOST_TEST(report.bound.value() == exact);  // 1 + |w| is a double
          BOOST_TEST(report.bound.is_certified());
          BOOST_TEST((report.status == Status::finite));
        }
      }
}

BOOST_AUTO_TEST_CASE(broadcasting_multiplies) {
  // x + mean(x) over one channel has constant 2, not 1 + 1/√n.
  const Function f = [](const Var& x) { return x + mean(x, {1}, true); };
  for (const Norm norm : norms) {
    const AutoLipReport report = autolip(f, Tensor::full({1, 16}, DType::f64, 1.0), in_norm(norm));
    BOOST_TEST(report.bound.value() >= 2.0);
    BOOST_TEST(report.bound.value() == 2.0, tolerance(1e-12));
    BOOST_TEST(report.bound.is_certified());
  }
  // A (1,1,3) constant added to a (1,4,1) input repeats every entry three times.
  const Function g = [](const Var& x) { return x + Var(Tensor::zeros({1, 1, 3}, DType::f64)); };
  BOOST_TEST(autolip(g, Tensor::zeros({1, 4, 1}, DType::f64)).bound.value() == std::sqrt(3.0), tolerance(1e-14));
  BOOST_TEST(autolip(g, Tensor::zeros({1, 4, 1}, DType::f64), in_norm(Norm::l1)).bound.value() == 3.0);
  BOOST_TEST(autolip(g, Tensor::zeros({1, 4, 1}, DType::f64), in_norm(Norm::linf)).bound.value() == 1.0);
}

BOOST_AUTO_TEST_CASE(affine_chains_fold_into_one_map) {
  Random random(31);
  for (int k = 0; k < testing::iterations(10); ++k) {
    const Tensor w1 = random.normals({6, 4}, DType::f32), w2 = random.normals({5, 6}, DType::f32);
    const Function f = [&](const Var& x) { return dense(dense(x, w1, Var()), w2, Var()); };
    Tensor product = Tensor::zeros({5, 4}, DType::f64);
    for (Index i = 0; i < 5; ++i)
      for (Index j = 0; j < 4; ++j)
        for (Index l = 0; l < 6; ++l)
          product.mutable_data<double>()[static_cast<std::size_t>(i * 4 + j)] += w2.at(i * 6 + l) * w1.at(l * 4 + j);
    for (const Norm norm : norms) {
      const AutoLipReport report = autolip(f, Tensor::zeros({1, 4}, DType::f32), in_norm(norm));
      BOOST_TEST(report.bound.value() >= norm_of(product, norm) * (1 - 1e-15));
      BOOST_TEST(report.bound.value() == norm_of(product, norm), tolerance(1e-9));
      BOOST_TEST(report.bound.is_certified());
    }
  }
}

BOOST_AUTO_TEST_CASE(a_path_and_its_negative_cancel) {
  Random random(32);
  const Tensor w = random.normals({4, 4});
  const Function f = [&](const Var& x) { return dense(x, w, Var()) - dense(x, w, Var()); };
  // Only folding sees it; what is left is the rounding of the folded matrix.
  BOOST_TEST(autolip(f, Tensor::zeros({1, 4}, DType::f64)).bound.value() < 1e-12);
}

BOOST_AUTO_TEST_CASE(sequential_networks_get_the_product_of_layer_norms) {
  Random random(33);
  const Tensor w1 = random.normals({7, 3}), w2 = random.normals({7, 7}), w3 = random.normals({2, 7});
  const auto net = [&](const Var& x) { return dense(tanh(dense(relu(dense(x, w1, Var())), w2, Var())), w3, Var()); };
  for (const Norm norm : norms) {
    const double product = norm_of(w1, norm) * norm_of(w2, norm) * norm_of(w3, norm);
    const AutoLipReport report = autolip(net, Tensor::zeros({1, 3}, DType::f64), products_in(norm));
    BOOST_TEST(report.bound.value() >= product * (1 - 1e-15));
    BOOST_TEST(report.bound.value() == product, tolerance(1e-9));
    BOOST_TEST(autolip(net, Tensor::zeros({1, 3}, DType::f64), in_norm(norm)).bound.value() <= report.bound.value());
  }
  AutoLipOptions frobenius;
  frobenius.affine_norm = AffineNorm::frobenius;
  double product = 1.0;
  for (const Tensor& w : {w1, w2, w3}) {
    double squares = 0.0;
    for (const double v : w.data<double>()) squares += v * v;
    product *= std::sqrt(squares);
  }
  const AutoLipReport report = autolip(net, Tensor::zeros({1, 3}, DType::f64), frobenius);
  BOOST_TEST(report.bound.value() == product, tolerance(1e-12));
  BOOST_TEST(report.bound.value() >= autolip(net, Tensor::zeros({1, 3}, DType::f64)).bound.value());
  BOOST_TEST(report.bound.is_certified());
  BOOST_TEST(report.bound.method() == "frobenius");
  frobenius.question.norm = Norm::l1;
  BOOST_CHECK_THROW(autolip(net, Tensor::zeros({1, 3}, DType::f64), frobenius), UsageError);
}

BOOST_AUTO_TEST_CASE(residual_blocks_add) {
  Random random(34);
  const Tensor w1 = random.normals({6, 4}), w2 = random.normals({4, 6});
  const auto f = [&](const Var& x) { return x + dense(relu(dense(x, w1, Var())), w2, Var()); };
  for (const Norm norm : norms) {
    const double sum = 1.0 + norm_of(w1, norm) * norm_of(w2, norm);
    BOOST_TEST(autolip(f, Tensor::zeros({1, 4}, DType::f64), products_in(norm)).bound.value() == sum, tolerance(1e-9));
    BOOST_TEST(autolip(f, Tensor::zeros({1, 4}, DType::f64), in_norm(norm)).bound.value() < sum);
  }
}

BOOST_AUTO_TEST_CASE(concatenations_join) {
  const auto f = [](const Var& x) { return concat({sin(x * 3.0), cos(x * 4.0)}, 1); };
  const Tensor x = Tensor::zeros({1, 5}, DType::f64);
  BOOST_TEST(autolip(f, x, in_norm(Norm::l1)).bound.value() == 7.0);
  BOOST_TEST(autolip(f, x, in_norm(Norm::l2)).bound.value() == 5.0);
  BOOST_TEST(autolip(f, x, in_norm(Norm::linf)).bound.value() == 4.0);
}

BOOST_AUTO_TEST_CASE(several_inputs_count_in_the_joint_norm) {
  for (const auto& [norm, exact] : {std::pair{Norm::l1, 4.0}, {Norm::l2, 5.0}, {Norm::linf, 7.0}}) {
    Tape tape;
    const Var x = tape.input(Tensor::scalar(1.0), "x"), y = tape.input(Tensor::scalar(2.0), "y");
    BOOST_TEST(autolip(x * 3.0 + y * 4.0, in_norm(norm)).bound.value() == exact, tolerance(1e-12));
  }
}

BOOST_AUTO_TEST_CASE(selections_count_what_shares_an_input) {
  // Windows of 3 by steps of 2: a pixel lies in up to 2 × 2 of them.
  Pool2dOptions pool;
  pool.window = {3, 3};
  const auto f = [&](const Var& x) { return max_pool2d(x, pool); };
  const Tensor image = Tensor::zeros({1, 2, 9, 9}, DType::f32);
  BOOST_TEST(autolip(f, image, in_norm(Norm::l1)).bound.value() == 4.0);
  BOOST_TEST(autolip(f, image, in_norm(Norm::l2)).bound.value() == 2.0);
  BOOST_TEST(autolip(f, image, in_norm(Norm::linf)).bound.value() == 1.0);
  // The maximum of two numbers moves as the faster one at most; of vectors, other entries may come from the other.
  const auto g = [](const Var& x) { return maximum(x * 3.0, x * -4.0); };
  BOOST_TEST(autolip(g, Tensor::scalar(1.0)).bound.value() == 4.0);
  BOOST_TEST(autolip(g, Tensor::zeros({3}, DType::f64)).bound.value() == 5.0);
  BOOST_TEST(autolip(g, Tensor::zeros({3}, DType::f64), in_norm(Norm::linf)).bound.value() == 4.0);
}

BOOST_AUTO_TEST_CASE(products_have_no_bound_without_a_box) {
  const auto f = [](const Var& x) { return x * sin(x); };
  const AutoLipReport everywhere = autolip(f, Tensor::zeros({1, 3}, DType::f64));
  BOOST_TEST(everywhere.bound.value() == infinity);
  BOOST_TEST(everywhere.bound.is_certified());
  BOOST_TEST((everywhere.status == Status::no_rule));
  check_contains(everywhere.note,
                 "not proved to be unbounded: no bound is known behind node 2 (mul, autolip_test.cpp:");
  check_contains(everywhere.note, std::string(box_hint));
  // |sin x + x cos x| ≤ 1 + |x|
  const AutoLipReport inside = autolip(f, Tensor::zeros({1, 3}, DType::f64), on_box(-2.0, 1.0));
  BOOST_TEST((inside.status == Status::finite));
  BOOST_TEST(inside.bound.is_certified());
  BOOST_TEST(inside.bound.value() >= std::sin(2.0) - 2.0 * std::cos(2.0));
  BOOST_TEST(inside.bound.value() <= 3.0 * (1 + 1e-12));
}

BOOST_AUTO_TEST_CASE(the_bilinear_reference_is_bounded_on_its_box) {
  // y = (A x)(B x) on [-1, 1]^4: the Jacobian diag(Ax) B + diag(Bx) A is linear in x, so its norm is largest at a
  // vertex.
  Random random(35);
  const Tensor a = random.normals({3, 4}), b = random.normals({3, 4});
  const auto f = [&](const Var& x) { return dense(x, a, Var()) * dense(x, b, Var()); };
  for (const Norm norm : norms) {
    double exact = 0.0;
    for (int vertex = 0; vertex < 16; ++vertex) {
      Tensor jacobian = Tensor::zeros({3, 4}, DType::f64);
      for (Index i = 0; i < 3; ++i) {
        double ax = 0.0, bx = 0.0;
        for (Index j = 0; j < 4; ++j) {
          const double x = (vertex >> j & 1) != 0 ? 1.0 : -1.0;
          ax += a.at(i * 4 + j) * x;
          bx += b.at(i * 4 + j) * x;
        }
        for (Index j = 0; j < 4; ++j)
          jacobian.mutable_data<double>()[static_cast<std::size_t>(i * 4 + j)] =
              ax * b.at(i * 4 + j) + bx * a.at(i * 4 + j);
      }
      exact = std::max(exact, norm_of(jacobian, norm));
    }
    const AutoLipReport report = autolip(f, Tensor::zeros({1, 4}, DType::f64), on_box(-1.0, 1.0, norm));
    BOOST_TEST(report.bound.value() >= exact);
    BOOST_TEST(report.bound.value() <= 4.0 * exact);
  }
}

BOOST_AUTO_TEST_CASE(a_constant_factor_of_zero_stops_infinity) {
  const auto f = [](const Var& x) { return exp(x) * 0.0; };
  const AutoLipReport report = autolip(f, Tensor::zeros({2}, DType::f64));
  BOOST_TEST(report.bound.value() == 0.0);
  BOOST_TEST(report.bound.is_certified());
  BOOST_TEST((report.status == Status::finite));
}

BOOST_AUTO_TEST_CASE(outputs_without_inputs_are_constant) {
  Tape tape;
  tape.input(Tensor::scalar(1.0), "x");
  const Var p = tape.parameter(Tensor::scalar(2.0), "p");
  BOOST_TEST(autolip(exp(p)).bound.value() == 0.0);
}

BOOST_AUTO_TEST_CASE(boxes_make_smooth_activations_smaller_and_relus_linear) {
  const auto f = [](const Var& x) { return tanh(x); };
  const double slope = 1.0 - std::tanh(1.0) * std::tanh(1.0);
  BOOST_TEST(autolip(f, Tensor::zeros({1, 3}, DType::f64), on_box(1.0, 2.0)).bound.value() == slope, tolerance(1e-9));
  // All units active: y = W2 (W1 x + 10), one map.
  Random random(36);
  const Tensor w1 = random.normals({4, 4}), w2 = random.normals({4, 4}), bias = Tensor::full({4}, DType::f64, 50.0);
  const auto net = [&](const Var& x) { return dense(relu(dense(x, w1, bias)), w2, Var()); };
  const auto linear = [&](const Var& x) { return dense(dense(x, w1, bias), w2, Var()); };
  const Tensor x = Tensor::zeros({1, 4}, DType::f64);
  BOOST_TEST(autolip(net, x, on_box(-1.0, 1.0)).bound.value() == autolip(linear, x).bound.value(), tolerance(1e-9));
}

BOOST_AUTO_TEST_CASE(normalisation_folds_into_the_convolution_before) {
  Random random(37);
  const Tensor kernel = random.normals({4, 3, 3, 3}, DType::f32);
  const Tensor gamma = random.normals({4}, DType::f32), beta = random.normals({4}, DType::f32);
  const Tensor mean = random.normals({4}, DType::f32), variance = Tensor::of<float>({4}, {0.3F, 2.0F, 0.01F, 1.0F});
  Conv2dOptions options;
  options.padding = {1, 1, 1, 1};
  const auto f = [&](const Var& x) {
    return batch_norm(conv2d(x, kernel, Var(), options), gamma, beta, mean, variance, 1e-5);
  };
  const Tensor x = Tensor::zeros({1, 3, 6, 6}, DType::f32);
  // Oracle: the matrix of the convolution, rows times gamma / sqrt(variance + eps) in double.
  Tape tape;
  const Var input = tape.input(x);
  const Var y = conv2d(input, kernel, Var(), options);
  const LinearMap map(Shape{3, 6, 6}, Shape{4, 6, 6},
                      structure::Convolution{kernel, options, {3, 6, 6}, {4, 6, 6}, Boundary::zero, false});
  Tensor matrix = to_dense(map);
  for (Index i = 0; i < 144; ++i)
    for (Index j = 0; j < 108; ++j)
      matrix.mutable_data<double>()[static_cast<std::size_t>(i * 108 + j)] *=
          gamma.at(i / 36) / std::sqrt(variance.at(i / 36) + static_cast<double>(1e-5F));
  const double exact = norm_of(matrix, Norm::l2);
  const AutoLipReport report = autolip(f, x);
  BOOST_TEST(report.bound.value() == exact, tolerance(1e-6));  // eps may be rounded to f32 or not
  BOOST_TEST(report.bound.is_certified());
}

// Each on an image too large for its matrix, so that only the folded kernel can show it.
BOOST_AUTO_TEST_CASE(channel_factors_and_padding_become_part_of_convolutions) {
  const Tensor x = Tensor::zeros({1, 2, 60, 60}, DType::f32);
  // One channel's kernel is ten times larger, and its scale ten times smaller.
  Tensor kernel = Tensor::zeros({2, 2, 1, 1}, DType::f32);
  kernel.mutable_data<float>()[0] = 1.0F;
  kernel.mutable_data<float>()[3] = 10.0F;
  const Tensor factors = Tensor::of<float>({2}, {1.0F, 0.1F}), reversed = Tensor::of<float>({2}, {1.0F, 0.1F});
  const Tensor none = Tensor::zeros({2}, DType::f32);
  const double exact = 10.0 * static_cast<double>(0.1F);
  const auto after = [&](const Var& v) { return channel_affine(conv2d(v, kernel, Var()), factors, none); };
  const auto before = [&](const Var& v) { return conv2d(channel_affine(v, reversed, none), kernel, Var()); };
  const auto transposed_after = [&](const Var& v) {
    return channel_affine(conv_transpose2d(v, kernel, Var()), factors, none);
  };
  for (const Norm norm : norms) {
    BOOST_TEST(autolip(after, x, in_norm(norm)).bound.value() == exact, tolerance(1e-9));
    BOOST_TEST(autolip(before, x, in_norm(norm)).bound.value() == exact, tolerance(1e-9));
    BOOST_TEST(autolip(transposed_after, x, in_norm(norm)).bound.value() == exact, tolerance(1e-9));
    BOOST_TEST(autolip(after, x, in_norm(norm)).bound.is_certified());
    BOOST_TEST(autolip(after, x, in_norm(norm)).bound.value() >= exact * (1 - 1e-16));
  }
  Random random(41);
  const Tensor weights = random.normals({3, 2, 3, 2}, DType::f32);
  Conv2dOptions options, padded;
  options.stride = padded.stride = {2, 1};
  padded.padding = {1, 2, 0, 1};
  const auto by_hand = [&](const Var& v) { return conv2d(pad(pad(v, 2, 1, 2), 3, 0, 1), weights, Var(), options); };
  const auto at_once = [&](const Var& v) { return conv2d(v, weights, Var(), padded); };
  BOOST_TEST(autolip(by_hand, x).bound.value() == autolip(at_once, x).bound.value(), tolerance(1e-12));
}

BOOST_AUTO_TEST_CASE(random_graphs_never_fold_to_something_worse) {
  Random random(38);
  for (int k = 0; k < testing::iterations(15); ++k) {
    const Tensor w = random.normals({4, 4}), v = random.normals({4, 4});
    const auto f = [&](const Var& x) {
      const Var a = dense(x, w, Var()), b = relu(a) + a, c = dense(b, v, Var()) - x;
      return tanh(c) + dense(c, w, Var()) * 0.5 + b;
    };
    for (const Norm norm : norms) {
      const double nw = norm_of(w, norm), nv = norm_of(v, norm);
      const double b = 2.0 * nw, c = nv * b + 1.0;
      const double paper = c + 0.5 * nw * c + b;  // the recursion node by node
      const double bound = autolip(f, Tensor::zeros({1, 4}, DType::f64), in_norm(norm)).bound.value();
      BOOST_TEST(bound <= paper * (1 + 1e-9));
      // No difference quotient exceeds it.
      for (int pair = 0; pair < 20; ++pair) {
        const Tensor x = random.normals({1, 4}), y = random.normals({1, 4});
        const Tensor fx = f(x).value(), fy = f(y).value();
        const auto distance = [&](const Tensor& p, const Tensor& q) {
          Tensor d = p.reshaped({4, 1}).copy();
          for (std::size_t i = 0; i < 4; ++i) d.mutable_data<double>()[i] -= q.at(static_cast<Index>(i));
          return norm == Norm::linf ? norm_of(d, Norm::linf)
                 : norm == Norm::l1 ? norm_of(d, Norm::l1)
                                    : norm_of(d, Norm::l2);
        };
        BOOST_TEST(distance(fx, fy) <= bound * distance(x, y) * (1 + 1e-12));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(deep_linear_graphs_stay_cheap) {
  // x + A x forty times would be a sum of 2^40 products.
  const Tensor w = Tensor::of<double>({2, 2}, {0.0, 0.25, 0.25, 0.0});
  const auto f = [&](Var x) {
    for (int k = 0; k < 40; ++k) x = x + dense(x, w, Var());
    return x;
  };
  const AutoLipReport report = autolip(f, Tensor::zeros({1, 2}, DType::f64));
  const double exact = std::pow(1.25, 40.0);
  BOOST_TEST(report.bound.value() >= exact * (1 - 1e-12));
  BOOST_TEST(report.bound.value() <= exact * 1.01);
}

BOOST_AUTO_TEST_CASE(long_products_keep_their_exponent) {
  const auto f = [](Var x) {
    for (const double factor : {1e-200, 1e-200, 1e250, 1e150}) x = sin(x * factor);
    return x;
  };
  BOOST_TEST(autolip(f, Tensor::zeros({1, 2}, DType::f64)).bound.value() == 1.0, tolerance(1e-12));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(autolip_refuses)

BOOST_AUTO_TEST_CASE(batches) {
  const auto f = [](const Var& x) { return relu(x); };
  const Tensor batch = Tensor::zeros({64, 3}, DType::f64);
  BOOST_CHECK_EXCEPTION(autolip(f, batch), UsageError, [](const Error& e) {
    const std::string text = e.what();
    return text.find("(64, 3)") != std::string::npos && text.find("(1, 3)") != std::string::npos;
  });
  AutoLipOptions one_sample;
  one_sample.question.sample_axis = no_sample_axis;
  BOOST_TEST(autolip(f, batch, one_sample).bound.value() == 1.0);
}

BOOST_AUTO_TEST_CASE(operations_that_mix_samples) {
  const auto f = [](const Var& x) { return mean(relu(x)); };
  BOOST_CHECK_EXCEPTION(autolip(f, Tensor::zeros({1, 3}, DType::f64)), UnsupportedError, [](const Error& e) {
    const std::string text = e.what();
    return text.find("autolip_test.cpp:") != std::string::npos && text.find("sample") != std::string::npos;
  });
}

BOOST_AUTO_TEST_CASE(weights_and_inputs_that_are_not_finite) {
  Tape tape;
  const Var x = tape.input(Tensor::zeros({1, 2}, DType::f64), "x");
  const Var w = tape.parameter(Tensor::of<double>({1, 2}, {1.0, infinity}), "bad weight");
  BOOST_CHECK_EXCEPTION(autolip(x * w), NumericError, [](const Error& e) {
    const std::string text = e.what();
    return text.find("bad weight") != std::string::npos && text.find("position 1") != std::string::npos;
  });
  BOOST_CHECK_THROW(autolip([](const Var& v) { return relu(v); }, Tensor::full({1, 2}, DType::f64, std::nan(""))),
                    NumericError);
}

BOOST_AUTO_TEST_CASE(plain_tensors_and_tapes_without_inputs) {
  BOOST_CHECK_THROW(autolip(Var(Tensor::scalar(1.0))), UsageError);
  Tape tape;
  BOOST_CHECK_THROW(autolip(relu(tape.parameter(Tensor::scalar(1.0)))), UsageError);
}

BOOST_AUTO_TEST_CASE(domains_on_which_an_operation_is_undefined) {
  BOOST_CHECK_EXCEPTION(
      autolip([](const Var& x) { return log(x); }, Tensor::full({1, 2}, DType::f64, 1.0), on_box(-1.0, 1.0)),
      DomainError, [](const Error& e) { return std::string(e.what()).find("node 1") != std::string::npos; });
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(autolip_reports)

BOOST_AUTO_TEST_CASE(a_deadline_gives_a_true_bound_marked_as_cut) {
  Random random(39);
  const Tensor w = random.normals({40, 40});
  const auto f = [&](const Var& x) { return dense(relu(dense(x, w, Var())), w, Var()); };
  AutoLipOptions options;
  options.budget.deadline = Budget::Clock::now();
  const Tensor x = Tensor::zeros({1, 40}, DType::f64);
  const AutoLipReport cut = autolip(f, x, options), full = autolip(f, x);
  BOOST_TEST((cut.status == Status::cut));
  BOOST_TEST(!cut.note.empty());
  BOOST_TEST(cut.bound.is_certified());
  BOOST_TEST(cut.bound.value() >= full.bound.value());
}

BOOST_AUTO_TEST_CASE(progress_runs_from_start_to_end) {
  AutoLipOptions options;
  std::vector<double> fractions;
  options.budget.progress = [&](const Progress& p) { fractions.push_back(p.fraction); };
  autolip([](const Var& x) { return relu(relu(x)); }, Tensor::zeros({1, 4}, DType::f64), options);
  BOOST_TEST(std::ranges::is_sorted(fractions));
  BOOST_TEST(fractions.back() == 1.0);
}

BOOST_AUTO_TEST_CASE(the_table_names_nodes_rules_gains_and_lines) {
  Tape tape;
  const Var y = paper_example(tape.input(Tensor::scalar(0.0), "x"), tape.constant(Tensor::scalar(2.0), "w"));
  std::ostringstream text;
  text << autolip(y);
  for (const char* part : {"input x", "constant w", "softplus", "elementwise", "affine",
                           "autolip_test.cpp:", "certified", "<= 3 certified, autolip, l2"})
    check_contains(text.str(), part);
}

BOOST_AUTO_TEST_CASE(explanations_lead_down_to_the_layers) {
  Random random(40);
  const Tensor w = random.normals({3, 3});
  const AutoLipReport report = autolip([&](const Var& x) { return dense(relu(dense(x, w, Var())), w, Var()); },
                                       Tensor::zeros({1, 3}, DType::f64));
  check_contains(report.bound.explain(), "dense cholesky");
  check_contains(report.bound.explain(), "(relu, autolip_test.cpp:");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace taut
