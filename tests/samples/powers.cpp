#include <cmath>

#include "tests/samples/sample_helpers.h"

namespace taut::harness {
namespace {

Sample calling(std::function<Var(const Var&)> f) { return one_operand("", {}, std::move(f)); }

void append(std::vector<Sample>& to, std::vector<Sample> list) {
  for (Sample& s : list) to.push_back(std::move(s));
}

constexpr Interval positive{0x1p-40, infinity};

}  // namespace

template <>
std::vector<Sample> samples<Pow>() {
  std::vector<Sample> list;
  // Exponents are numbers of f32. The powers of whole and half exponents are multiplied out, the others are not.
  for (const double p : {2.0, 3.0, 5.0, -1.0, -2.0, 0.5, 2.5, -1.5, 0.75, -0.25, 12.5}) {
    Sample like = calling([p](const Var& x) { return pow(x, p); });
    like.name = "exponent " + std::to_string(p);
    const bool whole = p == std::floor(p);
    Operand x{.domain = {0.5, 2}, .defined = positive, .probes = {0.25, 1, 3}};
    if (whole && p > 0) x = {.probes = {-3, 0, 1e-3, 3}};
    if (p == 12.5) x = {.domain = {0.75, 1.25}, .defined = {0.5, 2}, .probes = {0.5, 1, 2}};
    like.reference_ulps = 5 + std::fabs(p);
    // Far out where the power is steep: at 0 for p < 1, at infinity for p > 1.
    like = without_constant(like, [p](double growth) {
      const double at = std::pow(2 * growth / std::fabs(p), 1 / (p - 1));
      return p > 1 ? std::pair{at, 2 * at} : std::pair{at / 2, at};
    });
    append(list, with_shaped_witness(elementwise_samples(like, x, [p](Real t) { return std::pow(t, Real(p)); })));
  }
  // Exponents 0 and 1 have a slope.
  for (const double p : {0.0, 1.0}) {
    Sample like = calling([p](const Var& x) { return pow(x, p); });
    like.name = "exponent " + std::to_string(p);
    append(list, elementwise_samples(like, {.probes = {-3, 0, 3}}, [p](Real t) { return std::pow(t, Real(p)); }));
  }
  return list;
}

template <>
std::vector<Sample> samples<Reciprocal>() {
  std::vector<Sample> list;
  const Sample like = without_constant(calling([](const Var& x) { return reciprocal(x); }), [](double growth) {
    return std::pair{0.25 / std::sqrt(growth), 0.5 / std::sqrt(growth)};
  });
  const auto exact = [](Real x) { return 1 / x; };
  append(list, elementwise_samples(like, {.domain = {0.3, 3}, .defined = positive, .probes = {0.01, 1, 30}}, exact));
  Sample below = like;
  below.name = "below 0";
  append(list,
         elementwise_samples(below, {.domain = {-3, -0.3}, .defined = {-infinity, -0x1p-40}, .probes = {-1}}, exact));
  return with_shaped_witness(std::move(list));
}

template <>
std::vector<Sample> samples<Rsqrt>() {
  const Sample like = without_constant(calling([](const Var& x) { return rsqrt(x); }), [](double growth) {
    const double at = std::pow(4 * growth, -2.0 / 3);
    return std::pair{at / 4, at / 2};
  });
  return with_shaped_witness(elementwise_samples(like,
                                                 {.domain = {0.3, 3}, .defined = positive, .probes = {0.01, 1, 30}},
                                                 [](Real x) { return 1 / std::sqrt(x); }));
}

template <>
std::vector<Sample> samples<Log1p>() {
  const Sample like = without_constant(calling([](const Var& x) { return log1p(x); }), [](double growth) {
    return std::pair{-1 + 0.25 / growth, -1 + 0.5 / growth};
  });
  const Operand x{.domain = {-0.6, 3}, .defined = {-1 + 0x1p-20, infinity}, .probes = {-0.999, 0, 1e-6, 100}};
  return with_shaped_witness(elementwise_samples(like, x, [](Real t) { return std::log1p(t); }));
}

template <>
std::vector<Sample> samples<Expm1>() {
  const Sample like = without_constant(calling([](const Var& x) { return expm1(x); }), [](double growth) {
    return std::pair{std::log(growth), std::log(growth) + 1};
  });
  return with_shaped_witness(elementwise_samples(like,
                                                 {.defined = {-infinity, 80}, .probes = {-800, -20, -1e-6, 0, 5, 80}},
                                                 [](Real t) { return std::expm1(t); }));
}

template <>
std::vector<Sample> samples<Erf>() {
  return elementwise_samples(calling([](const Var& x) { return erf(x); }), {.probes = {-30, -6, -1, 0, 1, 4, 9}},
                             [](Real t) { return std::erf(t); });
}

}  // namespace taut::harness
