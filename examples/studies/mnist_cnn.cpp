// The four-layer convolutional network that the AutoLip paper studies on MNIST [ScamanVirmaux2018]: strides instead of
// pooling, so that every layer is affine and every activation a ReLU.
#include <iostream>

#include "examples/support/mnist.h"
#include "examples/support/program.h"
#include "examples/support/sandwich.h"
#include "nn/layers.h"

namespace {

using namespace taut;

nn::Sequential mnist_4(nn::Random& random) {
  const Conv2dOptions halving{.stride = {2, 2}};
  return nn::Sequential{nn::Conv2d(1, 32, {5, 5}, random, halving),   nn::ReLU(),
                        nn::Conv2d(32, 64, {3, 3}, random, halving),  nn::ReLU(),
                        nn::Conv2d(64, 128, {3, 3}, random, halving), nn::ReLU(),
                        nn::Conv2d(128, 10, {2, 2}, random),          nn::Flatten()};
}

void run(const std::string& folder, const examples::Checkpoints& checkpoints, const examples::CommonOptions& options) {
  const nn::TrainAndTest data = examples::load_mnist(folder, options);
  nn::Random random(options.seed);
  nn::Sequential net = mnist_4(random);
  examples::train(net, data.train, {.epochs = 3, .batch_size = 128, .learning_rate = 2e-3}, options,
                  {checkpoints, "mnist_4", "cross entropy"});
  Budget analysis;
  analysis.threads = options.threads;
  analysis.seed = options.seed;
  const examples::Classifier sandwich =
      examples::analyse("mnist_4", net, data.test, options.quick ? 100 : 1000, analysis);
  std::cout << sandwich;
  if (!options.json_file.empty()) {
    nlohmann::ordered_json json;
    json["models"] = nlohmann::ordered_json::array({examples::to_json(sandwich)});
    examples::write_file(options.json_file, json.dump(2) + "\n");
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::string folder = examples::data_folder("mnist");
  examples::Checkpoints checkpoints;
  std::vector<examples::Option> more = checkpoints.options();
  more.push_back({"--data", "DIR", "the four files of MNIST", &folder});
  return examples::run_program(argc, argv,
                               "Trains the paper's four-layer CNN on MNIST and bounds its Lipschitz constant.", more,
                               [&](const examples::CommonOptions& options) { run(folder, checkpoints, options); });
}
