#include "examples/support/sandwich.h"

#include <iomanip>
#include <ostream>
#include <sstream>

#include "nn/evaluate.h"

namespace taut::examples {
namespace {

constexpr double epsilon = 0.1;
constexpr const char* epsilon_name = "0.1";

void add_accuracies(Classifier& s, nn::ModuleRef net, const nn::DataSet& test) {
  const Tensor logits = nn::predict(net, test);
  s.test_accuracy = static_cast<double>(nn::count_correct(logits, test.labels())) / static_cast<double>(test.size());
  if (s.upper && s.upper->is_certified())
    s.certified = {nn::certified_accuracy(net, test, *s.upper, epsilon), s.upper->method()};
}

std::string percent(double share) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(2) << 100.0 * share << " %";
  return text.str();
}

}  // namespace

Classifier analyse(const std::string& name, nn::ModuleRef net, const nn::DataSet& test, Index points,
                   const Budget& budget) {
  const nn::InferenceScope inference(net);
  const Function f = [&](const Var& x) { return net(x); };
  SandwichOptions all{.budget = budget};
  // Multipliers of large convolutions may take minutes; what is cut says so.
  if (!all.budget.deadline) all.budget.within(std::chrono::seconds(20));
  all.methods = {Method::frobenius, Method::autolip, Method::seqlip, Method::dataset, Method::ascent};
  all.data = test.first(points).inputs();
  Classifier s;
  static_cast<Sandwich&>(s) = sandwich(f, test.first(1).inputs(), all);
  s.name = name;
  add_accuracies(s, net, test);
  return s;
}

std::ostream& operator<<(std::ostream& out, const Classifier& s) {
  out << s.name << "\n  test accuracy " << percent(s.test_accuracy) << '\n';
  out << static_cast<const Sandwich&>(s);
  if (s.certified)
    out << "  certified accuracy at eps = " << epsilon_name << ": " << percent(s.certified->share) << ", by "
        << s.certified->method << '\n';
  return out;
}

nlohmann::ordered_json to_json(const Classifier& s) {
  nlohmann::ordered_json json;
  json["name"] = s.name;
  json["test_accuracy"] = s.test_accuracy;
  json["bounds"] = nlohmann::ordered_json::array();
  for (const BoundRow& row : s.bounds) json["bounds"].push_back(taut::to_json(row));
  json["best"] = best_to_json(s);
  json["certified_accuracy"][epsilon_name] = s.certified ? nlohmann::ordered_json(s.certified->share) : nullptr;
  return json;
}

}  // namespace taut::examples
