// Runs the declared rule of every set of varying arguments through the check of its kind.
#include <algorithm>

#include "harness/check.h"
#include "harness/checks/numbers.h"
#include "harness/checks/rule_case.h"
#include "harness/options.h"

namespace taut::harness {
namespace {

bool has_no_constant(const Sample& sample, std::uint32_t varying) {
  return std::ranges::find(sample.unbounded, varying) != sample.unbounded.end();
}

void check(const RuleCase& c, Random& random, Report& report) {
  report.set_context(c.text());
  const Rule rule = c.rule();
  // Where the sample has a witness that no constant exists, any other answer is wrong.
  if (!c.on_box() && has_no_constant(c.sample, c.varying) &&
      !report.expect(std::holds_alternative<rule::Unbounded>(rule),
                     "a finite rule, but the sample's witness refutes every one"))
    return;
  std::visit([&](const auto& kind) { check_rule(c, kind, random, report); }, rule);
}

// The primitive's operands for random inputs; the recording must outlive what refers to its op.
template <class F>
void for_each_recording(const Subject& subject, Random& random, F&& body) {
  for (const Sample& sample : subject.samples) {
    if (!sample.rules) continue;
    for (const DType dtype : {DType::f64, DType::f32}) {
      const Recording recording(sample, to(draw_any(sample, random), dtype));
      body(sample, recording.op(), recording.operands());
    }
  }
}

}  // namespace

void check_lipschitz(const Subject& subject, Random& random, Report& report) {
  for_each_recording(subject, random, [&](const Sample& sample, const Primitive& op, const Inputs& operands) {
    for (const std::uint32_t varying : varying_sets(operands.size()))
      check({sample, op, operands, varying, {}}, random, report);
  });
}

void check_lipschitz_on_boxes(const Subject& subject, Random& random, Report& report) {
  for_each_recording(subject, random, [&](const Sample& sample, const Primitive& op, const Inputs& operands) {
    for (const std::uint32_t varying : varying_sets(operands.size()))
      for (int n = iterations(4); n > 0; --n)
        check({sample, op, operands, varying, draw_boxes(sample, operands, varying, random)}, random, report);
  });
}

}  // namespace taut::harness
