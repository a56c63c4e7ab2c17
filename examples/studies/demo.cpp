// Small networks on MNIST, trained with and without a penalty on their bound by AutoLip, and for each the
// first sandwich lower ≤ L ≤ upper of its Lipschitz constant.
#include <iostream>

#include "autodiff/error.h"
#include "examples/support/mnist.h"
#include "examples/support/program.h"
#include "examples/support/sandwich.h"
#include "nn/layers.h"
#include "nn/penalty.h"

namespace {

using namespace taut;

nn::Sequential mlp(nn::Random& random) {
  return nn::Sequential{nn::Flatten(), nn::Linear(784, 128, random), nn::ReLU(), nn::Linear(128, 64, random),
                        nn::ReLU(),    nn::Linear(64, 10, random)};
}

// Two convolutions and three dense layers, as LeNet-5 has [LeCun1998], with ReLU and max-pooling.
nn::Sequential lenet(nn::Random& random) {
  const Conv2dOptions same_size{.padding = {2, 2, 2, 2}};
  return nn::Sequential{nn::Conv2d(1, 6, {5, 5}, random, same_size),
                        nn::ReLU(),
                        nn::MaxPool2d(2),
                        nn::Conv2d(6, 16, {5, 5}, random),
                        nn::ReLU(),
                        nn::MaxPool2d(2),
                        nn::Flatten(),
                        nn::Linear(400, 120, random),
                        nn::ReLU(),
                        nn::Linear(120, 84, random),
                        nn::ReLU(),
                        nn::Linear(84, 10, random)};
}

void demo(const std::string& folder, const examples::Checkpoints& checkpoints, const examples::CommonOptions& options) {
  const nn::TrainAndTest data = examples::load_mnist(folder, options);
  std::cout << "MNIST, " << data.train.size() << " images to train and " << data.test.size()
            << " to test; L is the l2 Lipschitz constant of pixels in [0, 1] to logits\n";
  nlohmann::ordered_json models = nlohmann::ordered_json::array();
  const auto run = [&](const std::string& kind, nn::Sequential& net, double strength, examples::Recipe recipe,
                       Index points) {
    const std::string name = strength > 0.0 ? kind + ", penalised" : kind;
    std::cerr << name << '\n';
    nn::NetPenalty log_autolip(net, Tensor::zeros(Shape{1, 1, 28, 28}, DType::f32));
    if (strength > 0.0) {
      recipe.penalty = [&](Tape& tape) { return strength * log_autolip(tape); };
      recipe.penalty_state = log_autolip.state();
    }
    examples::train(net, data.train, recipe, options,
                    {checkpoints, strength > 0.0 ? kind + "_penalised" : kind, cat("penalty ", strength)});
    Budget analysis;
    analysis.threads = options.threads;
    analysis.seed = options.seed;
    const examples::Classifier sandwich = examples::analyse(name, net, data.test, points, analysis);
    std::cout << '\n' << sandwich << std::flush;
    models.push_back(examples::to_json(sandwich));
  };

  for (const double strength : {0.0, 0.05}) {
    nn::Random random(options.seed);
    nn::Sequential net = mlp(random);
    run("mlp", net, strength, {.epochs = 5, .batch_size = 64}, data.test.size());
  }
  for (const double strength : {0.0, 0.08}) {
    nn::Random random(options.seed);
    nn::Sequential net = lenet(random);
    run("lenet", net, strength, {.epochs = 3, .batch_size = 64}, 1000);
  }
  if (!options.json_file.empty()) {
    nlohmann::ordered_json json;
    json["models"] = std::move(models);
    examples::write_file(options.json_file, json.dump(2) + "\n");
    std::cout << "\nwritten to " << options.json_file << '\n';
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::string folder = examples::data_folder("mnist");
  examples::Checkpoints checkpoints;
  std::vector<examples::Option> more = checkpoints.options();
  more.push_back({"--data", "DIR", "the four files of MNIST", &folder});
  return examples::run_program(argc, argv, "Trains small networks on MNIST and bounds their Lipschitz constants.", more,
                               [&](const examples::CommonOptions& options) { demo(folder, checkpoints, options); });
}
