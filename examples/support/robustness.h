// A trained classifier under perturbations of its input of l2 norm eps: what is proved, and what an attack finds.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "examples/support/json.h"
#include "examples/support/program.h"
#include "lipschitz/bound.h"
#include "lipschitz/budget.h"
#include "nn/data.h"
#include "nn/module.h"

namespace taut::examples {

// Shares of test samples that are classified correctly whatever changes them by up to eps.
struct AtRadius {
  double eps = 0.0;
  double certified = 0.0;  // proved, of all test samples
  double attacked = 0.0;   // still correct under the attack, of the samples that were attacked: nothing is proved
};

struct Robustness {
  double test_accuracy = 0.0;
  UpperBound upper;  // of the constant in l2
  LowerBound lower;
  std::vector<AtRadius> at;
  Index attacked = 0;  // samples, the first ones of the test set

  double ratio() const { return upper.value() / lower.value(); }
};

// The radii in use for MNIST with pixels in [0, 1].
const std::vector<double>& usual_radii();
std::string short_number(double value);  // "1.58"

struct RobustnessOptions {
  std::vector<double> radii = usual_radii();
  Index attacked = 500;        // samples
  Index points = 1000;         // samples at which the search for a lower bound starts
  double seconds = 10.0;       // that it may take
  double operations = 1.4e11;  // SeqLipOptions::operations
  Budget general{};            // threads, seed

  static RobustnessOptions of(const CommonOptions& options);  // few samples and little time under --quick
};
// The upper bound is SeqLip's, which is AutoLip's where there is nothing to be gained. Certified shares are those of
// nn/robust.h, by bounds of the differences of logits. Attacks stay in the box of pixels, [0, 1], which certificates
// make no use of.
Robustness robustness(nn::ModuleRef net, const nn::DataSet& test, const RobustnessOptions& options = {});

// {"test_accuracy", "upper", "upper_method", "lower", "lower_rigour", "ratio", "certified_accuracy": {"0.1": …},
// "attacked_accuracy": {…}}
Json to_json(const Robustness& robustness);

// The same as cells of a table: "97.9", "<= 6.0", …
std::vector<std::string> robustness_columns(const std::vector<double>& radii);
std::vector<std::string> robustness_cells(const Robustness& robustness);
extern const std::string_view robustness_legend;  // for below the table

}  // namespace taut::examples
