// Derivatives of derivatives, against differences of first-order ones. The cotangent and the tangents are
// differentiated by too: a rule that detaches one of them is caught.
#include <cmath>

#include "autodiff/diff.h"
#include "harness/check.h"
#include "harness/checks/compare.h"
#include "harness/checks/derivatives.h"
#include "harness/checks/numbers.h"
#include "harness/checks/recording.h"
#include "harness/tolerances.h"

namespace taut::harness {
namespace {

constexpr DiffOptions differentiable{.create_graph = true};

Inputs values_of(std::span<const Var> vars) {
  Inputs values;
  for (const Var& v : vars) values.push_back(v.value());
  return values;
}

// Σ_i cotangents[i] · ∂results[i]/∂wrt.
Inputs pull_back(std::span<const Var> results, const Inputs& cotangents, std::span<const Var> wrt) {
  Inputs sum;
  for (const Var& v : wrt) sum.push_back(Tensor::zeros(v.shape(), DType::f64));
  std::vector<Var> part(wrt.size());
  for (std::size_t i = 0; i < results.size(); ++i) {
    vjp(results[i], Var(cotangents[i]), wrt, part);
    for (std::size_t k = 0; k < wrt.size(); ++k) sum[k] = plus(sum[k], 1.0, part[k].value());
  }
  return sum;
}

Inputs push_forward(std::span<const Var> results, std::span<const Var> wrt, const Inputs& tangents) {
  const std::vector<Var> directions(tangents.begin(), tangents.end());
  Inputs values;
  for (const Var& r : results) values.push_back(jvp(r, wrt, directions).value());
  return values;
}

// The point (x, c) and the recorded vjp(x; c).
struct ReverseSweep {
  ReverseSweep(const Sample& sample, std::span<const Tensor> point)
      : recording(sample, point.first(point.size() - 1)), wrt(recording.in()), results(recording.in().size()) {
    wrt.push_back(recording.tape().input(point.back()));
    vjp(recording.out(), wrt.back(), recording.in(), results, differentiable);
  }
  Recording recording;
  std::vector<Var> wrt, results;
};

// The point (x, t) and the recorded jvp(x; t).
struct ForwardSweep {
  ForwardSweep(const Sample& sample, std::span<const Tensor> point)
      : recording(sample, point.first(point.size() / 2)), wrt(recording.in()) {
    std::vector<Var> tangents;
    for (const Tensor& t : point.subspan(point.size() / 2)) tangents.push_back(recording.tape().input(t));
    wrt.insert(wrt.end(), tangents.begin(), tangents.end());
    results.push_back(jvp(recording.out(), recording.in(), tangents, differentiable));
  }
  Recording recording;
  std::vector<Var> wrt, results;
};

Inputs point_with_cotangent(const Sample& sample, Random& random) {
  Inputs point = draw_smooth(sample, random);
  const Shape out = value(sample, point).shape();
  point.push_back(random.tensor(out));
  return point;
}

Inputs vjp_field(const Sample& sample, std::span<const Tensor> point) {
  return vjp_of(sample, point.first(point.size() - 1), point.back());
}

Inputs jvp_field(const Sample& sample, std::span<const Tensor> point) {
  return {jvp_of(sample, point.first(point.size() / 2), point.subspan(point.size() / 2))};
}

// The gradient of Σ ⟨results_i, w_i⟩ along a random direction, against differences of the results.
template <class Sweep>
void expect_reverse(Report& report, const Sample& sample, const Inputs& point, const Field& field, Random& random) {
  const Sweep sweep(sample, point);
  expect_close(report, values_of(sweep.results), field(point), 0x1p-50, "the recorded sweep, against the plain one");
  const Inputs w = random_like(values_of(sweep.results), random);
  const Inputs direction = random_like(point, random);
  const Inputs gradient = pull_back(sweep.results, w, sweep.wrt);
  const Inputs by_differences = differences(field, point, direction);
  const double scale = 1.0 + inner_magnitude(gradient, direction) + inner_magnitude(w, by_differences);
  const double allowed = tolerance.second_order * scale;
  const double computed = inner(gradient, direction), expected = inner(w, by_differences);
  report.expect(std::fabs(computed - expected) <= allowed, "second derivative ", computed, ", by differences ",
                expected, ", allowed difference ", allowed);
}

}  // namespace

void check_reverse_over_reverse(const Subject& subject, Random& random, Report& report) {
  for (const Sample& sample : subject.samples) {
    report.set_context(sample.name);
    const Field field = [&sample](std::span<const Tensor> p) { return vjp_field(sample, p); };
    expect_reverse<ReverseSweep>(report, sample, point_with_cotangent(sample, random), field, random);
  }
}

void check_forward_over_reverse(const Subject& subject, Random& random, Report& report) {
  for (const Sample& sample : subject.samples) {
    report.set_context(sample.name);
    const Field field = [&sample](std::span<const Tensor> p) { return vjp_field(sample, p); };
    const Inputs point = point_with_cotangent(sample, random);
    const Inputs direction = random_like(point, random);
    const ReverseSweep sweep(sample, point);
    expect_close(report, push_forward(sweep.results, sweep.wrt, direction), differences(field, point, direction),
                 tolerance.second_order, "jvp of vjp");
  }
}

void check_reverse_over_forward(const Subject& subject, Random& random, Report& report) {
  for (const Sample& sample : subject.samples) {
    report.set_context(sample.name);
    const Field field = [&sample](std::span<const Tensor> p) { return jvp_field(sample, p); };
    Inputs point = draw_smooth(sample, random);
    const Inputs tangents = random_like(point, random);
    point.insert(point.end(), tangents.begin(), tangents.end());
    expect_reverse<ForwardSweep>(report, sample, point, field, random);
  }
}

}  // namespace taut::harness
