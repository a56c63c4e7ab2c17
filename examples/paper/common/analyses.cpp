#include "examples/paper/common/analyses.h"

#include "lipschitz/autolip.h"
#include "lipschitz/lower.h"

namespace taut::examples {
namespace {

template <class Specific>
Specific with(const Options& options) {
  Specific specific;
  static_cast<Options&>(specific) = options;
  return specific;
}

BoundRow upper_row(const char* method, const AutoLipReport& report) {
  return {method, Side::upper, report.bound.value(), report.bound.rigour(), report.status, report.seconds, report.note};
}

}  // namespace

BoundRow Analyses::frobenius() const {
  auto product = with<AutoLipOptions>(options);
  product.affine_norm = AffineNorm::frobenius;
  return upper_row("frobenius", taut::autolip(f, sample, product));
}

BoundRow Analyses::autolip() const {
  return upper_row("autolip", taut::autolip(f, sample, with<AutoLipOptions>(options)));
}

std::optional<BoundRow> Analyses::seqlip() const { return std::nullopt; }
std::optional<BoundRow> Analyses::seqlip_exact() const { return std::nullopt; }
std::optional<BoundRow> Analyses::seqlip_greedy(Index /*triples*/) const { return std::nullopt; }
std::vector<BoundRow> Analyses::exact() const { return {}; }

BoundRow Analyses::dataset(const Tensor& data) const {
  const LowerResult result = dataset_lower_bound(f, data, with<LowerOptions>(options));
  return {"dataset",     Side::lower,    result.bound.value(), result.bound.rigour(),
          result.status, result.seconds, result.bound.detail()};
}

std::optional<BoundRow> Analyses::ascent(const Tensor& /*data*/) const { return std::nullopt; }
std::optional<BoundRow> Analyses::annealing(const Tensor& /*data*/) const { return std::nullopt; }
std::optional<BoundRow> Analyses::grid(const Interval& /*box*/) const { return std::nullopt; }

PairValues pair_values(const Tensor& /*left*/, const Tensor& /*right*/, const Options& /*options*/) { return {}; }

void add(nlohmann::ordered_json& row, const std::optional<BoundRow>& bound) {
  if (bound) row["bounds"].push_back(to_json(*bound));
}

}  // namespace taut::examples
