#include "harness/sample.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace taut::harness {
namespace {

// Far enough for five-point differences with directions of entries up to 1.
constexpr double distance_to_kinks = 0.02;

bool near_kink(const Operand& operand, double x) {
  return std::ranges::any_of(operand.kinks, [x](double kink) { return std::fabs(x - kink) < distance_to_kinks; });
}

double draw_away_from_kinks(const Operand& operand, Random& random) {
  for (;;) {
    const double x = random.uniform(operand.domain.lo, operand.domain.hi);
    if (!near_kink(operand, x)) return x;
  }
}

// Replaces the entries of the `distinct` operands by a random permutation of separated numbers of their domain.
void separate(const Sample& sample, Inputs& values, Random& random) {
  std::vector<double*> places;
  Interval domain{-2.0, 2.0};
  for (std::size_t k = 0; k < values.size(); ++k) {
    if (!sample.operands[k].distinct) continue;
    domain = sample.operands[k].domain;
    for (double& x : values[k].mutable_data<double>()) places.push_back(&x);
  }
  for (std::size_t i = places.size(); i > 1; --i)
    std::swap(places[i - 1], places[static_cast<std::size_t>(random.integer(0, static_cast<Index>(i) - 1))]);
  const double gap = (domain.hi - domain.lo) / static_cast<double>(places.size() + 1);
  for (std::size_t i = 0; i < places.size(); ++i)
    *places[i] = domain.lo + gap * (static_cast<double>(i + 1) + random.uniform(-0.25, 0.25));
}

double clamp_to(const Interval& interval, double x) { return std::clamp(x, interval.lo, interval.hi); }

double f32_neighbour(double x, Random& random) {
  const float nearest = static_cast<float>(x);
  const float away = random.coin() ? INFINITY : -INFINITY;
  return static_cast<double>(std::nextafter(nearest, away));
}

}  // namespace

Inputs draw_smooth(const Sample& sample, Random& random) {
  Inputs values;
  for (const Operand& operand : sample.operands) {
    Tensor t = Tensor::uninitialised(operand.shape, DType::f64);
    for (double& x : t.mutable_data<double>()) x = draw_away_from_kinks(operand, random);
    values.push_back(std::move(t));
  }
  separate(sample, values, random);
  return values;
}

Inputs draw_any(const Sample& sample, Random& random) {
  Inputs values;
  for (const Operand& operand : sample.operands) {
    std::vector<double> special = operand.kinks;
    for (const double probe : operand.probes)
      if (operand.domain.contains(probe)) special.push_back(probe);
    Tensor t = Tensor::uninitialised(operand.shape, DType::f64);
    for (double& x : t.mutable_data<double>())
      x = !special.empty() && random.integer(0, 3) == 0 ? random.pick(special)
                                                        : random.uniform(operand.domain.lo, operand.domain.hi);
    values.push_back(std::move(t));
  }
  return values;
}

double draw_anywhere(const Operand& operand, Random& random) {
  std::vector<double> special = operand.kinks;
  special.insert(special.end(), operand.probes.begin(), operand.probes.end());
  double x = random.uniform(operand.domain.lo, operand.domain.hi);
  switch (random.integer(0, 4)) {
    case 0:
      if (!special.empty()) x = random.pick(special);
      break;
    case 1:
      if (!special.empty()) x = f32_neighbour(random.pick(special), random);
      break;
    case 2:
      x = random.any_scale(-6, 2.5);
      break;
    default:
      break;
  }
  return clamp_to(operand.defined, x);
}

std::vector<Shape> shapes_of(const Sample& sample) {
  std::vector<Shape> shapes;
  for (const Operand& operand : sample.operands) shapes.push_back(operand.shape);
  return shapes;
}

Index total_size(std::span<const Tensor> tensors) {
  return std::accumulate(tensors.begin(), tensors.end(), Index{0},
                         [](Index n, const Tensor& t) { return n + t.size(); });
}

}  // namespace taut::harness
