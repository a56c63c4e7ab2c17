#include "examples/common/sandwich.h"

#include <array>
#include <cmath>
#include <iomanip>
#include <ostream>
#include <span>
#include <sstream>

#include "lipschitz/autolip.h"
#include "lipschitz/lower.h"
#include "nn/evaluate.h"

namespace taut::examples {
namespace {

constexpr double epsilon = 0.1;
constexpr const char* epsilon_name = "0.1";

bool is_estimate(const Rigour& rigour) { return std::holds_alternative<Estimate>(rigour); }
bool is_certified(const Rigour& rigour) { return std::holds_alternative<Certified>(rigour); }
bool has_value(const BoundRow& row) { return std::isfinite(row.value); }

BoundRow upper_row(const char* method, const AutoLipReport& report) {
  return {method, Side::upper, report.bound.value(), report.bound.rigour(), report.status, report.seconds, report.note};
}

BoundRow lower_row(const char* method, const LowerResult& result) {
  return {method,        Side::lower,    result.bound.value(), result.bound.rigour(),
          result.status, result.seconds, result.bound.detail()};
}

void add_accuracies(Sandwich& s, nn::ModuleRef net, const nn::DataSet& test, std::span<const UpperBound> bounds) {
  const Tensor logits = nn::predict(net, test);
  s.test_accuracy = static_cast<double>(nn::count_correct(logits, test.labels())) / static_cast<double>(test.size());
  const UpperBound *certified = nullptr, *smallest = nullptr;
  for (const UpperBound& bound : bounds) {
    if (smallest == nullptr || bound.value() < smallest->value()) smallest = &bound;
    if (bound.is_certified() && (certified == nullptr || bound.value() < certified->value())) certified = &bound;
  }
  if (certified != nullptr) s.certified = {nn::certified_accuracy(net, test, *certified, epsilon), certified->method()};
  if (smallest != certified)
    s.estimated = {nn::accuracy_within(nn::margins(logits, test.labels()), smallest->value(), epsilon),
                   smallest->method()};
}

std::string percent(double share) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(2) << 100.0 * share << " %";
  return text.str();
}

}  // namespace

const BoundRow* Sandwich::best_upper() const {
  const BoundRow* best = nullptr;
  for (const BoundRow& row : bounds) {
    if (row.side != Side::upper || !has_value(row) || is_estimate(row.rigour)) continue;
    if (best == nullptr || row.value < best->value) best = &row;
  }
  return best;
}

const BoundRow* Sandwich::best_lower() const {
  const BoundRow* best = nullptr;
  for (const BoundRow& row : bounds) {
    if (row.side != Side::lower || !has_value(row)) continue;
    const bool proves_more = best != nullptr && is_estimate(best->rigour) && !is_estimate(row.rigour);
    const bool proves_less = best != nullptr && !is_estimate(best->rigour) && is_estimate(row.rigour);
    if (best == nullptr || proves_more || (!proves_less && row.value > best->value)) best = &row;
  }
  return best;
}

Sandwich analyse(const std::string& name, nn::ModuleRef net, const nn::DataSet& test, Index points,
                 const Options& options) {
  const nn::InferenceScope inference(net);
  const Function f = [&](const Var& x) { return net(x); };
  const Tensor sample = test.first(1).inputs();
  AutoLipOptions product;
  static_cast<Options&>(product) = options;
  AutoLipOptions frobenius = product;
  frobenius.affine_norm = AffineNorm::frobenius;
  LowerOptions lower;
  static_cast<Options&>(lower) = options;

  Sandwich s;
  s.name = name;
  const AutoLipReport products[] = {autolip(f, sample, frobenius), autolip(f, sample, product)};
  s.bounds = {upper_row("frobenius", products[0]), upper_row("autolip", products[1]),
              lower_row("dataset", dataset_lower_bound(f, test.first(points).inputs(), lower))};
  add_accuracies(s, net, test, std::array{products[0].bound, products[1].bound});
  return s;
}

std::ostream& operator<<(std::ostream& out, const Sandwich& s) {
  out << s.name << "\n  test accuracy " << percent(s.test_accuracy) << '\n';
  for (const BoundRow& row : s.bounds) {
    out << "  L " << (row.side == Side::upper ? "<= " : ">= ") << std::left << std::setw(13)
        << format_directed(row.value, row.side) << std::setw(10) << row.method << row.rigour;
    if (row.status != Status::finite) out << ", " << row.status;
    out << std::fixed << std::setprecision(2) << ", " << row.seconds << " s\n";
  }
  const BoundRow *upper = s.best_upper(), *lower = s.best_lower();
  if (upper != nullptr && lower != nullptr && lower->value > 0.0)
    out << "  upper / lower " << upper->value / lower->value << '\n';
  if (s.certified)
    out << "  certified accuracy at eps = " << epsilon_name << ": " << percent(s.certified->share) << ", by "
        << s.certified->method << '\n';
  if (s.estimated)
    out << "  accuracy at eps = " << epsilon_name
        << " under an estimated bound, which proves nothing: " << percent(s.estimated->share) << ", by "
        << s.estimated->method << '\n';
  return out;
}

nlohmann::ordered_json to_json(const BoundRow& row) {
  const auto* probabilistic = std::get_if<Probabilistic>(&row.rigour);
  const char* rigour = probabilistic != nullptr ? "probabilistic" : is_certified(row.rigour) ? "certified" : "estimate";
  nlohmann::ordered_json json;
  json["method"] = row.method;
  json["side"] = row.side == Side::upper ? "upper" : "lower";
  json["value"] = has_value(row) ? nlohmann::ordered_json(row.value) : nullptr;
  json["status"] = std::string(to_string(row.status));
  json["rigour"] = rigour;
  json["failure_probability"] = probabilistic != nullptr ? probabilistic->failure : 0.0;
  json["seconds"] = row.seconds;
  json["note"] = row.note;
  return json;
}

nlohmann::ordered_json to_json(const Sandwich& s) {
  nlohmann::ordered_json json;
  json["name"] = s.name;
  json["test_accuracy"] = s.test_accuracy;
  json["bounds"] = nlohmann::ordered_json::array();
  for (const BoundRow& row : s.bounds) json["bounds"].push_back(to_json(row));
  nlohmann::ordered_json& best = json["best"];
  const auto put = [&](const char* side, const BoundRow* row) {
    const std::string rigour = std::string(side) + "_rigour";
    best[side] = row != nullptr ? nlohmann::ordered_json(row->value) : nullptr;
    best[rigour] = row != nullptr ? to_json(*row)["rigour"] : nullptr;
  };
  put("upper", s.best_upper());
  put("lower", s.best_lower());
  json["certified_accuracy"][epsilon_name] = s.certified ? nlohmann::ordered_json(s.certified->share) : nullptr;
  return json;
}

}  // namespace taut::examples
