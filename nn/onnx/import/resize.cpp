// Resizing: a selection or a matrix along every axis.
#include <cmath>

#include "autodiff/error.h"
#include "nn/onnx/import/interpolation.h"
#include "nn/onnx/import/operators.h"

namespace taut::nn::onnx {
namespace {

constexpr const char* undecided =
    "its scales are computed within the file and known by intervals, which do not decide between which pixels one "
    "lies; "
    "export it with sizes, or store the scales as constants";

Var resized(Call& call, const Var& x, int axis, const ResizedAxis& sizes, const Resizing& r) {
  if (r.mode == "nearest") {
    const auto pixels = nearest_pixels(r, sizes);
    if (!pixels) call.unsupported(undecided);
    return gather(x, axis, *pixels, call.where());
  }
  call.require_moderate(static_cast<double>(sizes.from) * static_cast<double>(sizes.to));
  const auto weights = interpolation_weights(r, sizes);
  if (!weights) call.unsupported(undecided);
  return matrix_along(x, *weights, axis, call.where());
}

ResizedAxis by_size(Index from, Index to) {
  return {from, to, Interval::point(static_cast<double>(to)), Interval::point(static_cast<double>(from)), true};
}

ResizedAxis by_scale(Call& call, Index from, const Interval& scale) {
  const Interval size = Interval::point(static_cast<double>(from)) * scale;
  if (!(scale.lo > 0.0) || !(size.hi < 0x1p30)) call.fail(cat("a scale of ", scale.hi));
  if (std::floor(size.lo) != std::floor(size.hi)) call.unsupported(undecided);
  return {from, static_cast<Index>(std::floor(size.lo)), scale, Interval::point(1.0), false};
}

// Per axis one scale, or one size.
void resize_by(Call& call, const Resizing& r, const std::vector<Interval>& scales, const std::vector<Index>& sizes,
               std::vector<Index> axes) {
  require_known(r);
  Var x = call.x(0);
  const auto rank = static_cast<std::size_t>(x.shape().rank());
  if (axes.empty())
    for (std::size_t i = 0; i < rank; ++i) axes.push_back(static_cast<Index>(i));
  if ((scales.size() != axes.size() && !scales.empty()) || (sizes.size() != axes.size() && !sizes.empty()) ||
      scales.empty() == sizes.empty())
    call.fail("it needs scales or sizes, one per axis");
  for (std::size_t k = 0; k < axes.size(); ++k) {
    const int axis = call.axis(axes[k], x.shape().rank());
    const Index from = x.shape()[axis];
    const ResizedAxis resizing = scales.empty() ? by_size(from, sizes[k]) : by_scale(call, from, scales[k]);
    // But for one, all coordinate modes leave an axis alone that keeps its length.
    const bool moves = r.coordinates == "tf_half_pixel_for_nn";
    if (!moves && resizing.to == from && (scales.empty() || scales[k] == Interval::point(1.0))) continue;
    if (resizing.to < 1 || from < 1) call.fail(cat("a size of ", resizing.to));
    call.require_moderate(static_cast<double>(x.shape().size() / from) * static_cast<double>(resizing.to));
    x = resized(call, x, axis, resizing, r);
  }
  call.out(x);
}

std::vector<Interval> scales_of(Call& call, int operand) {
  const Range given = call.enclosed(operand, "scales");
  std::vector<Interval> scales;
  for (Index i = 0; i < given.lo.size(); ++i) scales.push_back(given.at(i));
  return scales;
}

void resize(Call& call) {
  const bool old = call.opset() < 11;
  const Resizing r{call.s("mode", "nearest"),
                   call.s("coordinate_transformation_mode", old ? "asymmetric" : "half_pixel"),
                   call.s("nearest_mode", old ? "floor" : "round_prefer_floor"), call.f("cubic_coeff_a", -0.75),
                   call.i("exclude_outside", 0) != 0};
  if (call.s("keep_aspect_ratio_policy", "stretch") != "stretch") call.unsupported("keep_aspect_ratio_policy");
  if (call.i("antialias", 0) != 0) call.unsupported("antialias");
  std::vector<Interval> scales;
  const int at = old ? 1 : 2;
  if (call.has(at)) scales = scales_of(call, at);
  std::vector<Index> sizes;
  if (!old && call.has(3)) sizes = call.whole_numbers(3, "sizes");
  if (!sizes.empty()) scales.clear();
  resize_by(call, r, scales, sizes, call.is("axes").value_or(std::vector<Index>{}));
}

void upsample(Call& call) {
  std::vector<Interval> scales;
  std::vector<double> given{1.0, 1.0, call.f("height_scale", 1.0), call.f("width_scale", 1.0)};
  if (const auto attribute = call.fs("scales")) given = *attribute;
  if (call.opset() >= 9)
    scales = scales_of(call, 1);
  else
    for (const double scale : given) scales.push_back(Interval::point(scale));
  std::string mode = call.s("mode", "nearest");
  if (mode == "bilinear") mode = "linear";
  resize_by(call, {mode, "asymmetric", "floor"}, scales, {}, {});
}

constexpr Operator resizing_table[] = {
    {"Resize", Kind::computes, 10, resize, "gather, matrix_along", "nearest, linear, cubic", 3},
    {"Upsample", Kind::computes, 7, upsample, "gather, matrix_along"},
};

}  // namespace

std::span<const Operator> resizing_operators() { return resizing_table; }

}  // namespace taut::nn::onnx
