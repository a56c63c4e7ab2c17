#include "examples/paper/common/analyses.h"

#include "lipschitz/pair_problem.h"
#include "lipschitz/seqlip.h"

namespace taut::examples {

std::vector<BoundRow> Analyses::of(Method method, const Tensor& data) const {
  SandwichOptions one(options);
  one.methods = {method};
  one.data = data;
  return sandwich(f, sample, one).bounds;
}

std::vector<BoundRow> Analyses::on_box(Method method, const Interval& box) const {
  SandwichOptions one(options);
  one.methods = {method};
  one.box = box;
  return sandwich(f, sample, one).bounds;
}

std::vector<BoundRow> Analyses::seqlip_greedy(Index triples) const {
  SeqLipOptions greedy(options);
  greedy.method = SeqLipMethod::greedy;
  greedy.triples = triples;
  const SeqLipReport report = taut::seqlip(f, sample, greedy);
  return {{"seqlip-greedy", Side::upper, report.bound.value(), report.bound.rigour(), report.status, report.seconds,
           report.note}};
}

PairValues pair_values(const Tensor& left, const Tensor& right, const Options& options) {
  const PairProblem problem = PairProblem::uniform(left, right);
  const PairResult found = pair_greedy(problem, options), proved = pair_multiplier(problem, options);
  const auto row = [](const char* method, const PairResult& result) {
    return BoundRow{method,        Side::upper,    result.upper.value(), result.upper.rigour(),
                    result.status, result.seconds, result.note};
  };
  return {row("greedy", found), row("multiplier", proved)};
}

void add(nlohmann::ordered_json& row, const std::vector<BoundRow>& bounds) {
  for (const BoundRow& bound : bounds) row["bounds"].push_back(to_json(bound));
}

}  // namespace taut::examples
