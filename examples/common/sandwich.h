// A trained classifier between its bounds: lower ≤ L ≤ upper, and what that says about perturbed inputs.
#pragma once

#include <iosfwd>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "lipschitz/bound.h"
#include "lipschitz/options.h"
#include "nn/data.h"
#include "nn/module.h"

namespace taut::examples {

// One row of DESIGN's table of bounds.
struct BoundRow {
  std::string method;
  Side side = Side::upper;
  double value = 0.0;  // rounded to the safe side
  Rigour rigour = Estimate{};
  Status status = Status::finite;
  double seconds = 0.0;
  std::string note;
};

// Accuracy under perturbations of l2 norm 0.1, pixels in [0, 1], that follows from an upper bound.
struct AccuracyWithin {
  double share = 0.0;
  std::string method;  // of the bound
};

struct Sandwich {
  std::string name;
  double test_accuracy = 0.0;
  std::vector<BoundRow> bounds;
  std::optional<AccuracyWithin> certified;  // under the smallest certified bound, margins enclosed
  std::optional<AccuracyWithin> estimated;  // under a bound that is smaller, but not certified

  // The smallest upper bound that is not an estimate and the largest lower bound with the most behind it, or null.
  const BoundRow* best_upper() const;
  const BoundRow* best_lower() const;
};

// Bounds in l2: the Frobenius product, AutoLip, and the largest Jacobian norm over the first `points` test samples.
Sandwich analyse(const std::string& name, nn::ModuleRef net, const nn::DataSet& test, Index points,
                 const Options& options);

std::ostream& operator<<(std::ostream& out, const Sandwich& sandwich);

nlohmann::ordered_json to_json(const BoundRow& row);
// {"name", "test_accuracy", "bounds", "best", "certified_accuracy"}
nlohmann::ordered_json to_json(const Sandwich& sandwich);

}  // namespace taut::examples
