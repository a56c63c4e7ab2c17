// First steps: train a network that moves little when its input does, and prove how little.
#include <iostream>

#include "examples/support/json.h"
#include "examples/support/mnist.h"
#include "examples/support/program.h"
#include "lipschitz/autolip.h"
#include "nn/evaluate.h"
#include "nn/layers.h"
#include "nn/penalty.h"
#include "nn/progress.h"

using namespace taut;

void first_steps(const std::string& folder, const examples::CommonOptions& options) {
  // Handwritten digits, pixels in [0, 1], and a network from pixels to ten logits.
  const nn::TrainAndTest data = examples::load_mnist(folder, options);
  nn::Random random(options.seed);
  nn::Sequential net{nn::Flatten(), nn::Linear(784, 128, random), nn::ReLU(), nn::Linear(128, 10, random)};

  // The loss of every batch is cross entropy and, beside it, the logarithm of the bound that is wanted small.
  const Tensor one_image = data.test.first(1).inputs();
  nn::NetPenalty log_autolip(net, one_image);
  nn::TrainOptions training{.epochs = options.quick ? 1 : 5};
  training.budget.seed = options.seed;
  training.penalty = [&](Tape& tape) { return 0.1 * log_autolip(tape); };
  nn::ProgressLine progress(std::cerr, examples::stderr_is_terminal());
  progress.attach(training);
  nn::Adam optimiser(nn::parameters(net));
  nn::train(net, data.train, optimiser, training);

  // What is proved of the trained network: for all images x and y, ‖net(x) − net(y)‖ ≤ L ‖x − y‖. Where a logit leads
  // by more than √2 L ε, no change of the image of length ε makes another one win.
  const UpperBound bound = autolip([&](const Var& x) { return net(x); }, one_image).bound;
  const double accuracy = nn::accuracy(net, data.test);
  const double certified = nn::certified_accuracy(net, data.test, bound, 0.1);
  std::cout << "accuracy " << 100.0 * accuracy << " %\n"
            << "L " << bound << '\n'
            << "accuracy that no change of length 0.1 can take away: " << 100.0 * certified << " %\n";
  if (!options.json_file.empty())
    examples::write_file(options.json_file, examples::Json{{"accuracy", accuracy},
                                                           {"lipschitz_upper", bound.value()},
                                                           {"certified_accuracy", {{"0.1", certified}}}}
                                                    .dump(2) +
                                                "\n");
}

int main(int argc, char** argv) {
  std::string folder = examples::data_folder("mnist");
  return examples::run_program(argc, argv, "Trains a network with a bound on MNIST.",
                               {{"--data", "DIR", "the four files of MNIST", &folder}},
                               [&](const examples::CommonOptions& options) { first_steps(folder, options); });
}
