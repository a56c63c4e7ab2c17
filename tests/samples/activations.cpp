#include <cmath>
#include <numbers>

#include "tests/samples/sample_helpers.h"

namespace taut::harness {
namespace {

Sample calling(std::string name, std::function<Var(const Var&)> f) {
  return one_operand(std::move(name), {}, std::move(f));
}

void append(std::vector<Sample>& to, std::vector<Sample> list) {
  for (Sample& s : list) to.push_back(std::move(s));
}

// The far tails of x·g(x) are computed to the size of x, not of the result.
Sample gated(std::function<Var(const Var&)> f) {
  Sample s = calling("", std::move(f));
  s.reference_scale = 2.0;
  return s;
}

Real logistic(Real x) { return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x)); }

}  // namespace

// Parameters are numbers of f32, so that both precisions compute the same function.
template <>
std::vector<Sample> samples<Elu>() {
  std::vector<Sample> list;
  for (const double alpha : {1.0, 2.0, -0.5}) {
    const Sample like = calling("alpha " + std::to_string(alpha), [alpha](const Var& x) { return elu(x, alpha); });
    append(list, elementwise_samples(like, {.kinks = {0}, .probes = {-100, -1, 1}},
                                     [alpha](Real x) { return x > 0 ? x : alpha * std::expm1(x); }));
  }
  return list;
}

template <>
std::vector<Sample> samples<Selu>() {
  std::vector<Sample> list;
  for (const auto& [alpha, gamma] : {std::pair{1.5, 1.25}, {0.5, -2.0}}) {
    const double a = alpha, g = gamma;
    const Sample like = calling("alpha " + std::to_string(a) + " gamma " + std::to_string(g),
                                [a, g](const Var& x) { return selu(x, a, g); });
    append(list, elementwise_samples(like, {.kinks = {0}, .probes = {-100, -1, 1}},
                                     [a, g](Real x) { return g * (x > 0 ? x : a * std::expm1(x)); }));
  }
  return list;
}

template <>
std::vector<Sample> samples<Celu>() {
  std::vector<Sample> list;
  for (const double alpha : {1.0, 0.5, 3.0}) {
    Sample like = calling("alpha " + std::to_string(alpha), [alpha](const Var& x) { return celu(x, alpha); });
    like.reference_scale = 1.0;
    // The second derivative jumps at 0.
    append(list, elementwise_samples(like, {.kinks = {0}, .probes = {-100, -1, 1}},
                                     [alpha](Real x) { return x > 0 ? x : alpha * std::expm1(x / alpha); }));
  }
  return list;
}

template <>
std::vector<Sample> samples<Gelu>() {
  return elementwise_samples(gated([](const Var& x) { return gelu(x); }),
                             {.probes = {-30, -6, -1.4142135623730951, -0.75, 0, 1.4142135623730951, 6}},
                             [](Real x) { return x * std::erfc(-x / std::numbers::sqrt2_v<Real>) / 2; });
}

template <>
std::vector<Sample> samples<GeluTanh>() {
  return elementwise_samples(gated([](const Var& x) { return gelu_tanh(x); }),
                             {.probes = {-30, -6, -1.418504, -0.752, 0, 1.418504, 6}}, [](Real x) {
                               const Real u =
                                   std::sqrt(2 / std::numbers::pi_v<Real>) * (x + Real{0.044715} * x * x * x);
                               return x * logistic(2 * u);
                             });
}

template <>
std::vector<Sample> samples<Silu>() {
  return elementwise_samples(gated([](const Var& x) { return silu(x); }),
                             {.probes = {-100, -2.3993573, -1.278, 0, 2.3993573, 40}},
                             [](Real x) { return x * logistic(x); });
}

template <>
std::vector<Sample> samples<Mish>() {
  return elementwise_samples(gated([](const Var& x) { return mish(x); }),
                             {.probes = {-100, -2.2563764, -1.192, 0, 1.4905712, 20, 40}}, [](Real x) {
                               const Real e = std::exp(std::fmin(x, Real{100}));
                               return x * (e * (e + 2) / (e * (e + 2) + 2));
                             });
}

template <>
std::vector<Sample> samples<Softsign>() {
  // The second derivative jumps at 0.
  return elementwise_samples(calling("", [](const Var& x) { return softsign(x); }),
                             {.kinks = {0}, .probes = {-1e6, -20, 20, 1e6}},
                             [](Real x) { return x / (1 + std::fabs(x)); });
}

template <>
std::vector<Sample> samples<Clip>() {
  std::vector<Sample> list;
  for (const auto& [from, to] : {std::pair{-1.0, 1.0}, {0.25, 1.5}, {-infinity, 0.5}, {-0.5, infinity}, {1.0, 1.0}}) {
    const double lo = from, hi = to;
    Operand x{.probes = {-5, 5}};
    if (std::isfinite(lo)) x.kinks.push_back(lo);
    if (std::isfinite(hi)) x.kinks.push_back(hi);
    const Sample like = calling("lo " + std::to_string(lo) + " hi " + std::to_string(hi),
                                [lo, hi](const Var& v) { return clip(v, lo, hi); });
    append(list,
           elementwise_samples(like, x, [lo, hi](Real v) { return std::fmin(std::fmax(v, Real(lo)), Real(hi)); }));
  }
  return list;
}

template <>
std::vector<Sample> samples<HardSigmoid>() {
  std::vector<Sample> list;
  // Kinks that are numbers: −beta/alpha and (1 − beta)/alpha.
  for (const auto& [alpha, beta, first, second] : {std::tuple{0.25, 0.5, -2.0, 2.0}, {-0.5, 0.25, -1.5, 0.5}}) {
    const double a = alpha, b = beta;
    Sample like = calling("alpha " + std::to_string(a) + " beta " + std::to_string(b),
                          [a, b](const Var& x) { return hard_sigmoid(x, a, b); });
    like.reference_scale = 1.0;
    append(list, elementwise_samples(like, {.kinks = {first, second}, .probes = {-5, 0, 5}},
                                     [a, b](Real x) { return std::fmin(std::fmax(a * x + b, Real{0}), Real{1}); }));
  }
  return list;
}

template <>
std::vector<Sample> samples<HardSwish>() {
  Sample like = gated([](const Var& x) { return hard_swish(x); });
  return elementwise_samples(like, {.domain = {-4, 4}, .kinks = {-3, 3}, .probes = {-10, -1.5, 0, 10}},
                             [](Real x) { return x * std::fmin(std::fmax(x + 3, Real{0}), Real{6}) / 6; });
}

}  // namespace taut::harness
