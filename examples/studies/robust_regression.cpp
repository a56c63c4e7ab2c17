// A function of two numbers from few samples with noise and outliers, by networks whose constant in the maximum norm is
// held down, and by networks that are left alone. With two inputs the constant itself can be computed, so that
// AutoLip's bound stands beside the truth.
#include <array>
#include <cmath>
#include <iostream>
#include <memory>

#include "autodiff/error.h"
#include "examples/support/countdown.h"
#include "examples/support/program.h"
#include "examples/support/table.h"
#include "lipschitz/autolip.h"
#include "lipschitz/exact.h"
#include "nn/evaluate.h"
#include "nn/layers.h"
#include "nn/lipschitz_linear.h"
#include "nn/loss.h"
#include "nn/penalty.h"
#include "nn/schedule.h"
#include "nn/sequential.h"
#include "nn/trainer.h"

namespace {

using namespace taut;
using examples::Json;

constexpr double side = 2.0;  // points lie in [−2, 2]²

// ∂f = (cos 2x, −sin 2y), so that |f(p) − f(q)| ≤ 2 max(|p₁ − q₁|, |p₂ − q₂|), attained: L = 2 in linf.
double truth(double x, double y) { return 0.5 * std::sin(2.0 * x) + 0.5 * std::cos(2.0 * y); }
constexpr double truth_constant = 2.0;

// Deviation 0.1, and every tenth sample is off by up to 4.
nn::DataSet noisy_samples(Index count, std::uint64_t seed) {
  nn::Random random(seed);
  Tensor points = Tensor::uninitialised(Shape{count, 2}, DType::f32);
  Tensor targets = Tensor::uninitialised(Shape{count, 1}, DType::f32);
  const auto p = points.mutable_data<float>(), t = targets.mutable_data<float>();
  for (std::size_t i = 0; i < t.size(); ++i) {
    for (std::size_t k = 2 * i; k < 2 * i + 2; ++k) p[k] = static_cast<float>(random.uniform(-side, side));
    const double error = i % 10 == 9 ? random.uniform(-4.0, 4.0) : 0.1 * random.normal();
    t[i] = static_cast<float>(truth(p[2 * i], p[2 * i + 1]) + error);
  }
  return nn::DataSet::regression(points, targets);
}

// The true function on a grid.
nn::DataSet grid() {
  constexpr Index cells = 64;
  Tensor points = Tensor::uninitialised(Shape{cells * cells, 2}, DType::f32);
  Tensor values = Tensor::uninitialised(Shape{cells * cells, 1}, DType::f32);
  const auto p = points.mutable_data<float>(), v = values.mutable_data<float>();
  for (std::size_t i = 0; i < v.size(); ++i) {
    const auto coordinate = [](std::size_t k) { return -side + 2.0 * side * (static_cast<double>(k) + 0.5) / cells; };
    p[2 * i] = static_cast<float>(coordinate(i / cells));
    p[2 * i + 1] = static_cast<float>(coordinate(i % cells));
    v[i] = static_cast<float>(truth(p[2 * i], p[2 * i + 1]));
  }
  return nn::DataSet::regression(points, values);
}

// Root of the mean square error.
double error(nn::Sequential& net, const nn::DataSet& data) {
  return std::sqrt(nn::mse(nn::predict(net, data), data.targets()).item());
}

enum class Bound { none, log_autolip, lipschitz_mlp };

struct Fit {
  std::string name;
  bool huber = true;
  Bound bound = Bound::none;
  double strength = 0.0;
};

const std::vector<Fit>& fits() {
  static const std::vector<Fit> all{{"least squares", false},
                                    {"Huber"},
                                    {"Huber + 0.003 log AutoLip", true, Bound::log_autolip, 0.003},
                                    {"Huber + 0.01 log AutoLip", true, Bound::log_autolip, 0.01},
                                    {"Huber + 0.03 log AutoLip", true, Bound::log_autolip, 0.03},
                                    {"Huber, Lipschitz MLP x 1e-4", true, Bound::lipschitz_mlp, 1e-4},
                                    {"Huber, Lipschitz MLP x 1e-3", true, Bound::lipschitz_mlp, 1e-3},
                                    {"least squares + 0.1 log AutoLip", false, Bound::log_autolip, 0.1}};
  return all;
}

template <class Layer>
nn::Sequential network(nn::Random& random) {
  constexpr Index width = 32;
  return nn::Sequential{Layer(2, width, random), nn::ReLU(), Layer(width, width, random), nn::ReLU(),
                        Layer(width, 1, random)};
}

// Strength included; nothing where there is none.
std::function<Var(Tape& tape)> penalty_of(const Fit& fit, nn::Sequential& net, const Tensor& sample) {
  if (fit.bound == Bound::log_autolip) {
    const auto log_autolip = std::make_shared<LogAutoLip>(PenaltyOptions{.norm = Norm::linf});
    return [penalty = std::make_shared<nn::NetPenalty>(net, sample, log_autolip), strength = fit.strength](Tape& tape) {
      return strength * (*penalty)(tape);
    };
  }
  if (fit.bound == Bound::lipschitz_mlp)
    return [&net, strength = fit.strength](Tape& tape) {
      const std::array<const nn::LipschitzLinear*, 3> layers{
          &net[0].as<nn::LipschitzLinear>(), &net[2].as<nn::LipschitzLinear>(), &net[4].as<nn::LipschitzLinear>()};
      return strength * nn::lipschitz_mlp_penalty(tape, layers);
    };
  return {};
}

void train(nn::Sequential& net, const Fit& fit, const nn::DataSet& data, const examples::CommonOptions& options) {
  constexpr double rate = 5e-3;
  nn::Adam optimiser(nn::parameters(net), {.learning_rate = rate});
  nn::TrainOptions training{.epochs = options.quick ? 40 : 400, .batch_size = 50};
  training.budget.seed = options.seed;
  training.schedule = nn::cosine(rate, training.epochs);
  if (fit.huber) training.loss = [](const Var& y, const nn::Batch& batch) { return nn::huber(y, batch.targets, 0.2); };
  training.penalty = penalty_of(fit, net, data.first(1).inputs());
  nn::train(net, data, optimiser, training);
}

Json row_of(const Fit& fit, const nn::DataSet& data, const nn::DataSet& test, const examples::CommonOptions& options) {
  nn::Random random(options.seed);
  nn::Sequential net =
      fit.bound == Bound::lipschitz_mlp ? network<nn::LipschitzLinear>(random) : network<nn::Linear>(random);
  train(net, fit, data, options);
  const Function f = [&](const Var& x) { return net(x); };
  AutoLipOptions whole_plane;
  whole_plane.question.norm = Norm::linf;
  ExactOptions exact;
  exact.question.norm = Norm::linf;
  exact.question.domain = Domain::box(Interval{-side, side});
  const ExactResult constant = exact_constant(f, data.first(1).inputs(), exact);
  return {{"fit", fit.name},
          {"training_error", error(net, data)},
          {"test_error", error(net, test)},
          {"autolip", autolip(f, data.first(1).inputs(), whole_plane).bound.value()},
          {"constant_lower", constant.lower.value()},
          {"constant_upper", constant.upper.value()},
          {"regions", constant.regions}};
}

void run(const examples::CommonOptions& options) {
  const nn::DataSet data = noisy_samples(200, options.seed), test = grid();
  std::cout << "200 samples of a function with L = " << truth_constant
            << " in linf, deviation 0.1, every tenth off by up to 4\n\n";
  examples::Table table{{"network", "error on samples", "error of truth", "AutoLip: L <=", "on the square: L <="}, {}};
  Json rows = Json::array();
  examples::Countdown countdown(fits().size());
  for (const Fit& fit : fits()) {
    countdown.next(fit.name);
    const Json row = row_of(fit, data, test, options);
    table.rows.push_back({fit.name, examples::number(row["training_error"].get<double>(), 3),
                          examples::number(row["test_error"].get<double>(), 3),
                          format_directed(row["autolip"].get<double>(), Side::upper, 4),
                          format_directed(row["constant_upper"].get<double>(), Side::upper, 4)});
    rows.push_back(row);
  }
  countdown.finish();
  std::cout << table.text()
            << "\nA penalty on a logarithm has no floor: too strong a one ends in a constant function.\nErrors are "
               "roots of mean squares; constants are certified, in linf, those of the last column attained to "
               "rounding on [-2, 2] x [-2, 2].\n";
  if (!options.json_file.empty())
    examples::write_file(options.json_file, Json{{"truth", truth_constant}, {"rows", rows}}.dump(2) + "\n");
}

}  // namespace

int main(int argc, char** argv) {
  return examples::run_program(argc, argv, "Regression with outliers, under a bound in the maximum norm.", {}, run);
}
