#include "nn/convex_step.h"

#include <algorithm>
#include <array>

#include "autodiff/define.h"
#include "autodiff/error.h"
#include "lipschitz/spectral.h"
#include "nn/constrained/weights.h"

namespace taut::nn {
namespace {

constexpr const char* convex_step_name = "convex_step";

// The axes of images; columns are behind rows.
struct ImageAxes {
  int channel, rows, batch;
};
ImageAxes axes_of(const Conv2dOptions& options) {
  return options.layout == Layout::nchw ? ImageAxes{1, 2, 0} : ImageAxes{0, 1, 3};
}

double norm_of(const LinearMap& map, Norm norm) { return operator_norm(map, norm).upper.value(); }

}  // namespace

Var ConvexStepShape::apply(const Var& x, const Var& a, const Var& b, Where where) const {
  return convolution ? conv2d(x, a, b, *convolution, where) : dense(x, a, b, where);
}

Var ConvexStepShape::transpose(const Var& h, const Var& a, const Shape& x, Where where) const {
  if (!convolution) return dense(h, taut::transpose(a, where), {}, where);
  const int rows = axes_of(*convolution).rows;
  const std::array<Index, 2> size{x[rows], x[rows + 1]};
  return conv_transpose2d(h, a, {}, *convolution, size, where);
}

LinearMap ConvexStepShape::map(const Tensor& a, const Shape& x) const {
  if (!convolution) return parts::matrix_map(a);  // the norm of its copies along the other axes is its own
  const int rows = axes_of(*convolution).rows;
  return parts::kernel_map(a, *convolution, {x[rows], x[rows + 1]});
}

Var composed_convex_step(const Var& x, const Var& a, const Var& b, const ConvexStepShape& shape, Where where) {
  const Var h = relu(shape.apply(x, a, b, where), where);
  return sub(x, shape.transpose(h, a, x.shape(), where), where);
}

Var convex_step(const Var& x, const Tensor& a, const Tensor& b, const ConvexStepShape& shape, Where where) {
  return taut::detail::located(where, [&] { return record(where, ConvexStep(a, b, shape), x); });
}

TensorType ConvexStep::infer(const Operands& in) const {
  const Shape& x = in[0].shape();
  if (in[0].dtype() != a_.dtype() || (b_.defined() && b_.dtype() != a_.dtype()))
    throw DTypeError(cat('[', convex_step_name, "] x, A and b must have one dtype, got ", in[0].dtype(), ", ",
                         a_.dtype(), b_.defined() ? cat(" and ", b_.dtype()) : "", "; convert them first"));
  const int rank = shape_.convolution ? 4 : 2;
  if (a_.shape().rank() != rank)
    throw ShapeError(cat('[', convex_step_name, "] A must be ",
                         rank == 4 ? "a kernel (h, c / groups, kh, kw)" : "a matrix (h, n)", ", got ", a_.shape()));
  if (b_.defined() && b_.shape() != Shape{a_.shape()[0]})
    throw ShapeError(cat('[', convex_step_name, "] b must have shape ", Shape{a_.shape()[0]}, ", got ", b_.shape()));
  const bool fits = shape_.convolution ? x.rank() == 4 && x[axes_of(*shape_.convolution).channel] ==
                                                              a_.shape()[1] * shape_.convolution->groups
                                       : x.rank() > 0 && x[x.rank() - 1] == a_.shape()[1];
  if (!fits)
    throw ShapeError(cat('[', convex_step_name, "] A of shape ", a_.shape(), " needs ",
                         shape_.convolution ? "images with as many channels" : "a last axis of as many numbers",
                         ", got ", x));
  return in[0].type();
}

Tensor ConvexStep::forward(const Operands& in, const TensorType&) const {
  return composed_convex_step(in[0], a_, b_, shape_).value();
}

Var ConvexStep::derivative(const Var& x, const Var& c) const {
  const Where where{};
  const Var active = step(shape_.apply(x, a_, b_, where));
  return sub(c, shape_.transpose(mul(active, shape_.apply(c, a_, {}, where)), a_, x.shape(), where));
}

void ConvexStep::vjp(VjpSite& site) const { site.add(0, derivative(site.in(0), site.cotangent())); }
Var ConvexStep::jvp(const JvpSite& site) const { return derivative(site.in(0), *site.tangent(0)); }

Rule ConvexStep::lipschitz(const RuleSite& site) const {
  const LinearMap map = shape_.map(a_, site.out.shape());
  const double l2 = norm_of(map, Norm::l2);
  const double sums = add_up(1.0, mul_up(norm_of(map, Norm::l1), norm_of(map, Norm::linf)));
  const Gain gain{sums, std::max(1.0, sub_up(mul_up(l2, l2), 1.0)), sums};
  return rule::Bounded{{gain}, "I − AᵀSA with slopes S in [0, 1] has its eigenvalues in [1 − ‖A‖², 1]", "Meunier2022"};
}

Range ConvexStep::range(const RangeSite& site) const {
  // The composition is recorded in f64, whatever the dtype of the layer.
  const auto in = [](const Tensor& stored, const Var& x) {
    return stored.defined() ? Var(stored.to(x.dtype())) : Var();
  };
  return primitives::range_of_composition(
      [&](const Var& x) { return composed_convex_step(x, in(a_, x), in(b_, x), shape_); }, site);
}

int ConvexStep::sample_axis(const SampleSite& site) const {
  const int axis = site.axis[0];
  if (axis == no_sample_axis) return axis;
  if (shape_.convolution) return axis == axes_of(*shape_.convolution).batch ? axis : mixes_samples;
  return axis == site.out.shape().rank() - 1 ? mixes_samples : axis;
}

Attributes ConvexStep::attributes() const {
  Attributes all{{"a", a_}, {"has_b", b_.defined()}};
  if (b_.defined()) all.push_back({"b", b_});
  if (!shape_.convolution) return all;
  const Conv2dOptions& o = *shape_.convolution;
  all.push_back({"stride", std::vector<Index>(o.stride.begin(), o.stride.end())});
  all.push_back({"dilation", std::vector<Index>(o.dilation.begin(), o.dilation.end())});
  all.push_back({"padding", std::vector<Index>(o.padding.begin(), o.padding.end())});
  all.push_back({"groups", o.groups});
  all.push_back({"batch_innermost", o.layout == Layout::chwn});
  return all;
}

}  // namespace taut::nn
