#include "examples/support/robustness.h"

#include <cmath>
#include <iomanip>
#include <sstream>

#include "autodiff/error.h"
#include "lipschitz/search.h"
#include "lipschitz/seqlip.h"
#include "nn/attack.h"
#include "nn/evaluate.h"
#include "nn/robust.h"

namespace taut::examples {
namespace {

std::string percent(double share) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(1) << 100.0 * share;
  return text.str();
}

// Downward, as what is proved has to be. Of up to a million samples 1000·share is a whole number or 1e-6 away from one.
std::string proved_percent(double share) { return percent(std::floor(1000.0 * share + 1e-9) / 1000.0); }

}  // namespace

const std::string_view robustness_legend =
    "accuracy: percent of the test set; L: the l2 constant from pixels to logits, between certified bounds;\n"
    "proved eps: percent that no perturbation of l2 norm eps changes, certified;\n"
    "pgd eps: percent of the first test images that projected gradient descent does not change, which proves nothing.";

const std::vector<double>& usual_radii() {
  static const std::vector<double> all{0.1, 0.3, 1.58};
  return all;
}

std::string short_number(double value) {
  std::ostringstream text;
  text << value;
  return text.str();
}

RobustnessOptions RobustnessOptions::of(const CommonOptions& options) {
  RobustnessOptions result;
  result.general.threads = options.threads;
  result.general.seed = options.seed;
  if (options.quick) {
    result.attacked = result.points = 50;
    result.seconds = 1.0;
    result.operations = 1e10;
  }
  return result;
}

Robustness robustness(nn::ModuleRef net, const nn::DataSet& test, const RobustnessOptions& options) {
  const nn::InferenceScope inference(net);
  const Function f = [&](const Var& x) { return net(x); };
  const Tensor sample = test.first(1).inputs();
  SeqLipOptions limited{.budget = options.general};
  limited.operations = options.operations;
  const nn::PairwiseBounds pairs =
      nn::pairwise_bounds(f, sample, [&](const Var& y) { return seqlip(y, limited).bound; });
  AscentOptions search;
  search.budget.threads = options.general.threads;
  search.budget.seed = options.general.seed;
  search.starts = test.first(options.points).inputs();
  search.enough = pairs.whole().value();
  search.budget.within(std::chrono::duration<double>(options.seconds));

  Robustness result{nn::accuracy(net, test), pairs.whole(), ascent_lower_bound(f, sample, search).bound, {}, 0};
  const std::vector<double> certified = nn::certified_accuracy(net, test, pairs, options.radii);
  const nn::DataSet first = test.first(options.attacked);
  result.attacked = first.size();
  for (std::size_t i = 0; i < options.radii.size(); ++i) {
    const nn::AttackOptions attack{.radius = options.radii[i], .box = Interval{0.0, 1.0}, .seed = options.general.seed};
    result.at.push_back({options.radii[i], certified[i], nn::accuracy_under_attack(net, first, attack)});
  }
  return result;
}

Json to_json(const Robustness& r) {
  Json json{{"test_accuracy", r.test_accuracy},
            {"upper", r.upper.value()},
            {"upper_method", r.upper.method()},
            {"lower", r.lower.value()},
            {"lower_rigour", to_string(r.lower.rigour())},
            {"ratio", r.ratio()}};
  for (const AtRadius& at : r.at) {
    json["certified_accuracy"][short_number(at.eps)] = at.certified;
    json["attacked_accuracy"][short_number(at.eps)] = at.attacked;
  }
  json["attacked_samples"] = r.attacked;
  return json;
}

std::vector<std::string> robustness_columns(const std::vector<double>& radii) {
  std::vector<std::string> columns{"accuracy", "L >=", "L <=", "ratio"};
  for (const char* kind : {"proved ", "pgd "})
    for (const double eps : radii) columns.push_back(kind + short_number(eps));
  return columns;
}

std::vector<std::string> robustness_cells(const Robustness& r) {
  std::ostringstream accuracy, ratio;
  accuracy << std::fixed << std::setprecision(2) << 100.0 * r.test_accuracy;
  ratio << std::fixed << std::setprecision(2) << r.ratio();
  std::vector<std::string> cells{accuracy.str(), format_directed(r.lower.magnitude(), Side::lower, 4),
                                 format_directed(r.upper.magnitude(), Side::upper, 4), ratio.str()};
  for (const AtRadius& at : r.at) cells.push_back(proved_percent(at.certified));
  for (const AtRadius& at : r.at) cells.push_back(percent(at.attacked));
  return cells;
}

}  // namespace taut::examples
