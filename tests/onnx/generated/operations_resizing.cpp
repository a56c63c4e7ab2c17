// Pads and resizing.
#include <algorithm>
#include <array>
#include <numeric>

#include "tests/onnx/generated/node_view.h"

namespace taut::test::generated {
namespace {

Value padded(const NodeView& n, const Value& x, int axis, std::int64_t before, std::int64_t after, Real constant) {
  const std::string mode = n.text("mode", "constant");
  const std::int64_t size = x.dim(axis);
  Sizes shape = x.shape;
  shape[static_cast<std::size_t>(axis)] += before + after;
  if (mode == "reflect" && (before >= size || after >= size)) n.fail("reflects more than there is");
  return gathered(
      x, shape,
      [&](Sizes p) {
        std::int64_t& at = p[static_cast<std::size_t>(axis)];
        at -= before;
        if (at >= 0 && at < size) return p;
        if (mode == "constant") return Sizes();
        if (mode == "edge") at = std::clamp<std::int64_t>(at, 0, size - 1);
        if (mode == "reflect") at = at < 0 ? -at : 2 * (size - 1) - at;
        if (mode == "wrap") at = (at % size + size) % size;
        return p;
      },
      Dual(constant));
}
Results pad(const NodeView& n) {
  const bool operands = n.opset() >= 11;
  const auto pads = operands ? std::optional(n.wholes(1)) : n.list("pads");
  if (!pads) n.fail("pads are needed");
  const Real constant = operands ? (n.has(2) ? n.number(2) : 0) : n.real("value", 0);
  Sizes axes(n[0].shape.size());
  std::iota(axes.begin(), axes.end(), 0);
  if (operands && n.has(3)) axes = n.wholes(3);
  if (pads->size() != 2 * axes.size()) n.fail("pads that do not fit");
  Value x = n[0];
  for (std::size_t k = 0; k < axes.size(); ++k) {
    const std::int64_t before = (*pads)[k], after = (*pads)[k + axes.size()];
    x = padded(n, x, n.axis(axes[k], x.rank()), before, after, constant);
  }
  return {x};
}

// How one axis of `from` numbers becomes one of `to`.
struct Stretch {
  std::int64_t from = 1, to = 1;
  Real scale = 1;  // to / from where sizes are given
  bool by_sizes = false;
};

Real source_of(const NodeView& n, const Stretch& s, std::int64_t i) {
  const std::string how = n.text("coordinate_transformation_mode", n.opset() < 11 ? "asymmetric" : "half_pixel");
  const auto x = static_cast<Real>(i), from = static_cast<Real>(s.from), to = static_cast<Real>(s.to);
  // Fractions of whole numbers are formed last, so that what lies halfway does so exactly.
  const auto divided = [&](Real y) { return s.by_sizes ? y * from / to : y / s.scale; };
  if (how == "half_pixel") return divided(x + 0.5L) - 0.5L;
  if (how == "pytorch_half_pixel") return s.to > 1 ? divided(x + 0.5L) - 0.5L : 0;
  if (how == "asymmetric") return divided(x);
  if (how == "align_corners") {
    const Real length = s.by_sizes ? to : s.scale * from;
    return s.to == 1 ? 0 : x * (from - 1) / (length - 1);
  }
  throw NotKnown("coordinates " + how);
}
std::int64_t nearest(const NodeView& n, Real x) {
  const std::string how = n.text("nearest_mode", n.opset() < 11 ? "floor" : "round_prefer_floor");
  const Real below = std::floor(x), part = x - below;
  if (how == "floor") return static_cast<std::int64_t>(below);
  if (how == "ceil") return static_cast<std::int64_t>(std::ceil(x));
  if (how == "round_prefer_floor") return static_cast<std::int64_t>(part <= 0.5L ? below : below + 1);
  return static_cast<std::int64_t>(part < 0.5L ? below : below + 1);
}

// Weights of the numbers at floor(x) − 1 … floor(x) + 2.
std::array<Real, 4> weights_of(const NodeView& n, const std::string& mode, Real part) {
  if (mode == "linear") return {0, 1 - part, part, 0};
  const Real a = n.real("cubic_coeff_a", -0.75F);
  const auto near = [&](Real t) { return ((a + 2) * t - (a + 3)) * t * t + 1; };
  const auto far = [&](Real t) { return ((a * t - 5 * a) * t + 8 * a) * t - 4 * a; };
  return {far(1 + part), near(part), near(1 - part), far(2 - part)};
}
std::vector<Real> row_of(const NodeView& n, const std::string& mode, const Stretch& s, std::int64_t i) {
  std::vector<Real> row(static_cast<std::size_t>(s.from), 0);
  const auto inside = [&](std::int64_t at) { return std::clamp<std::int64_t>(at, 0, s.from - 1); };
  const Real x = source_of(n, s, i);
  if (mode == "nearest") {
    row[static_cast<std::size_t>(inside(nearest(n, x)))] = 1;
    return row;
  }
  const auto first = static_cast<std::int64_t>(std::floor(x)) - 1;
  const std::array<Real, 4> weights = weights_of(n, mode, x - std::floor(x));
  const bool exclude = mode == "cubic" && n.whole("exclude_outside", 0) != 0;
  Real total = 0;
  for (std::int64_t k = 0; k < 4; ++k) {
    if (exclude && inside(first + k) != first + k) continue;
    total += weights[static_cast<std::size_t>(k)];
    row[static_cast<std::size_t>(inside(first + k))] += weights[static_cast<std::size_t>(k)];
  }
  for (Real& w : row) w /= exclude ? total : 1;
  return row;
}
Value stretched(const NodeView& n, const Value& x, int axis, const std::string& mode, const Stretch& s) {
  std::vector<std::vector<Real>> rows;
  for (std::int64_t i = 0; i < s.to; ++i) rows.push_back(row_of(n, mode, s, i));
  return along(x, axis, [&](const std::vector<Dual>& line) {
    std::vector<Dual> y(rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i)
      for (std::size_t k = 0; k < line.size(); ++k)
        if (rows[i][k] != 0) add_product(y[i], line[k], Dual(rows[i][k]));
    return y;
  });
}

Value resized(const NodeView& n, std::string mode, const std::vector<Real>& scales, const Sizes& sizes) {
  Value x = n[0];
  if (mode == "bilinear") mode = "linear";
  if (scales.size() != x.shape.size() && sizes.size() != x.shape.size()) n.fail("one scale or size per axis is needed");
  for (int axis = 0; axis < n[0].rank(); ++axis) {
    const auto k = static_cast<std::size_t>(axis);
    Stretch s{x.dim(axis), 0, 1, scales.empty()};
    s.scale = scales.empty() ? static_cast<Real>(sizes[k]) / static_cast<Real>(s.from) : scales[k];
    s.to = scales.empty() ? sizes[k] : static_cast<std::int64_t>(std::floor(static_cast<Real>(s.from) * s.scale));
    if (s.to < 1) n.fail("nothing is left");
    if (s.to != s.from || s.scale != 1) x = stretched(n, x, axis, mode, s);
  }
  return x;
}
std::vector<Real> numbers_of(const Value& x) {
  std::vector<Real> list;
  for (const Dual& e : x.numbers) list.push_back(e.value);
  return list;
}
Results resize(const NodeView& n) {
  if (n.has("axes") || n.has("antialias") || n.has("keep_aspect_ratio_policy")) throw NotKnown("axes");
  const std::size_t at = n.opset() < 11 ? 1 : 2;
  const Sizes sizes = n.has(3) ? n.wholes(3) : Sizes();
  return {resized(n, n.text("mode", "nearest"), n.has(at) && sizes.empty() ? numbers_of(n[at]) : std::vector<Real>(),
                  sizes)};
}
Results upsample(const NodeView& n) {
  if (n.opset() < 9) throw NotKnown("scales as an attribute");
  return {resized(n, n.text("mode", "nearest"), numbers_of(n[1]), {})};
}

}  // namespace

const OperationTable& resizing_operations() {
  static const OperationTable table{{"Pad", pad}, {"Resize", resize}, {"Upsample", upsample}};
  return table;
}

}  // namespace taut::test::generated
