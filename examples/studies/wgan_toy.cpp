// How far apart are two distributions? The Wasserstein distance W1 is the largest E f(x) − E f(y) over functions f with
// Lipschitz constant 1, so any trained critic f gives a lower bound, (mean f(x) − mean f(y)) / L, once its constant is
// at most L [Arjovsky2017]. With a certified L, and the means enclosed, that bound is proved for the samples at hand.
// Critics with the gradient penalty [Gulrajani2017] beside critics that cannot be steeper than 1, against the truth.
#include <algorithm>
#include <cmath>
#include <functional>
#include <iostream>
#include <numbers>

#include "autodiff/error.h"
#include "examples/support/countdown.h"
#include "examples/support/program.h"
#include "examples/support/table.h"
#include "lipschitz/gradient_penalty.h"
#include "lipschitz/graph.h"
#include "lipschitz/sandwich.h"
#include "nn/constrained.h"
#include "nn/layers.h"
#include "nn/optimiser.h"
#include "nn/sequential.h"

namespace {

using namespace taut;
using examples::Json;

struct Problem {
  std::string name;
  double truth;     // W1 of the two laws
  Tensor from, to;  // samples, (count, 1) or (count, 2), as many of both
};

Tensor samples(Index count, Index dimension, const std::function<void(std::span<float>)>& draw) {
  Tensor all = Tensor::uninitialised(Shape{count, dimension}, DType::f32);
  const auto values = all.mutable_data<float>();
  const auto width = static_cast<std::size_t>(dimension);
  for (std::size_t i = 0; i < values.size(); i += width) draw(values.subspan(i, width));
  return all;
}

std::vector<Problem> problems(Index count, std::uint64_t seed) {
  nn::Random random(seed);
  const auto on_line = [&](const std::function<double()>& draw) {
    return samples(count, 1, [&](std::span<float> x) { x[0] = static_cast<float>(draw()); });
  };
  const auto normal = [&](double mean, double deviation) {
    return on_line([&random, mean, deviation] { return mean + deviation * random.normal(); });
  };
  const auto uniform = [&](double lo, double hi) {
    return on_line([&random, lo, hi] { return random.uniform(lo, hi); });
  };
  const auto gaussian = [&](double x, double y) {
    return samples(count, 2, [&random, x, y](std::span<float> p) {
      p[0] = static_cast<float>(x + random.normal());
      p[1] = static_cast<float>(y + random.normal());
    });
  };
  const auto circle = [&](double radius) {
    return samples(count, 2, [&random, radius](std::span<float> p) {
      const double angle = random.uniform(0.0, 2.0 * std::numbers::pi);
      p[0] = static_cast<float>(radius * std::cos(angle));
      p[1] = static_cast<float>(radius * std::sin(angle));
    });
  };
  // On the line W1 = ∫ |F − G|: the distance of the means where F ≥ G everywhere, and |s − t| E|Z| for N(0, s²) and
  // N(0, t²). A translation by v costs |v|; from circle to circle every point moves along its radius.
  return {{"N(0, 1), N(2, 1)", 2.0, normal(0.0, 1.0), normal(2.0, 1.0)},
          {"N(0, 1), N(0, 9)", 2.0 * std::sqrt(2.0 / std::numbers::pi), normal(0.0, 1.0), normal(0.0, 3.0)},
          {"U(0, 1), U(0, 3)", 1.0, uniform(0.0, 1.0), uniform(0.0, 3.0)},
          {"plane, moved by (1.5, 2)", 2.5, gaussian(0.0, 0.0), gaussian(1.5, 2.0)},
          {"circles of radii 1, 3", 2.0, circle(1.0), circle(3.0)}};
}

// W1 of the samples themselves: on the line the i-th smallest goes to the i-th smallest.
std::optional<double> distance_of_samples(const Problem& problem) {
  if (problem.from.shape()[1] != 1) return std::nullopt;
  const auto sorted = [](const Tensor& t) {
    const auto values = t.data<float>();
    std::vector<double> all(values.begin(), values.end());
    std::ranges::sort(all);
    return all;
  };
  const std::vector<double> a = sorted(problem.from), b = sorted(problem.to);
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += std::abs(a[i] - b[i]);
  return sum / static_cast<double>(a.size());
}

struct Critic {
  std::string name;
  double gradient_penalty;  // its strength; 0: none is needed
  std::function<nn::Sequential(Index inputs, nn::Random& random)> build;
};

template <class Layer, class Activation>
nn::Sequential critic(Index inputs, nn::Random& random) {
  constexpr Index width = 64;
  return nn::Sequential{Layer(inputs, width, random), Activation(), Layer(width, width, random), Activation(),
                        Layer(width, 1, random)};
}

const std::vector<Critic>& critics() {
  static const std::vector<Critic> all{
      {"gradient penalty", 10.0, &critic<nn::Linear, nn::ReLU>},
      {"Björck, |·|", 0.0, &critic<nn::BjorckLinear, nn::Abs>},
      {"Cayley, |·|", 0.0, &critic<nn::CayleyLinear, nn::Abs>},
      {"spectral, |·|", 0.0, &critic<nn::SpectralLinear, nn::Abs>},
      {"spectral, ReLU", 0.0, &critic<nn::SpectralLinear, nn::ReLU>},
  };
  return all;
}

// Points between the two sets, at which the gradient should have the length 1.
Tensor points_between(const Problem& problem, nn::Random& random) {
  Tensor between = problem.from.copy();
  const auto points = between.mutable_data<float>();
  const auto others = problem.to.data<float>();
  const auto width = static_cast<std::size_t>(between.shape()[1]);
  for (std::size_t i = 0; i < points.size(); i += width) {
    const auto share = static_cast<float>(random.uniform(0.0, 1.0));
    for (std::size_t k = i; k < i + width; ++k) points[k] += share * (others[k] - points[k]);
  }
  return between;
}

// Maximises mean f(from) − mean f(to); all samples in every step.
void train(nn::Sequential& net, const Critic& critic, const Problem& problem, Index steps, std::uint64_t seed) {
  nn::Adam optimiser(nn::parameters(net), {.learning_rate = 5e-3});
  nn::Random random(seed, 1);
  Tape tape;
  nn::set_training(net, true);
  for (Index step = 0; step < steps; ++step) {
    Var loss = mean(net(tape.input(problem.to))) - mean(net(tape.input(problem.from)));
    if (critic.gradient_penalty > 0.0) {
      const Var between = tape.input(points_between(problem, random));
      loss = loss + critic.gradient_penalty * gradient_penalty(net(between), between);
    }
    optimiser.set_learning_rate(5e-3 * (1.0 - 0.95 * static_cast<double>(step) / static_cast<double>(steps)));
    optimiser.step(loss);
  }
  nn::set_training(net, false);
}

// Of the sum of the exact net's values: stored weights and samples, arithmetic without rounding.
Interval enclosed_sum(nn::Sequential& net, const Tensor& points) {
  Tape tape;
  const Var output = net(tape.input(points));
  const Graph graph(output, "enclosed_sum");
  const Range at_points = Range::point(points);
  const Range values = graph.ranges({&at_points, 1})[graph.output()];
  Interval sum{0.0, 0.0};
  for (Index i = 0; i < points.shape()[0]; ++i) sum = sum + values.at(i);
  return sum;
}

// At most W1 of the samples, whatever is rounded on the way.
double certified_distance(nn::Sequential& net, const Problem& problem, const UpperBound& lipschitz) {
  const Interval from = enclosed_sum(net, problem.from), to = enclosed_sum(net, problem.to);
  const auto count = static_cast<double>(problem.from.shape()[0]);
  const double gap = div_down(sub_down(from.lo, to.hi), count);
  return gap > 0.0 ? div_down(gap, require_certified(lipschitz).value()) : 0.0;
}

Json row_of(const Critic& critic, const Problem& problem, const examples::CommonOptions& options) {
  nn::Random random(options.seed);
  nn::Sequential net = critic.build(problem.from.shape()[1], random);
  train(net, critic, problem, options.quick ? 60 : 600, options.seed);
  SandwichOptions analysis;
  analysis.budget.threads = options.threads;
  analysis.methods = {Method::autolip, Method::seqlip, Method::exact};
  analysis.budget.within(std::chrono::seconds(options.quick ? 1 : 20));
  const Sandwich s = sandwich([&](const Var& x) { return net(x); },
                              Tensor::zeros(Shape{1, problem.from.shape()[1]}, DType::f32), analysis);
  Json row{{"problem", problem.name}, {"critic", critic.name}, {"distance_of_laws", problem.truth}};
  if (const auto distance = distance_of_samples(problem)) row["distance_of_samples"] = *distance;
  row["lipschitz_upper"] = s.upper->value();
  row["lipschitz_method"] = s.upper->method();
  row["certified_distance"] = certified_distance(net, problem, *s.upper);
  return row;
}

std::string field(const Json& row, const char* name) {
  return examples::number(row.contains(name) ? std::optional(row[name].get<double>()) : std::nullopt);
}

void run(const examples::CommonOptions& options) {
  const std::vector<Problem> all = problems(options.quick ? 200 : 1000, options.seed);
  examples::Table table{{"W1 of", "laws", "samples", "critic", "L <=", "by", "certified: W1 >="}, {}};
  Json rows = Json::array();
  examples::Countdown countdown(all.size() * critics().size());
  for (const Problem& problem : all)
    for (const Critic& critic : critics()) {
      countdown.next(cat(problem.name, ", ", critic.name));
      const Json row = row_of(critic, problem, options);
      table.rows.push_back({problem.name, field(row, "distance_of_laws"), field(row, "distance_of_samples"),
                            critic.name, format_directed(row["lipschitz_upper"].get<double>(), Side::upper),
                            row["lipschitz_method"],
                            format_directed(row["certified_distance"].get<double>(), Side::lower, 4)});
      rows.push_back(row);
    }
  countdown.finish();
  std::cout
      << table.text()
      << "\nThe last column is proved for the samples drawn; their distance is not that of the laws, but near it.\n";
  if (!options.json_file.empty()) examples::write_file(options.json_file, Json{{"rows", rows}}.dump(2) + "\n");
}

}  // namespace

int main(int argc, char** argv) {
  return examples::run_program(argc, argv,
                               "Lower bounds of Wasserstein distances by critics, proved, beside the truth.", {}, run);
}
