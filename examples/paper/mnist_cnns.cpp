// The paper's table of convolutional networks on MNIST.
#include <iostream>

#include "autodiff/error.h"
#include "examples/common/mnist.h"
#include "examples/paper/common/networks.h"
#include "examples/paper/common/session.h"
#include "examples/paper/common/training.h"
#include "nn/evaluate.h"

namespace {

using namespace taut;

void run(const std::string& folder, const examples::SessionOptions& options) {
  examples::Session session("mnist_cnns", options);
  const nn::TrainAndTest data = examples::load_mnist(folder, options.common);
  for (const Index layers : {4, 5, 7, 10}) {
    const examples::Recipe recipe{.epochs = 6, .batch_size = 128, .learning_rate = 2e-3};
    const std::string text = cat("mnist_cnn ", layers, ", seed ", session.seed(), ", ", data.train.size(), " images, ",
                                 recipe.epochs, " epochs, batch ", recipe.batch_size, ", Adam ", recipe.learning_rate);
    examples::Trained trained = examples::trained_network(
        session, std::to_string(layers), text,
        [&] {
          nn::Random random(session.seed(), static_cast<std::uint64_t>(layers));
          return examples::mnist_cnn(layers, random);
        },
        [&](nn::Sequential& net) { examples::train(net, data.train, recipe, session.common()); });
    std::cout << layers << " " << nn::accuracy(trained.net, data.test) << " " << trained.seconds << std::endl;
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::string folder = examples::data_folder("mnist");
  return examples::run_paper_program(argc, argv, "Convolutional networks on MNIST.",
                                     {{"--data", "DIR", "the four files of MNIST", &folder}},
                                     [&](const examples::SessionOptions& options) { run(folder, options); });
}
