// Networks trained once and then kept in the output folder.
#pragma once

#include <functional>
#include <string>

#include "examples/paper/parts/session.h"
#include "nn/sequential.h"

namespace taut::examples {

struct Trained {
  nn::Sequential net;
  double seconds = 0.0;  // of the training, in the run that did it
};

// The network that `build` draws and `train` trains, or with --resume the one that an earlier run left under
// OUT/<program>.<name>.weights with the same recipe. The recipe is a text that says everything the weights depend on.
Trained trained_network(Session& session, const std::string& name, const std::string& recipe,
                        const std::function<nn::Sequential()>& build,
                        const std::function<void(nn::Sequential& net)>& train);

}  // namespace taut::examples
