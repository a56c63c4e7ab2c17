// A trained classifier between its bounds: lower ≤ L ≤ upper, and what that says about perturbed inputs.
#pragma once

#include <iosfwd>
#include <nlohmann/json.hpp>
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

struct Sandwich {
  std::string name;
  double test_accuracy = 0.0;
  std::vector<BoundRow> bounds;
  std::vector<double> margins;  // of the test samples, in the arithmetic of the net

  // The smallest upper and largest lower bound with at least this much behind them, or null.
  const BoundRow* best_upper(bool certified_only) const;
  const BoundRow* best_lower() const;
  // The upper bound with the smallest value, whatever its rigour.
  const BoundRow& smallest_upper() const;
};

// Bounds in l2: the Frobenius product, AutoLip, and the largest Jacobian norm over the first `points` test samples.
Sandwich analyse(const std::string& name, nn::ModuleRef net, const nn::DataSet& test, Index points, const Options& options);

std::ostream& operator<<(std::ostream& out, const Sandwich& sandwich);

nlohmann::ordered_json to_json(const BoundRow& row);
// {"name", "test_accuracy", "bounds", "best", "certified_accuracy"}
nlohmann::ordered_json to_json(const Sandwich& sandwich);

}  // namespace taut::examples
