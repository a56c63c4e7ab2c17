// neg, scale, shift: affine elementwise primitives of one operand.
#include <cmath>

#include "autodiff/define.h"
#include "autodiff/kernels/elementwise.h"

namespace taut {
namespace {

using kernels::Unary;

Tensor run(Unary op, double parameter, const Tensor& x, const TensorType& out) {
  Tensor y = Tensor::uninitialised(out);
  kernels::unary(op, {parameter}, x, y);
  return y;
}

}  // namespace

class Neg final : public LinearPrimitive {
 public:
  static constexpr OpInfo static_info{"neg", "−x", "", ""};
  const OpInfo& info() const override { return static_info; }
  TensorType infer(const Operands& in) const override { return in[0].type(); }
  Tensor forward(const Operands& in, const TensorType& out) const override { return run(Unary::neg, 0.0, in[0], out); }
  LinearMap map(const Shape& in, const Shape&) const override { return scale_map(in, -1.0); }
  Var again(const Var& x) const override { return neg(x); }
  Var adjoint(const Var& y, const Shape&) const override { return neg(y); }
  int sample_axis(const SampleSite& site) const override { return site.axis[0]; }
};

class Scale final : public LinearPrimitive {
 public:
  static constexpr OpInfo static_info{"scale", "c·x", "", ""};
  // `factor` is what forward multiplies with; exact factors lie within `error` of `nearest`, relative to it.
  Scale(double factor, double nearest, double error) : factor_(factor), nearest_(nearest), error_(error) {}
  const OpInfo& info() const override { return static_info; }
  Attributes attributes() const override { return {{"factor", factor_}}; }
  TensorType infer(const Operands& in) const override { return in[0].type(); }
  Tensor forward(const Operands& in, const TensorType& out) const override {
    return run(Unary::scale, factor_, in[0], out);
  }
  LinearMap map(const Shape& in, const Shape&) const override { return scale_map(in, nearest_); }
  double map_error() const override { return error_; }
  Var again(const Var& x) const override { return record(Where::current(), *this, x); }
  Var adjoint(const Var& y, const Shape&) const override { return again(y); }
  int sample_axis(const SampleSite& site) const override { return site.axis[0]; }

 private:
  double factor_, nearest_, error_;
};

class Shift final : public Primitive {
 public:
  static constexpr OpInfo static_info{"shift", "x + c", "", ""};
  explicit Shift(double offset) : offset_(offset) {}
  const OpInfo& info() const override { return static_info; }
  Attributes attributes() const override { return {{"offset", offset_}}; }
  TensorType infer(const Operands& in) const override { return in[0].type(); }
  Tensor forward(const Operands& in, const TensorType& out) const override {
    return run(Unary::shift, offset_, in[0], out);
  }
  void vjp(VjpSite& site) const override { site.add(0, site.cotangent()); }
  Var jvp(const JvpSite& site) const override { return *site.tangent(0); }
  Rule lipschitz(const RuleSite& site) const override { return rule::Affine{{identity_map(site.out.shape())}}; }
  Range range(const RangeSite& site) const override {
    return primitives::add_ranges(site.ranges[0], Range::box(site.out.shape(), Interval::point(offset_)), site.dtype());
  }
  int sample_axis(const SampleSite& site) const override { return site.axis[0]; }

 private:
  double offset_;
};

Var neg(const Var& x, Where where) { return record(where, Neg(), x); }
Var scale(const Var& x, double factor, Where where) {
  const DType dtype = primitives::given(x, "scale", where).dtype();
  const double rounded = primitives::finite_constant("scale", factor, dtype, where);
  return record(where, Scale(rounded, rounded, 0.0), x);
}
Var scale(const Var& x, double nearest, const Interval& exact, Where where) {
  const DType dtype = primitives::given(x, "scale", where).dtype();
  const double error = relative_distance(nearest, exact);
  if (!(error < 1.0))
    throw DomainError(cat("[scale] at ", where, ": the factor ", nearest, " stands for one in [", exact.lo, ", ",
                          exact.hi, "]; an enclosure that is small beside it is needed"));
  return record(where, Scale(primitives::finite_constant("scale", nearest, dtype, where), nearest, error), x);
}
Var mean_of_sum(const Var& total, Index n, Where where) {
  const auto count = static_cast<double>(n);
  return scale(total, 1.0 / count, quotient(1.0, count), where);
}
Var shift(const Var& x, double offset, Where where) {
  return record(
      where, Shift(primitives::finite_constant("shift", offset, primitives::given(x, "shift", where).dtype(), where)),
      x);
}

template const OpInfo& describe<Neg>();
template const OpInfo& describe<Scale>();
template const OpInfo& describe<Shift>();

}  // namespace taut
