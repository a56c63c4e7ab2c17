// What does a small Lipschitz constant cost, and which penalty buys it cheapest? Small networks on MNIST, trained under
// every penalty of a table at several strengths: accuracy, the constant between certified bounds, and the accuracy that
// perturbations cannot take away, proved and under attack. The figure shows accuracy against the certified upper bound.
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <map>

#include "autodiff/error.h"
#include "examples/support/countdown.h"
#include "examples/support/figure.h"
#include "examples/support/mnist.h"
#include "examples/support/penalties.h"
#include "examples/support/program.h"
#include "examples/support/robustness.h"
#include "examples/support/table.h"
#include "nn/layers.h"
#include "nn/loss.h"

namespace {

using namespace taut;
using examples::Json;

struct Network {
  std::string name;
  Index epochs;
  std::function<nn::Sequential(nn::Random& random)> build;
};

nn::Sequential mlp(nn::Random& random) {
  return nn::Sequential{nn::Flatten(), nn::Linear(784, 256, random), nn::ReLU(), nn::Linear(256, 256, random),
                        nn::ReLU(),    nn::Linear(256, 10, random)};
}

// Strides instead of pooling, so that every layer is affine and every activation a ReLU.
nn::Sequential cnn(nn::Random& random) {
  const Conv2dOptions halving{.stride = {2, 2}, .padding = {1, 1, 1, 1}};
  return nn::Sequential{nn::Conv2d(1, 16, {4, 4}, random, halving),
                        nn::ReLU(),
                        nn::Conv2d(16, 32, {4, 4}, random, halving),
                        nn::ReLU(),
                        nn::Flatten(),
                        nn::Linear(1568, 100, random),
                        nn::ReLU(),
                        nn::Linear(100, 10, random)};
}

const std::vector<Network>& networks() {
  static const std::vector<Network> all{{"MLP", 4, mlp}, {"CNN", 3, cnn}};
  return all;
}

struct Run {
  const Network* network;
  const examples::NamedPenalty* penalty;
  double strength;
  std::string name() const { return cat(network->name, ", ", penalty->name, " ", examples::short_number(strength)); }
};

// Every penalty at every strength, under --quick at one in the middle and for the MLP only.
std::vector<Run> runs(const std::string& only, bool quick) {
  std::vector<Run> all;
  for (const Network& network : networks()) {
    if ((!only.empty() && network.name != only) || (quick && only.empty() && &network != &networks().front())) continue;
    for (const examples::NamedPenalty& penalty : examples::penalties())
      for (std::size_t i = 0; i < penalty.strengths.size(); ++i)
        if (!quick || i == penalty.strengths.size() / 2) all.push_back({&network, &penalty, penalty.strengths[i]});
  }
  return all;
}

Json row_of(const Run& run, const nn::TrainAndTest& data, const examples::CommonOptions& options,
            examples::Table& table) {
  nn::Random random(options.seed);
  nn::Sequential net = run.network->build(random);
  const Tensor sample = data.test.first(1).inputs();
  examples::Recipe recipe{.epochs = run.network->epochs, .batch_size = 128};
  if (const examples::PenaltyTerm term = run.penalty->make(net, sample, options.seed))
    recipe.loss = [term, strength = run.strength](const Var& output, const nn::Batch& batch) {
      return nn::cross_entropy(output, batch.labels) + strength * term(output, batch);
    };
  examples::train(net, data.train, recipe, options);

  const examples::Robustness robustness =
      examples::robustness(net, data.test, examples::RobustnessOptions::of(options));
  std::vector<std::string> cells{run.network->name, run.penalty->name, examples::short_number(run.strength)};
  for (std::string& cell : examples::robustness_cells(robustness)) cells.push_back(std::move(cell));
  table.rows.push_back(std::move(cells));
  Json row{{"network", run.network->name}, {"penalty", run.penalty->name}, {"strength", run.strength}};
  row.update(examples::to_json(robustness));
  return row;
}

// Accuracy against the certified upper bound, a line per penalty through its strengths.
examples::Figure trade_off(const std::vector<Json>& rows, const std::string& network) {
  std::map<std::string, std::vector<std::vector<double>>> lines;
  for (const Json& row : rows)
    if (row["network"] == network && row["upper"].is_number())
      lines[row["penalty"]].push_back({row["upper"].get<double>(), 100.0 * row["test_accuracy"].get<double>()});
  examples::Figure figure;
  std::string plots;
  for (const examples::NamedPenalty& penalty : examples::penalties()) {
    const auto line = lines.find(penalty.name);
    if (line == lines.end()) continue;
    const std::string block = cat("data", std::distance(examples::penalties().data(), &penalty));
    figure.commands += examples::data_block(block, line->second);
    plots += cat(plots.empty() ? "plot " : ", ", '$', block, " with linespoints lw 2 pt 7 title '", penalty.name, "'");
  }
  figure.commands +=
      cat("set logscale x\nset xlabel 'certified upper bound of the Lipschitz constant'\n"
          "set ylabel 'test accuracy in percent'\nset key right bottom\nset grid\nset title '",
          network, " on MNIST'\n", plots, '\n');
  return figure;
}

struct Paths {
  std::string data = examples::data_folder("mnist");
  std::string out;   // folder of the figures, "" for none
  std::string only;  // network
};

void draw_figures(const std::vector<Json>& rows, const Paths& paths) {
  std::filesystem::create_directories(paths.out);
  for (const Network& network : networks()) {
    if (std::ranges::none_of(rows, [&](const Json& row) { return row["network"] == network.name; })) continue;
    const std::string failure =
        examples::draw(paths.out, "penalty_tradeoff_" + network.name, trade_off(rows, network.name));
    std::cout << (failure.empty() ? cat("figure: ", paths.out, "/penalty_tradeoff_", network.name, ".svg") : failure)
              << '\n';
  }
}

void trade(const Paths& paths, const examples::CommonOptions& options) {
  const nn::TrainAndTest data = examples::load_mnist(paths.data, options);
  examples::Table table{{"network", "penalty", "strength"}, {}};
  for (const std::string& column : examples::robustness_columns(examples::usual_radii()))
    table.columns.push_back(column);
  std::vector<Json> rows;
  const std::vector<Run> all = runs(paths.only, options.quick);
  examples::Countdown countdown(all.size());
  for (const Run& run : all) {
    countdown.next(run.name());
    rows.push_back(row_of(run, data, options, table));
    // Row by row, so that a run that is stopped leaves what was done.
    if (!options.json_file.empty()) examples::write_file(options.json_file, Json{{"rows", rows}}.dump(2) + "\n");
  }
  countdown.finish();
  std::cout << table.text() << '\n' << examples::robustness_legend << '\n';
  if (!paths.out.empty()) draw_figures(rows, paths);
}

}  // namespace

int main(int argc, char** argv) {
  Paths paths;
  return examples::run_program(argc, argv, "Accuracy against certified Lipschitz bounds under penalties, on MNIST.",
                               {{"--data", "DIR", "the four files of MNIST", &paths.data},
                                {"--out", "DIR", "draw figures there, by gnuplot", &paths.out},
                                {"--only", "NET", "MLP or CNN instead of both", &paths.only}},
                               [&](const examples::CommonOptions& options) { trade(paths, options); });
}
