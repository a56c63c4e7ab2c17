#include <cmath>
#include <numbers>

#include "tests/samples/sample_helpers.h"

namespace taut::harness {
namespace {

using Unary = Var (*)(const Var&, Where);

Sample calling(Unary f) {
  return one_operand("", {}, [f](const Var& x) { return f(x, Where::current()); });
}
Sample unbounded(Unary f, std::function<std::pair<double, double>(double growth)> pair) {
  return without_constant(calling(f), std::move(pair));
}

constexpr double pi = std::numbers::pi;

// Multiples of π/2: extremes, and the steepest points.
std::vector<double> quarter_turns() {
  std::vector<double> turns;
  for (int k = -8; k <= 8; ++k) turns.push_back(k * pi / 2);
  return turns;
}

}  // namespace

template <>
std::vector<Sample> samples<Exp>() {
  const auto witness = [](double growth) { return std::pair{std::log(growth), std::log(growth) + 1}; };
  return with_shaped_witness(elementwise_samples(unbounded(&exp, witness), {.probes = {-800, -104, -20, 5, 100, 600}},
                                                 [](Real x) { return std::exp(x); }));
}

template <>
std::vector<Sample> samples<Log>() {
  const auto witness = [](double growth) { return std::pair{0.25 / growth, 0.5 / growth}; };
  Sample like = unbounded(&log, witness);
  const Operand positive{.domain = {0.3, 3}, .defined = {0x1p-100, infinity}, .probes = {0x1p-100, 1e-3, 1, 100, 1e30}};
  return with_shaped_witness(elementwise_samples(like, positive, [](Real x) { return std::log(x); }));
}

template <>
std::vector<Sample> samples<Sqrt>() {
  const auto witness = [](double growth) { return std::pair{0.0, 0.25 / (growth * growth)}; };
  const Operand positive{.domain = {0.3, 3}, .defined = {0x1p-100, infinity}, .probes = {0x1p-100, 1e-3, 1, 100, 1e30}};
  return with_shaped_witness(
      elementwise_samples(unbounded(&sqrt, witness), positive, [](Real x) { return std::sqrt(x); }));
}

template <>
std::vector<Sample> samples<Square>() {
  const auto witness = [](double growth) { return std::pair{growth, growth + 1}; };
  return with_shaped_witness(
      elementwise_samples(unbounded(&square, witness), {.probes = {0, 1e-30, 1e18, -3}}, [](Real x) { return x * x; }));
}

template <>
std::vector<Sample> samples<Abs>() {
  return elementwise_samples(calling(&abs), {.kinks = {0}, .probes = {-5, 5}}, [](Real x) { return std::fabs(x); });
}

template <>
std::vector<Sample> samples<Sin>() {
  return elementwise_samples(calling(&sin), {.probes = quarter_turns()}, [](Real x) { return std::sin(x); });
}

template <>
std::vector<Sample> samples<Cos>() {
  return elementwise_samples(calling(&cos), {.probes = quarter_turns()}, [](Real x) { return std::cos(x); });
}

template <>
std::vector<Sample> samples<Tanh>() {
  return elementwise_samples(calling(&tanh), {.probes = {-400, -20, -9, 0, 9, 20}},
                             [](Real x) { return std::tanh(x); });
}

template <>
std::vector<Sample> samples<Sigmoid>() {
  return elementwise_samples(calling(&sigmoid), {.probes = {-800, -40, -17, 0, 17, 40}},
                             [](Real x) { return 1 / (1 + std::exp(-x)); });
}

template <>
std::vector<Sample> samples<Softplus>() {
  return elementwise_samples(calling(&softplus), {.probes = {-800, -104, -40, 0, 40, 100}},
                             [](Real x) { return std::fmax(x, Real{0}) + std::log1p(std::exp(-std::fabs(x))); });
}

template <>
std::vector<Sample> samples<Relu>() {
  return elementwise_samples(calling(&relu), {.kinks = {0}, .probes = {-5, 5}},
                             [](Real x) { return std::fmax(x, Real{0}); });
}

template <>
std::vector<Sample> samples<LeakyRelu>() {
  std::vector<Sample> list;
  // Numbers of f32, so that both precisions compute the same function. Slopes below 0 and above 1 are the lazy and the
  // wrong.
  for (const double slope : {0.125, -0.5, 3.0}) {
    Sample like;
    like.name = "slope " + std::to_string(slope);
    like.f = [slope](std::span<const Var> in) { return leaky_relu(in[0], slope); };
    const auto exact = [slope](Real x) { return x > 0 ? x : slope * x; };
    for (Sample& s : elementwise_samples(like, {.kinks = {0}, .probes = {-5, 5}}, exact)) list.push_back(std::move(s));
  }
  return list;
}

template <>
std::vector<Sample> samples<Step>() {
  Sample like = unbounded(&step, [](double growth) { return std::pair{0.0, 0.5 / growth}; });
  like.unbounded_on_boxes = true;  // those that hold the jump
  return with_shaped_witness(
      elementwise_samples(like, {.kinks = {0}, .probes = {-5, 5}}, [](Real x) { return x > 0 ? 1 : 0; }));
}

template <>
std::vector<Sample> samples<Sign>() {
  Sample like = unbounded(&sign, [](double growth) { return std::pair{0.0, 0.5 / growth}; });
  like.unbounded_on_boxes = true;
  return with_shaped_witness(
      elementwise_samples(like, {.kinks = {0}, .probes = {-5, 5}}, [](Real x) { return Real(x > 0) - Real(x < 0); }));
}

}  // namespace taut::harness
