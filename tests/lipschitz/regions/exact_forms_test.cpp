// Affine forms on cells: the rounded ones with their errors against those computed without rounding.
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "autodiff/ops.h"
#include "autodiff/tape.h"
#include "lipschitz/regions/piecewise_tape.h"
#include "lipschitz/regions/plane_cells.h"
#include "tests/support/oracles.h"

namespace taut {
namespace {

using detail::coefficients;
using detail::Dyadic;
using detail::Forms;
using detail::PiecewiseTape;

using testing::Random;

// The forms of every node on the cell of a pattern.
std::map<NodeId, Forms> forms_of(const PiecewiseTape& tape, const std::vector<std::uint8_t>& pattern) {
  std::map<NodeId, Forms> forms;
  for (const NodeId input : tape.graph().inputs()) forms[input] = tape.input_forms(input, 1);
  std::size_t position = 0;
  for (const detail::Step& step : tape.steps()) {
    if (!step.splits) {
      forms[step.id] = tape.apply(step, [&](NodeId id) -> const Forms& { return forms.at(id); });
      continue;
    }
    Forms out(step.size, 1);
    const Forms& in = forms.at(step.operand);
    for (Index i = 0; i < step.size; ++i)
      detail::apply_piece(step, pattern[position++], &in.value[in.at(i, 0)], &in.error[in.at(i, 0)],
                          &out.value[out.at(i, 0)], &out.error[out.at(i, 0)]);
    forms[step.id] = out;
  }
  return forms;
}

bool within(const Dyadic& exact, double value, double error) {
  const Dyadic distance = exact - Dyadic(value), radius(error);
  return (radius - distance).sign() >= 0 && (radius + distance).sign() >= 0;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(exact_forms)

BOOST_AUTO_TEST_CASE(errors_hold_the_exact_forms) {
  Random random(731);
  Index compared = 0, rounded = 0;
  for (int k = 0; k < testing::iterations(20); ++k) {
    Tape recording;
    const auto net = [&](const Var& x) {
      Var h = dense(x, random.normals({7, 2}), random.normals({7}));
      for (int layer = 0; layer < 5; ++layer) {
        const Var bent = layer % 3 == 0 ? relu(h) : layer % 3 == 1 ? leaky_relu(h, 0.3) : clip(h, -0.7, 1.1);
        h = dense(bent, random.normals({7, 7}), random.normals({7})) + h * 1e-3;
      }
      return h;
    };
    const Graph graph(net(recording.input(Tensor::zeros({1, 2}, DType::f64))), "test");
    const PiecewiseTape tape(graph);
    std::vector<std::uint8_t> pattern;
    for (const detail::Step& step : tape.steps())
      for (Index i = 0; step.splits && i < step.size; ++i)
        pattern.push_back(static_cast<std::uint8_t>(random.integer(0, static_cast<Index>(step.breaks.size()))));
    const std::map<NodeId, Forms> forms = forms_of(tape, pattern);
    for (const detail::Step& step : tape.steps()) {
      BOOST_TEST(step.exact);
      const std::vector<detail::ExactForm> exact = tape.exact_forms(step.id, pattern);
      const Forms& computed = forms.at(step.id);
      const Dyadic unit(std::ldexp(1.0, -step.scale));
      for (Index i = 0; i < step.size; ++i)
        for (std::size_t c = 0; c < coefficients; ++c) {
          const double value = computed.value[computed.at(i, 0) + c], error = computed.error[computed.at(i, 0) + c];
          const Dyadic truth = exact[static_cast<std::size_t>(i)][c] * unit;
          BOOST_TEST(within(truth, value, error));
          BOOST_TEST(error <= 1e-12 * (1.0 + std::fabs(value)));
          ++compared;
          if (!within(truth, value, 0.0)) ++rounded;
        }
    }
  }
  BOOST_TEST(rounded > compared / 4);  // there was something to hold
}

// √2⁴⁰⁰ W computed by the tape: enclosed, with a midpoint many units away from 2²⁰⁰ W.
BOOST_AUTO_TEST_CASE(errors_hold_computed_constants) {
  Random random(732);
  Index away = 0;
  for (int k = 0; k < 10; ++k) {
    Tape recording;
    const Var x = recording.input(Tensor::zeros({1, 2}, DType::f64));
    const Tensor w = random.normals({3, 2});
    const Var root = sqrt(recording.parameter(Tensor::full({3, 2}, DType::f64, 2.0)));
    Var weights = recording.parameter(testing::scaled(w, 0x1p-200));
    for (int n = 0; n < 400; ++n) weights = weights * root;
    const Graph graph(dense(x, weights, Var()), "test");
    const PiecewiseTape tape(graph);
    BOOST_TEST(!tape.is_exact(graph.output()));
    const Forms out = forms_of(tape, {}).at(graph.output());
    for (Index i = 0; i < 3; ++i)
      for (Index c = 0; c < 2; ++c) {
        const double truth = std::ldexp(w.at(i * 2 + c), -tape.scale(graph.output()));
        const std::size_t at = out.at(i, 0) + static_cast<std::size_t>(c);
        BOOST_TEST(std::fabs(truth - out.value[at]) <= out.error[at]);
        BOOST_TEST(out.error[at] <= 1e-12);
        if (std::fabs(truth - out.value[at]) > 0x1p-50 * std::fabs(truth)) ++away;
      }
  }
  BOOST_TEST(away > 10);
}

// Lines of whole numbers that are known up to 1e-6 only: a sign that is decided is the right one, and one that is 0 is
// left open.
BOOST_AUTO_TEST_CASE(decided_signs_are_right) {
  Random random(733);
  using Whole = std::array<Index, coefficients>;
  Index decided = 0, open = 0, concurrent = 0;
  for (int k = 0; k < testing::iterations(2000); ++k) {
    detail::Arrangement arrangement;
    std::vector<Whole> exact{{0, 1, 0}, {1, 0, 0}, {0, 0, 1}};
    detail::Cell cell = arrangement.plane(false)[static_cast<std::size_t>(random.integer(0, 3))];
    std::vector<detail::Sign> signs;
    for (int n = 0; n < 4; ++n) {
      Whole whole{};
      for (Index& w : whole) w = random.integer(-9, 9);
      detail::Line line;
      line.has_exact = false;
      for (std::size_t c = 0; c < coefficients; ++c) {
        line.form.value[c] = static_cast<double>(whole[c]) + random.uniform(-1e-6, 1e-6);
        line.form.error[c] = 1.0001e-6;
      }
      arrangement.signs(cell, line, signs);
      bool all = true, above = false, below = false;
      for (std::size_t i = 0; i < cell.size(); ++i) {
        const detail::Edge before = cell[(i + cell.size() - 1) % cell.size()].edge, after = cell[i].edge;
        const Whole &p = exact[before.line], &q = exact[after.line];
        Index determinant = 0;
        for (std::size_t c = 0; c < coefficients; ++c)
          determinant += whole[c] * (p[(c + 1) % 3] * q[(c + 2) % 3] - p[(c + 2) % 3] * q[(c + 1) % 3]);
        if (before.negative != after.negative) determinant = -determinant;
        const int truth = (determinant > 0) - (determinant < 0);
        if (signs[i]) BOOST_TEST(*signs[i] == truth);
        if (truth == 0) ++concurrent;
        ++(signs[i] ? decided : open);
        all = all && signs[i];
        above = above || truth > 0;
        below = below || truth < 0;
      }
      if (!all || !above || !below) continue;
      const std::uint32_t index = arrangement.add(line);
      exact.resize(index + std::size_t{1});
      exact[index] = whole;
      auto [left, right] = arrangement.split(cell, index, signs);
      cell = random.coin() ? std::move(left) : std::move(right);
    }
  }
  BOOST_TEST(decided > open);
  BOOST_TEST(open >= concurrent);
  BOOST_TEST(concurrent > testing::iterations(2000) / 10);
}

BOOST_AUTO_TEST_CASE(the_rest_is_bounded_along_every_path) {
  Tape recording;
  const Var x = recording.input(Tensor::zeros({1, 2}, DType::f64));
  const Var h = relu(x * 2.0);
  const Graph graph(h * 3.0 + leaky_relu(h, -5.0) - x, "test");
  const PiecewiseTape tape(graph);
  const auto gains = [&](std::size_t step, const Var& node) {
    return tape.gains_from(step, Norm::l2, Budget())[node.id()];
  };
  BOOST_TEST(gains(0, x)->value() == 17.0);  // 2 (3 + 5) + 1
  BOOST_TEST(gains(2, h)->value() == 8.0);
  BOOST_TEST(gains(2, x)->value() == 1.0);
  BOOST_TEST(!gains(tape.steps().size(), h).has_value());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace taut
