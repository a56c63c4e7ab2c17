#include "harness/check.h"

#include <algorithm>
#include <array>
#include <exception>

#include "harness/options.h"

namespace taut::harness {
namespace {

bool always(const Subject&) { return true; }
bool has_reference(const Subject& subject) {
  return std::ranges::any_of(subject.samples, [](const Sample& s) { return s.reference != nullptr; });
}
bool several_operands(const Subject& subject) {
  return std::ranges::any_of(subject.samples, [](const Sample& s) { return s.operands.size() > 1; });
}
bool batched(const Subject& subject) {
  return std::ranges::any_of(subject.samples, [](const Sample& s) {
    return std::ranges::any_of(s.operands, [](const Operand& o) { return o.shape.rank() > 0 && o.shape.size() > 0; });
  });
}

constexpr std::array checks{
    Check{"coverage", "the samples hold an empty operand and one of rank 8 where the op allows them", check_coverage,
          always},
    Check{"type", "infer() says the type of what forward() returns, in f32 and f64", check_type, always},
    Check{"forward", "the value is the one of an independent reference", check_forward, has_reference},
    Check{"repeatable", "a second call gives the same bits: value, jvp and vjp", check_repeatable, always},
    Check{"dtype", "operands of two dtypes are refused by name", check_dtype, several_operands},
    Check{"jvp", "jvp is the derivative: five-point differences", check_jvp, always},
    Check{"vjp", "vjp is the transpose of jvp: <vjp(c), t> = <c, jvp(t)>", check_vjp, always},
    Check{"single_precision", "f32 values and derivatives agree with f64", check_single_precision, always},
    Check{"reverse_over_reverse", "the gradient of a vjp is its derivative", check_reverse_over_reverse, always},
    Check{"forward_over_reverse", "the jvp of a vjp is its derivative", check_forward_over_reverse, always},
    Check{"reverse_over_forward", "the gradient of a jvp is its derivative", check_reverse_over_forward, always},
    Check{"lipschitz", "the rule over all reals holds and is attained", check_lipschitz, always},
    Check{"lipschitz_on_boxes", "the rule over a box holds and is attained", check_lipschitz_on_boxes, always},
    Check{"range", "ranges hold every value, as computed", check_range, always},
    Check{"range_width", "ranges are not wider than they need be", check_range_width, always},
    Check{"squares", "what is said of functions of squares holds", check_squares, always},
    Check{"sample_axis", "samples of a batch are independent exactly when the op says so", check_sample_axis, batched},
};

}  // namespace

std::span<const Check> all_checks() { return checks; }

Report run_check(std::string_view name, const Subject& subject) {
  const auto check = std::ranges::find(checks, name, &Check::name);
  if (check == checks.end()) throw UsageError(cat("[harness] there is no check '", name, "'"));
  Report report{std::string(name)};
  Random random(subject.op + '/' + std::string(name));
  try {
    check->run(subject, random, report);
  } catch (const std::exception& error) {
    report.fail("exception: ", error.what());
  }
  return report;
}

std::vector<Report> run_checks(const Subject& subject) {
  std::vector<Report> reports;
  for (const Check& check : checks)
    if (check.applies(subject)) reports.push_back(run_check(check.name, subject));
  return reports;
}

}  // namespace taut::harness
