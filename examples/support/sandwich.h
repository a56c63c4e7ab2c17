// A trained classifier between its bounds: lower ≤ L ≤ upper, and what that says about perturbed inputs.
#pragma once

#include <iosfwd>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "lipschitz/bounds_json.h"
#include "lipschitz/sandwich.h"
#include "nn/data.h"
#include "nn/module.h"

namespace taut::examples {

// Accuracy under perturbations of l2 norm 0.1, pixels in [0, 1], that follows from an upper bound.
struct AccuracyWithin {
  double share = 0.0;
  std::string method;  // of the bound
};

// A classifier's bounds and what follows from them.
struct Classifier : Sandwich {
  std::string name;
  double test_accuracy = 0.0;
  std::optional<AccuracyWithin> certified;  // under the best bound, margins enclosed; none unless that is certified
};

// Bounds in l2: the Frobenius product, AutoLip, SeqLip, and the largest Jacobian norms over the first `points` test
// samples and by ascent from them.
Classifier analyse(const std::string& name, nn::ModuleRef net, const nn::DataSet& test, Index points,
                   const Budget& budget);

std::ostream& operator<<(std::ostream& out, const Classifier& classifier);

// {"name", "test_accuracy", "bounds", "best", "certified_accuracy"}
nlohmann::ordered_json to_json(const Classifier& classifier);

}  // namespace taut::examples
