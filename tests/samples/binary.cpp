#include <cmath>

#include "autodiff/error.h"
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

template <>
std::vector<Sample> samples<Minimum>() {
  Sample like = calling(&minimum);
  like.extremes_at_corners = true;
  const Operand operand{.probes = {-2, 0, 2}, .distinct = true};
  return broadcasting_samples(like, operand, operand, [](Real a, Real b) { return std::fmin(a, b); });
}

template <>
std::vector<Sample> samples<PRelu>() {
  Sample like = calling(&prelu);
  like.extremes_at_corners = true;
  const Operand x{.kinks = {0}, .probes = {-5, 5}}, slope{.probes = {-2, 0.25, 3}};
  std::vector<Sample> list = broadcasting_samples(like, x, slope, [](Real a, Real s) { return a > 0 ? a : s * a; });
  for (Sample& s : list) {
    s.rules = !has_empty_result(s);
    s.unbounded = {3};
    // x = −t: raising the slope by 1 moves the product by t.
    s.witness = [s](std::uint32_t, double growth) {
      const Tensor below = everywhere(s, -2 * growth);
      return std::pair{Inputs{below, everywhere(s, 1.0)}, Inputs{below, everywhere(s, 2.0)}};
    };
  }
  return list;
}

template <>
std::vector<Sample> samples<Choice>() {
  std::vector<Sample> list;
  const auto add = [&](const Shape& condition, const Shape& a, const Shape& b) {
    // Every third entry is taken from b.
    const Tensor mask =
        generate(condition, [n = 0](const std::vector<Index>&) mutable { return n++ % 3 == 2 ? 0.0 : 1.0; });
    Sample s;
    s.name = cat(condition, " ? ", a, " : ", b);
    s.operands = {{.shape = a}, {.shape = b}};
    s.f = [mask](std::span<const Var> in) { return where(mask, in[0], in[1]); };
    s.reference = [mask, a, b](std::span<const Tensor> in) {
      const Shape shape = broadcast_shapes(broadcast_shapes(a, b, "sample"), mask.shape(), "sample");
      const auto spread = [&](const Tensor& t) { return broadcast_to(Var(t), shape).value(); };
      const Tensor m = spread(mask), x = spread(in[0]), y = spread(in[1]);
      Tensor out = Tensor::uninitialised(shape, DType::f64);
      for (Index i = 0; i < shape.size(); ++i)
        out.mutable_data<double>()[static_cast<std::size_t>(i)] = m.at(i) != 0 ? x.at(i) : y.at(i);
      return out;
    };
    s.reference_ulps = 0;
    s.batch_axis = no_sample_axis;  // the condition differs from row to row
    list.push_back(std::move(s));
  };
  add({2, 3}, {2, 3}, {2, 3});
  add({37}, {37}, {37});
  add({}, {2}, {2});
  add({3}, {2, 3}, {});
  add({2, 1}, {}, {2, 3});
  add({2, 3}, {1, 3}, {2, 1});
  add({0, 3}, {3}, {0, 3});
  add({1, 2, 1, 2, 1, 1, 2, 1}, {2, 1}, {1, 2, 1, 2, 1, 1, 2, 1});
  return list;
}

}  // namespace taut::harness
