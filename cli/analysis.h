// What both commands find out about a model, for all forms of output.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/layer_rows.h"
#include "cli/settings.h"
#include "lipschitz/sandwich.h"

namespace taut::cli {

struct ModelFacts {
  std::string path, sha256;
  std::vector<nn::onnx::Port> inputs, outputs;
  Index parameters = 0;
  std::vector<std::string> notes;
};

struct Analysis {
  ModelFacts model;
  Norm norm = Norm::l2;
  std::optional<Interval> box;
  Sandwich sandwich;  // without bounds for `taut layers`
  LayerRows layers;
  double seconds = 0.0;
};

// Errors are those of the library, with the file in their text. `keep` is given what is known after every method.
Analysis analyse_bounds(const Settings& settings, const Budget& budget,
                        const std::function<void(const Analysis&)>& keep);
Analysis analyse_layers(const Settings& settings, const Budget& budget);

// The first error that would come of the analyses' options, before the model is read: UsageMistake.
void require_sensible(const Settings& settings);

}  // namespace taut::cli
