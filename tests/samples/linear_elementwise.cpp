#include "tests/samples/sample_helpers.h"

namespace taut::harness {
namespace {

Sample calling(std::string name, std::function<Var(const Var&)> f) {
  return one_operand(std::move(name), {}, std::move(f));
}

}  // namespace

template <>
std::vector<Sample> samples<Neg>() {
  return elementwise_samples(calling("", [](const Var& x) { return neg(x); }), {}, [](Real x) { return -x; });
}

// Factors and offsets are numbers of f32, so that both precisions compute the same function.
template <>
std::vector<Sample> samples<Scale>() {
  std::vector<Sample> list;
  for (const double factor : {-2.75, 0.0, 1.0}) {
    const Sample like =
        calling("factor " + std::to_string(factor), [factor](const Var& x) { return scale(x, factor); });
    for (Sample& s : elementwise_samples(like, {}, [factor](Real x) { return factor * x; }))
      list.push_back(std::move(s));
  }
  return list;
}

template <>
std::vector<Sample> samples<Shift>() {
  const Sample like = calling("", [](const Var& x) { return shift(x, -1.375); });
  return elementwise_samples(like, {}, [](Real x) { return x - Real{1.375}; });
}

}  // namespace taut::harness
