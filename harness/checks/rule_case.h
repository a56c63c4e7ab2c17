// One question about a primitive's Lipschitz rule: at which operands, which of them vary, and over which domain.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "autodiff/primitive.h"
#include "harness/checks/recording.h"
#include "harness/report.h"
#include "harness/sample.h"

namespace taut::harness {

struct RuleCase {
  const Sample& sample;
  const Primitive& op;
  Inputs base;  // the primitive's operands; those that do not vary keep these values
  std::uint32_t varying;
  std::vector<Range> ranges;  // empty: over all reals

  bool varies(std::size_t k) const { return (varying >> k & 1U) != 0; }
  bool on_box() const { return !ranges.empty(); }
  DType dtype() const { return base.front().dtype(); }
  // Arguments that vary.
  std::vector<std::size_t> arguments() const;
  Rule rule() const;
  Tensor value(std::span<const Tensor> operands) const { return forward_of(op, operands); }
  // Operands of the case: varying ones anywhere over the domain, the others as they are.
  Inputs draw(Random& random) const;
  // The same near `from`: some entries moved, by a distance of any scale.
  Inputs draw_near(const Inputs& from, Random& random) const;
  // Every entry of varying operand k at the upper end of its interval where bit k of `which` is set, else at the lower
  // end.
  Inputs corner(std::uint32_t which) const;
  std::string text() const;  // for reports
};

// Every set of varying arguments, except the empty one.
std::vector<std::uint32_t> varying_sets(std::size_t arity);

// A box for every varying operand and points for the others.
std::vector<Range> draw_boxes(const Sample& sample, const Inputs& base, std::uint32_t varying, Random& random);
// One interval: around a kink or probe, ending at one, a point, or anywhere; ends are numbers of f32.
Interval draw_interval(const Operand& operand, Random& random);

// By declared rule: does what it claims hold, and is it attained?
void check_rule(const RuleCase& c, const rule::Affine& affine, Random& random, Report& report);  // rule_affine.cpp
void check_rule(const RuleCase& c, const rule::Elementwise& elementwise, Random& random,
                Report& report);  // rule_elementwise.cpp
void check_rule(const RuleCase& c, const rule::Selects& selects, Random& random, Report& report);  // rule_gains.cpp
void check_rule(const RuleCase& c, const rule::Bounded& bounded, Random& random, Report& report);
void check_rule(const RuleCase& c, const rule::Bilinear& bilinear, Random& random,
                Report& report);  // rule_bilinear.cpp
void check_rule(const RuleCase& c, const rule::Unbounded& unbounded, Random& random, Report& report);

}  // namespace taut::harness
