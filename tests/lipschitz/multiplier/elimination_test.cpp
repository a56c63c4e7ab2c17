// The elimination against the quadratic form that it eliminates, in long double, and its gradients against differences.
#include "lipschitz/multiplier/elimination.h"

#include <Eigen/Dense>
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "autodiff/ops.h"
#include "lipschitz/autolip.h"
#include "tests/support/oracles.h"

namespace taut {
namespace {

using boost::test_tools::tolerance;
using detail::Multipliers;
using detail::Program;
using detail::Rounding;
using testing::Random;
using Matrix = Eigen::Matrix<long double, Eigen::Dynamic, Eigen::Dynamic>;

Var linear(const Var& x, const Tensor& weight) {
  return dense(x, Var(weight), Var(Tensor::zeros({weight.shape()[0]}, weight.dtype())));
}

// A recorded function and its program.
struct Recorded {
  Tape tape;
  Var output;
  std::optional<Graph> graph;
  std::optional<detail::Network> network;
  std::optional<Program> program;

  Recorded(const Function& f, const Shape& input) {
    output = f(tape.input(Tensor::zeros(input, DType::f64), "x"));
    graph.emplace(output, "test");
    network.emplace(*graph, Question{});
    program.emplace(*network, Budget{});
  }
};

// ρ (‖x‖² − Σ multipliers · inequalities) − ‖out‖², as a matrix over all tensors.
Matrix quadratic_form(const Program& program, const Multipliers& roots, long double rho) {
  std::vector<Index> from{0, program.inputs()};
  for (const detail::ProgramStep& step : program.steps()) from.push_back(from.back() + step.size);
  const Index all = from.back();
  const auto rows_of = [&](const detail::Part& part) {
    Matrix rows = Matrix::Zero(part.rows, all);
    for (const detail::Source& source : part.sources)
      for (Index i = 0; i < source.matrix.rows; ++i)
        for (Index k = 0; k < source.matrix.columns; ++k)
          rows(i, from[source.tensor] + k) +=
              source.matrix.entries[static_cast<std::size_t>(i * source.matrix.columns + k)];
    return rows;
  };
  Matrix form = Matrix::Zero(all, all);
  for (Index i = 0; i < program.inputs(); ++i) form(i, i) = 1.0L;
  for (std::size_t k = 0; k < program.steps().size(); ++k) {
    const detail::ProgramStep& step = program.steps()[k];
    Matrix z = Matrix::Zero(step.size, all);
    for (Index i = 0; i < step.size; ++i) z(i, from[k + 1] + i) = 1.0L;
    if (!step.has_slopes()) {
      const long double lambda = static_cast<long double>(roots[k][0]) * roots[k][0];
      for (const detail::Part& part : step.parts) {
        const Matrix y = rows_of(part);
        form -= lambda * (y.transpose() * y);
      }
      form += lambda * (z.transpose() * z);
      continue;
    }
    const Matrix y = rows_of(step.parts.front());
    for (Index i = 0; i < step.size; ++i) {
      const auto at = static_cast<std::size_t>(i);
      const long double a = step.lo[at], b = step.hi[at], root = roots[k][at];
      const Matrix below = z.row(i) - a * y.row(i), above = z.row(i) - b * y.row(i);
      const Matrix product = below.transpose() * above;
      form += root * root / ((b - a) * (b - a)) * (product + product.transpose());
    }
  }
  const Matrix out = rows_of(program.output());
  return rho * form - out.transpose() * out;
}

bool positive(const Matrix& form) {
  const Eigen::LDLT<Matrix> factors(form);
  return factors.info() == Eigen::Success && factors.vectorD().minCoeff() > 0.0L;
}

Function random_function(Random& random, const Shape& input, int kind) {
  const Index n = input[1], h = 2 * random.integer(1, 4);
  const auto layer = [&](Index to, Index of) {
    return testing::scaled(random.normals({to, of}), 1.0 / std::sqrt(static_cast<double>(of)));
  };
  const Tensor a = layer(h, n), b = layer(h, h), v = layer(h, h), c = layer(random.integer(1, 3), h),
               d = layer(h / 2, h), e = layer(2, h / 2);
  const auto bend = [kind](const Var& x) {
    return kind % 3 == 0 ? relu(x) : kind % 3 == 1 ? gelu(x) : leaky_relu(x, -0.4);
  };
  if (kind < 3) return [=](const Var& x) { return linear(bend(linear(bend(linear(x, a)), b)), c); };
  if (kind < 6)
    return [=](const Var& x) {
      const Var y = bend(linear(x, a));
      return linear(bend(add(y, linear(bend(linear(y, b)), v))), c);
    };
  return [=](const Var& x) {  // a maximum of pairs beside a branch around it
    const Var y = bend(linear(x, a));
    const Var pooled = max(reshape(linear(y, b), {1, h / 2, 2}), {2});
    return linear(bend(add(pooled, linear(y, d))), e);
  };
}

Multipliers disturbed(Random& random, const Multipliers& roots, double by) {
  Multipliers result = roots;
  for (std::vector<double>& of_step : result)
    for (double& root : of_step) root *= std::exp(by * random.uniform(-1.0, 0.0));
  return result;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(elimination)

BOOST_AUTO_TEST_CASE(the_bound_is_where_the_form_turns_positive) {
  Random random(1611);
  int wide = 0;
  for (int k = 0; k < testing::iterations(54) || wide == 0; ++k) {
    const Shape input{1, random.integer(1, 5)};
    const Recorded net(random_function(random, input, k % 9), input);
    const Program& program = *net.program;
    BOOST_TEST_REQUIRE(program.obstacle() == "");
    wide += program.steps().front().is_wide;
    const auto begun = detail::begin(program, detail::Start::spectral, 1.0, {});
    BOOST_TEST_REQUIRE(begun.has_value());
    // Smaller multipliers let the state grow, so that those of later steps may not be feasible any more.
    Multipliers roots = begun->multipliers;
    auto plain = detail::evaluate(program, roots, Rounding::ignored, {});
    for (double by = k < 9 ? 0.0 : 0.8; by > 0.01; by /= 2.0) {
      roots = disturbed(random, begun->multipliers, by);
      if ((plain = detail::evaluate(program, roots, Rounding::ignored, {}))) break;
    }
    const auto proof = detail::evaluate(program, roots, Rounding::proved, {});
    BOOST_TEST_REQUIRE((plain.has_value() && proof.has_value()));
    const double bound = std::ldexp(proof->bound.round(Side::upper), -program.output_exponent());
    BOOST_TEST_CONTEXT("network " << k) {
      BOOST_TEST(proof->log2_bound == plain->log2_bound, tolerance(1e-8));
      const long double rho = static_cast<long double>(bound) * bound;
      BOOST_TEST(positive(quadratic_form(program, roots, rho)));
      BOOST_TEST(!positive(quadratic_form(program, roots, rho * (1.0L - 1e-8L))));
    }
  }
}

BOOST_AUTO_TEST_CASE(infeasible_multipliers_prove_nothing) {
  Random random(1612);
  for (int k = 0; k < 9; ++k) {
    const Shape input{1, 3};
    const Recorded net(random_function(random, input, k), input);
    const auto begun = detail::begin(*net.program, detail::Start::spectral, 1.0, {});
    BOOST_TEST_REQUIRE(begun.has_value());
    Multipliers roots = begun->multipliers;
    for (double& root : roots.front()) root *= 10.0;
    BOOST_TEST(!detail::evaluate(*net.program, roots, Rounding::proved, {}).has_value());
    BOOST_TEST(!detail::evaluate(*net.program, roots, Rounding::ignored, {}).has_value());
  }
}

BOOST_AUTO_TEST_CASE(gradients_are_those_of_differences) {
  Random random(1613);
  for (int k = 0; k < 18; ++k) {
    const Shape input{1, 4};
    const Recorded net(random_function(random, input, k % 9), input);
    const Program& program = *net.program;
    const auto begun = detail::begin(program, detail::Start::spectral, 1.0, {});
    const Multipliers roots = disturbed(random, begun->multipliers, 0.05);
    detail::Trace trace;
    BOOST_TEST_REQUIRE(detail::evaluate(program, roots, Rounding::ignored, {}, &trace).has_value());
    constexpr double power = 12.0, step = 1e-5;
    const detail::Gradient gradient = detail::differentiate(program, roots, trace, power);
    const auto value = [&](const Multipliers& at) {
      detail::Trace inside;
      detail::evaluate(program, at, Rounding::ignored, {}, &inside);
      return detail::differentiate(program, at, inside, power).log_value;
    };
    for (std::size_t s = 0; s < roots.size(); ++s)
      for (std::size_t i = 0; i < roots[s].size(); ++i) {
        Multipliers above = roots, below = roots;
        above[s][i] *= std::exp(step);
        below[s][i] *= std::exp(-step);
        const double difference = (value(above) - value(below)) / (2.0 * step);
        BOOST_TEST_CONTEXT("network " << k << ", step " << s << ", multiplier " << i)
        BOOST_TEST(std::fabs(gradient.by_log_root[s][i] - difference) < 1e-7 + 1e-5 * std::fabs(difference));
      }
  }
}

// The flow's multipliers give no more than AutoLip; greedy ones in closed form neither, on chains.
BOOST_AUTO_TEST_CASE(starts_are_feasible_and_below_products) {
  Random random(1614);
  for (int k = 0; k < testing::iterations(45); ++k) {
    const Shape input{1, random.integer(1, 6)};
    const Function f = random_function(random, input, k % 9);
    const Recorded net(f, input);
    const auto flow = detail::begin(*net.program, detail::Start::flow, 1.0, {});
    BOOST_TEST_CONTEXT("network " << k) {
      BOOST_TEST_REQUIRE(flow.has_value());
      AutoLipOptions products;
      products.products_only = true;
      const double product = autolip(f, Tensor::zeros(input, DType::f64), products).bound.value();
      BOOST_TEST(std::exp2(flow->evaluation.log2_bound) <= product * (1.0 + 1e-6));
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace taut
