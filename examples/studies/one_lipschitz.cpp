// Networks that are 1-Lipschitz by construction, kinds of layers side by side on MNIST: what they reach, what that
// costs in time and memory, and how near their constant comes to 1. The last network is the one to take home.
#include <iostream>

#include "autodiff/error.h"
#include "autodiff/memory.h"
#include "examples/support/countdown.h"
#include "examples/support/mnist.h"
#include "examples/support/program.h"
#include "examples/support/robustness.h"
#include "examples/support/table.h"
#include "nn/constrained.h"
#include "nn/layers.h"
#include "nn/resize.h"
#include "nn/robust_loss.h"

namespace {

using namespace taut;
using examples::Json;

struct Network {
  std::string name, layers;
  Index epochs;
  std::function<nn::Sequential(nn::Random& random)> build;
  double offset = 0.5;  // of the loss: the margin that it asks for, for certificates up to about offset / √2
};

template <class Dense>
nn::Sequential mlp(nn::Random& random) {
  return nn::Sequential{nn::Flatten(), Dense(784, 256, random), nn::MaxMin(), Dense(256, 256, random),
                        nn::MaxMin(),  Dense(256, 10, random)};
}

// Blocks of 2 x 2 pixels become channels instead of a stride: that moves numbers and loses none.
template <class Convolution, class Dense>
nn::Sequential cnn(nn::Random& random) {
  const Conv2dOptions same_size{.padding = {1, 1, 1, 1}};
  return nn::Sequential{nn::PixelUnshuffle(2),
                        Convolution(4, 16, {3, 3}, random, same_size),
                        nn::MaxMin(),
                        nn::PixelUnshuffle(2),
                        Convolution(64, 32, {3, 3}, random, same_size),
                        nn::MaxMin(),
                        nn::Flatten(),
                        Dense(1568, 128, random),
                        nn::MaxMin(),
                        Dense(128, 10, random)};
}

// Of circular convolutions. The activation stands between blocks and convolution, because AutoLip sees that a large
// chain of affine maps is a circular convolution only where that is all it is.
nn::Sequential circular_cnn(nn::Random& random) {
  return nn::Sequential{nn::PixelUnshuffle(2),
                        nn::CayleyConv2d(4, 16, {3, 3}, random),
                        nn::PixelUnshuffle(2),
                        nn::MaxMin(),
                        nn::CayleyConv2d(64, 32, {3, 3}, random),
                        nn::MaxMin(),
                        nn::Flatten(),
                        nn::CayleyLinear(1568, 128, random),
                        nn::MaxMin(),
                        nn::CayleyLinear(128, 10, random)};
}

// Residual blocks keep the number of features, so that two dense layers lead to them and away from them.
template <class Block>
nn::Sequential residual_mlp(nn::Random& random) {
  return nn::Sequential{nn::Flatten(), nn::CayleyLinear(784, 256, random), Block(256, 256, random),
                        Block(256, 256, random), nn::CayleyLinear(256, 10, random)};
}

const std::vector<Network>& networks() {
  static const std::vector<Network> all{
      {"MLP", "spectral", 3, mlp<nn::SpectralLinear>},
      {"MLP", "Björck", 3, mlp<nn::BjorckLinear>},
      {"MLP", "Cayley", 3, mlp<nn::CayleyLinear>},
      {"MLP", "AOL", 3, mlp<nn::AolLinear>},
      {"MLP", "Cayley, CPL", 3, residual_mlp<nn::CplLinear>},
      {"MLP", "Cayley, SLL", 3, residual_mlp<nn::SllLinear>},
      {"CNN", "spectral", 3, cnn<nn::SpectralConv2d, nn::SpectralLinear>},
      {"CNN", "AOL, Cayley", 3, cnn<nn::AolConv2d, nn::CayleyLinear>},
      {"CNN", "Cayley", 3, circular_cnn},
      {"margin", "Cayley", 8, mlp<nn::CayleyLinear>, 1.6},
      {"best", "spectral, Cayley", 8, cnn<nn::SpectralConv2d, nn::CayleyLinear>},
  };
  return all;
}

struct Cost {
  double seconds = 0.0;       // of an epoch
  std::size_t megabytes = 0;  // of tensors, beyond those that were there before the training
};

Cost train(nn::Sequential& net, const Network& network, const nn::DataSet& data,
           const examples::CommonOptions& options) {
  const std::size_t before = memory::stats().live;
  memory::reset_peak();
  const auto start = std::chrono::steady_clock::now();
  examples::Recipe recipe{.epochs = network.epochs, .batch_size = 128, .learning_rate = 5e-3};
  recipe.loss = [offset = network.offset](const Var& logits, const nn::Batch& batch) {
    return nn::tau_cross_entropy(logits, batch.labels, {.tau = 4.0, .offset = offset});
  };
  examples::train(net, data, recipe, options);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return {seconds / static_cast<double>(options.quick ? 1 : network.epochs), (memory::stats().peak - before) >> 20U};
}

Json row_of(const Network& network, const nn::TrainAndTest& data, const examples::CommonOptions& options,
            examples::Table& table) {
  nn::Random random(options.seed);
  nn::Sequential net = network.build(random);
  const Cost cost = train(net, network, data.train, options);
  const examples::Robustness robustness =
      examples::robustness(net, data.test, examples::RobustnessOptions::of(options));
  std::vector<std::string> cells{network.name, network.layers};
  for (std::string& cell : examples::robustness_cells(robustness)) cells.push_back(std::move(cell));
  cells.push_back(examples::number(cost.seconds, 3));
  cells.push_back(std::to_string(cost.megabytes));
  table.rows.push_back(std::move(cells));
  Json row{{"network", network.name},  {"layers", network.layers},          {"epochs", network.epochs},
           {"offset", network.offset}, {"seconds_per_epoch", cost.seconds}, {"megabytes", cost.megabytes}};
  row.update(examples::to_json(robustness));
  return row;
}

void compare(const std::string& folder, const std::string& only, const examples::CommonOptions& options) {
  nn::TrainAndTest data = examples::load_mnist(folder, options);
  if (options.quick) data = {data.train.first(2000), data.test.first(300)};
  examples::Table table{{"network", "layers"}, {}};
  for (const std::string& column : examples::robustness_columns(examples::usual_radii()))
    table.columns.push_back(column);
  table.columns.insert(table.columns.end(), {"s/epoch", "MiB"});
  std::vector<const Network*> chosen;
  for (const Network& network : networks())
    if (only.empty() || only == network.name) chosen.push_back(&network);
  Json rows = Json::array();
  examples::Countdown countdown(chosen.size());
  for (const Network* network : chosen) {
    countdown.next(cat(network->name, ", ", network->layers));
    rows.push_back(row_of(*network, data, options, table));
    // Row by row, so that a run that is stopped leaves what was done.
    if (!options.json_file.empty()) examples::write_file(options.json_file, Json{{"rows", rows}}.dump(2) + "\n");
  }
  countdown.finish();
  std::cout << table.text() << '\n'
            << examples::robustness_legend << "\nMiB: the most that tensors took at once in training.\n";
}

}  // namespace

int main(int argc, char** argv) {
  std::string folder = examples::data_folder("mnist"), only;
  return examples::run_program(argc, argv, "Networks that are 1-Lipschitz by construction, compared on MNIST.",
                               {{"--data", "DIR", "the four files of MNIST", &folder},
                                {"--only", "NET", "MLP, CNN, margin or best instead of all", &only}},
                               [&](const examples::CommonOptions& options) { compare(folder, only, options); });
}
