// A primitive that Taut does not have, with all its rules, held to the same checks as Taut's own, and the bound of a
// small network that uses it. The op is soft thresholding; the network is a sparse coder: three steps of the iteration
// z ← S_t(z − s Aᵀ(A z − b)), which looks for the code z of a signal b in a dictionary A.
#include <algorithm>
#include <cmath>
#include <iomanip>
#include <iostream>
#include <nlohmann/json.hpp>

#include "autodiff/families.h"
#include "autodiff/ops.h"
#include "autodiff/tape.h"
#include "examples/support/program.h"
#include "harness/check.h"
#include "lipschitz/autolip.h"
#include "nn/init.h"

using namespace taut;

// Moves every number towards 0 by t, and what lies within t to 0.
class SoftThreshold final : public ElementwisePrimitive {
 public:
  static constexpr OpInfo static_info{"soft_threshold", "x − clip(x, −t, t)", "derivative 0 at −t and t", ""};
  explicit SoftThreshold(double t) : t_(t) {}
  const OpInfo& info() const override { return static_info; }

  Tensor forward(const Operands& in, const TensorType& out) const override {
    Tensor y = in[0].copy();
    dispatch(out.dtype, [&](auto zero) {
      const auto t = static_cast<decltype(zero)>(t_);
      for (auto& v : y.mutable_data<decltype(zero)>()) v -= std::clamp(v, -t, t);
    });
    return y;
  }
  // Written on Vars, so it can be differentiated again.
  Var pullback(const Var& c, const Var& x, const Var&) const override { return c * step(abs(x) - t_); }

  // 0 where the interval meets [−t, t], 1 where it leaves it.
  Slope slope(const Interval& x) const override {
    return {x.lo <= t_ && x.hi >= -t_ ? 0.0 : 1.0, x.lo < -t_ || x.hi > t_ ? 1.0 : 0.0};
  }
  Interval image(const Interval& x) const override {  // increases
    return {std::max(0.0, sub_down(x.lo, t_)) + std::min(0.0, add_down(x.lo, t_)),
            std::max(0.0, sub_up(x.hi, t_)) + std::min(0.0, add_up(x.hi, t_))};
  }
  ForwardError forward_error() const override { return {1.0}; }  // one subtraction
  std::optional<PiecewiseLinear> pieces() const override { return PiecewiseLinear{{-t_, t_}, {1.0, 0.0, 1.0}}; }
  std::string_view unbounded_because() const override { return ""; }

 private:
  double t_;
};

template <>
inline constexpr bool taut::is_listed<SoftThreshold> = true;  // only listed primitives can be recorded

// t ≥ 0, rounded to x's dtype: the rules speak of the number that is computed with.
Var soft_threshold(const Var& x, double t, Where where = Where::current()) {
  return record(where, SoftThreshold(x.dtype() == DType::f32 ? static_cast<float>(t) : t), x);
}

namespace {

constexpr double threshold = 0.5;

// Ways to call the op, and what mathematics says about it by another route.
harness::Subject soft_threshold_subject() {
  harness::Subject subject{std::string(SoftThreshold::static_info.name), {}};
  for (const Shape& shape : {Shape{}, Shape{7}, Shape{2, 3}, Shape{0, 3}, Shape{1, 2, 1, 2, 1, 1, 2, 1}}) {
    harness::Sample sample;
    sample.name = shape.str();
    sample.operands = {{.shape = shape, .kinks = {-threshold, threshold}, .probes = {-5, 0, 5}}};
    sample.f = [](std::span<const Var> in) { return soft_threshold(in[0], threshold); };
    sample.reference = [](std::span<const Tensor> in) {  // sign(x) · max(|x| − t, 0)
      Tensor y = in[0].copy();
      for (double& v : y.mutable_data<double>()) v = std::copysign(std::fmax(std::fabs(v) - threshold, 0.0), v);
      return y;
    };
    subject.samples.push_back(std::move(sample));
  }
  return subject;
}

// Prints one line per check; the texts of those that failed.
std::string run_checks(nlohmann::ordered_json& results) {
  std::string failures;
  for (const harness::Report& report : harness::run_checks(soft_threshold_subject())) {
    std::cout << (report.passed() ? "  passed  " : "  FAILED  ") << std::left << std::setw(22) << report.check()
              << std::right << std::setw(7) << report.comparisons() << " comparisons\n";
    if (!report.passed()) failures += report.text() + '\n';
    results["checks"].push_back({{"name", report.check()}, {"passed", report.passed()}});
  }
  return failures;
}

AutoLipReport bound_of_sparse_coder(std::uint64_t seed) {
  constexpr Index signal = 8, code = 12;
  nn::Random random(seed);
  Tensor dictionary = Tensor::zeros(Shape{signal, code}, DType::f64);
  nn::fill_normal(dictionary, 0.0, 1.0 / std::sqrt(signal), random);
  const Var a(dictionary);
  const double s = 1.0 / sum(square(a)).item();  // at most 1 / ‖A‖², so that the iteration converges

  Tape tape;
  const Var b = tape.input(Tensor::zeros(Shape{1, signal}, DType::f64), "signal");
  Var z = soft_threshold(s * dense(b, transpose(a), Var()), s * threshold);
  for (int i = 1; i < 3; ++i) {
    const Var residual = dense(z, a, Var()) - b;
    z = soft_threshold(z - s * dense(residual, transpose(a), Var()), s * threshold);
  }
  return autolip(z);
}

void your_own_op(const examples::CommonOptions& options) {
  nlohmann::ordered_json results;
  std::cout << "soft_threshold against every rule it declares\n";
  const std::string failures = run_checks(results);
  const AutoLipReport report = bound_of_sparse_coder(options.seed);
  std::cout << "\nA sparse coder of three steps\n" << report << '\n';
  results["bound"] = {{"value", report.bound.value()}, {"rigour", to_string(report.bound.rigour())}};
  if (!options.json_file.empty()) examples::write_file(options.json_file, results.dump(2) + '\n');
  if (!failures.empty()) throw Error("soft_threshold breaks its rules:\n" + failures);
}

}  // namespace

int main(int argc, char** argv) {
  return taut::examples::run_program(
      argc, argv, "A primitive of your own: its rules, the checks, a bound that uses it.", {}, your_own_op);
}
