// Types, values and refusals.
#include <algorithm>
#include <cmath>

#include "harness/check.h"
#include "harness/checks/derivatives.h"
#include "harness/checks/numbers.h"
#include "harness/checks/recording.h"
#include "harness/options.h"
#include "harness/tolerances.h"

namespace taut::harness {

void check_coverage(const Subject& subject, Random&, Report& report) {
  bool empty = false, rank_8 = false, rules = false;
  for (const Sample& sample : subject.samples) {
    empty = empty || sample.never_empty;
    rank_8 = rank_8 || sample.fixed_rank;
    rules = rules || sample.rules;
    for (const Operand& operand : sample.operands) {
      empty = empty || operand.shape.size() == 0;
      rank_8 = rank_8 || operand.shape.rank() == max_rank;
    }
  }
  report.expect(empty, "no sample has an operand with a dimension of 0");
  report.expect(rank_8, "no sample has an operand of rank ", max_rank);
  report.expect(rules, "no sample is meant for the Lipschitz rule");
}

void check_type(const Subject& subject, Random& random, Report& report) {
  for (const Sample& sample : subject.samples) {
    report.set_context(sample.name);
    for (const DType dtype : {DType::f32, DType::f64}) {
      const Recording r(sample, to(draw_any(sample, random), dtype));
      report.expect(r.node().name() == subject.op, "f ends in '", r.node().name(), "', not in '", subject.op, "'");
      const Inputs operands = r.operands();
      const OperandList list(operands);
      const TensorType inferred = r.op().infer(list.view());
      const TensorType computed = r.op().forward(list.view(), inferred).type();
      report.expect(inferred == computed, "infer says ", inferred.dtype, ' ', inferred.shape, ", forward gives ",
                    computed.dtype, ' ', computed.shape);
      report.expect(computed.dtype == dtype, dtype, " operands give ", computed.dtype);
    }
  }
}

void check_forward(const Subject& subject, Random& random, Report& report) {
  for (const Sample& sample : subject.samples) {
    if (!sample.reference) continue;
    for (const DType dtype : {DType::f32, DType::f64}) {
      report.set_context(cat(sample.name, ", ", dtype));
      for (int n = iterations(5); n > 0; --n) {
        // The reference sees exactly the numbers that the primitive sees.
        const Inputs in = to(draw_any(sample, random), dtype);
        const Tensor computed = value(sample, in);
        const Tensor expected = sample.reference(to(in, DType::f64));
        if (!report.expect(computed.shape() == expected.shape(), "shape ", computed.shape(), ", reference ",
                           expected.shape()))
          continue;
        for (Index i = 0; i < computed.size(); ++i) {
          const double scale = std::fabs(expected.at(i)) + sample.reference_scale;
          const double allowed = sample.reference_ulps * (2 * unit(dtype) * scale + smallest_subnormal(dtype));
          report.expect(std::fabs(computed.at(i) - expected.at(i)) <= allowed, "element ", i, " is ", computed.at(i),
                        ", reference ", expected.at(i), ", allowed difference ", allowed);
        }
      }
    }
  }
}

void check_repeatable(const Subject& subject, Random& random, Report& report) {
  for (const Sample& sample : subject.samples) {
    report.set_context(sample.name);
    for (const DType dtype : {DType::f32, DType::f64}) {
      const Inputs in = to(draw_any(sample, random), dtype);
      const Recording first(sample, in), second(sample, in);
      report.expect(same_bits(first.out().value(), second.out().value()), "two recordings give different values");
      report.expect(same_bits(first.out().value(), value(sample, in)), "recorded and plain values differ");
      const Inputs operands = first.operands();
      report.expect(same_bits(forward_of(first.op(), operands), forward_of(first.op(), operands)),
                    "two forward calls differ");
      const Inputs tangents = to(random_like(in, random), dtype);
      report.expect(same_bits(jvp_of(sample, in, tangents), jvp_of(sample, in, tangents)), "two jvps differ");
      const Tensor cotangent = random.tensor(first.out().shape()).to(dtype);
      const Inputs a = vjp_of(sample, in, cotangent), b = vjp_of(sample, in, cotangent);
      report.expect(std::ranges::equal(a, b, same_bits), "two vjps differ");
    }
  }
}

void check_dtype(const Subject& subject, Random& random, Report& report) {
  for (const Sample& sample : subject.samples) {
    if (sample.operands.size() < 2) continue;
    for (std::size_t k = 0; k < sample.operands.size(); ++k) {
      report.set_context(cat(sample.name, ", operand ", k, " as f32"));
      Inputs in = draw_any(sample, random);
      in[k] = in[k].to(DType::f32);
      try {
        value(sample, in);
        report.fail("f32 and f64 were mixed without an error");
      } catch (const DTypeError& error) {
        const std::string text = error.what();
        report.expect(text.starts_with('[') && text.find(']') != std::string::npos,
                      "the text names no op in brackets: ", text);
        report.expect(text.find("f32") != std::string::npos && text.find("f64") != std::string::npos,
                      "the text does not say what was given: ", text);
      }
    }
  }
}

}  // namespace taut::harness
