#include <cmath>

#include "tests/samples/sample_helpers.h"

namespace taut::harness {
namespace {

using Binary = Var (*)(const Var&, const Var&, Where);

Sample calling(Binary f) {
  Sample s;
  s.f = [f](std::span<const Var> in) { return f(in[0], in[1], Where::current()); };
  return s;
}

bool has_empty_result(const Sample& s) { return s.operands[0].shape.size() == 0 || s.operands[1].shape.size() == 0; }

// Witnesses are operands of the primitive: after broadcasting, both of the result's shape.
Tensor everywhere(const Sample& s, double value) {
  return Tensor::full(broadcast_shapes(s.operands[0].shape, s.operands[1].shape, "sample"), DType::f64, value);
}

}  // namespace

template <>
std::vector<Sample> samples<Add>() {
  return broadcasting_samples(calling(&add), {}, {}, [](Real a, Real b) { return a + b; });
}

template <>
std::vector<Sample> samples<Sub>() {
  return broadcasting_samples(calling(&sub), {}, {}, [](Real a, Real b) { return a - b; });
}

template <>
std::vector<Sample> samples<Mul>() {
  Sample like = calling(&mul);
  like.extremes_at_corners = true;
  std::vector<Sample> list = broadcasting_samples(like, {}, {}, [](Real a, Real b) { return a * b; });
  for (Sample& s : list) {
    s.rules = !has_empty_result(s);
    s.unbounded = {3};
    const Shape shape = everywhere(s, 0).shape();
    s.witness = product_witness({shape, shape});
  }
  return list;
}

template <>
std::vector<Sample> samples<Div>() {
  Sample like = calling(&div);
  like.extremes_at_corners = true;
  const Operand divisor{.domain = {0.5, 3}, .defined = {0.25, infinity}};
  std::vector<Sample> list = broadcasting_samples(like, {}, divisor, [](Real a, Real b) { return a / b; });
  for (Sample& s : list) {
    s.rules = !has_empty_result(s);
    s.unbounded = {2, 3};
    // a/t to a/2t: the quotient moves by |a|/2t, the divisor by t.
    s.witness = [s](std::uint32_t, double growth) {
      const Tensor a = everywhere(s, 1.0);
      const double t = 0.25 / growth;
      return std::pair{Inputs{a, everywhere(s, t)}, Inputs{a, everywhere(s, 2 * t)}};
    };
  }
  return list;
}

template <>
std::vector<Sample> samples<Maximum>() {
  Sample like = calling(&maximum);
  like.extremes_at_corners = true;
  const Operand operand{.probes = {-2, 0, 2}, .distinct = true};
  return broadcasting_samples(like, operand, operand, [](Real a, Real b) { return std::fmax(a, b); });
}

}  // namespace taut::harness
