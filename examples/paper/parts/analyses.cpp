#include "examples/paper/parts/analyses.h"

#include "lipschitz/pair_problem.h"
#include "lipschitz/seqlip.h"

namespace taut::examples {
namespace {

Budget limited(const Analyses& analyses) {
  Budget options = analyses.options;
  if (analyses.limit) options.within(std::chrono::duration<double>(*analyses.limit));
  return options;
}

BoundRow pair_row(const char* method, const PairResult& result) {
  return {method, Side::upper, result.upper.value(), result.upper.rigour(), result.status, result.seconds, result.note};
}

}  // namespace

std::vector<BoundRow> Analyses::of(Method method, const Tensor& data) const {
  SandwichOptions one{.budget = limited(*this)};
  one.seqlip_operations = infinity;
  one.methods = {method};
  one.data = data;
  return sandwich(f, sample, one).bounds;
}

std::vector<BoundRow> Analyses::on_box(Method method, const Interval& box) const {
  SandwichOptions one{.budget = limited(*this)};
  one.seqlip_operations = infinity;
  one.methods = {method};
  one.question.domain = Domain::box(box);
  return sandwich(f, sample, one).bounds;
}

std::vector<BoundRow> Analyses::seqlip_greedy(Index triples) const {
  SeqLipOptions greedy{.budget = limited(*this)};
  greedy.method = SeqLipMethod::greedy;
  greedy.triples = triples;
  const SeqLipReport report = taut::seqlip(f, sample, greedy);
  return {{"seqlip-greedy", Side::upper, report.bound.value(), report.bound.rigour(), report.status, report.seconds,
           report.note}};
}

BoundRow pair_greedy_row(const Tensor& left, const Tensor& right, const Budget& budget) {
  return pair_row("greedy", pair_greedy(PairProblem::uniform(left, right), {.budget = budget}));
}

PairValues pair_values(const Tensor& left, const Tensor& right, const Budget& budget) {
  return {pair_greedy_row(left, right, budget),
          pair_row("multiplier", pair_multiplier(PairProblem::uniform(left, right), {.budget = budget}))};
}

void add(nlohmann::ordered_json& row, const std::vector<BoundRow>& bounds) {
  for (const BoundRow& bound : bounds) row["bounds"].push_back(taut::to_json(bound));
}

}  // namespace taut::examples
