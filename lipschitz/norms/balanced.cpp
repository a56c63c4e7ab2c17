#include "lipschitz/norms/balanced.h"

#include <algorithm>
#include <cmath>

#include "lipschitz/norms/matrix_form.h"

namespace taut::detail {
namespace {

constexpr std::int64_t safe = 300;  // exponents of products within ± this leave room for sums and squares

// The weights times 2^-exponent, the largest between 1 and 2; nothing where one of them underflows.
std::optional<Tensor> shrunk(const Tensor& weights, std::int64_t& exponent) {
  Tensor scaled = weights.to(DType::f64).copy();
  const auto entries = scaled.mutable_data<double>();
  double largest = 0.0;
  for (const double e : entries) largest = std::max(largest, std::fabs(e));
  if (!(largest > 0.0) || !std::isfinite(largest)) return std::nullopt;
  const int shift = std::ilogb(largest);
  for (double& e : entries) {
    const double before = e;
    e = std::ldexp(e, -shift);
    if (std::ldexp(e, shift) != before) return std::nullopt;
  }
  exponent = shift;
  return scaled;
}

// A map without parts, balanced; itself with the exponent 0 where that is not possible.
struct OfLeaf {
  const LinearMap& map;

  template <class S>
  Balanced with(S structure, Tensor S::*weights) const {
    std::int64_t exponent = 0;
    const std::optional<Tensor> scaled = shrunk(structure.*weights, exponent);
    if (!scaled) return {map, 0};
    structure.*weights = *scaled;
    return {LinearMap(map.in_shape(), map.out_shape(), std::move(structure)), exponent};
  }
  Balanced operator()(const structure::Dense& s) const { return with(s, &structure::Dense::weight); }
  Balanced operator()(const structure::DenseAlong& s) const { return with(s, &structure::DenseAlong::weight); }
  Balanced operator()(const structure::Diagonal& s) const { return with(s, &structure::Diagonal::values); }
  Balanced operator()(const structure::Convolution& s) const { return with(s, &structure::Convolution::kernel); }
  Balanced operator()(const structure::Scale& s) const {
    std::int64_t exponent = 0;
    const std::optional<Tensor> scaled = shrunk(Tensor::scalar(s.factor), exponent);
    if (!scaled) return {map, 0};
    return {LinearMap(map.in_shape(), map.out_shape(), structure::Scale{scaled->at(0)}), exponent};
  }
  template <class S>
  Balanced operator()(const S&) const {  // moves and adds numbers, or is made of parts
    return {map, 0};
  }
};

std::optional<Balanced> all_balanced(const LinearMap& map);

// Parts that are added or lie side by side keep one exponent, the largest of theirs.
template <class S>
std::optional<Balanced> side_by_side(const LinearMap& map, const S& s, std::vector<LinearMap> S::*parts) {
  std::vector<Balanced> each;
  for (const LinearMap& part : s.*parts) {
    const auto one = all_balanced(part);
    if (!one) return std::nullopt;
    each.push_back(*one);
  }
  std::int64_t largest = each.front().exponent;
  for (const Balanced& part : each) largest = std::max(largest, part.exponent);
  S together;
  for (const Balanced& part : each) {
    const std::int64_t less = largest - part.exponent;
    if (less > safe) return std::nullopt;
    const LinearMap factor = scale_map(part.map.out_shape(), std::ldexp(1.0, -static_cast<int>(less)));
    (together.*parts)
        .push_back(less == 0 ? part.map
                             : LinearMap(part.map.in_shape(), part.map.out_shape(),
                                         structure::Composition{{factor, part.map}}));
  }
  return Balanced{LinearMap(map.in_shape(), map.out_shape(), std::move(together)), largest};
}

std::optional<Balanced> all_balanced(const LinearMap& map) {
  const Structure& s = map.structure();
  if (const auto* row = std::get_if<structure::BlockRow>(&s))
    return side_by_side(map, *row, &structure::BlockRow::blocks);
  if (const auto* column = std::get_if<structure::BlockColumn>(&s))
    return side_by_side(map, *column, &structure::BlockColumn::blocks);
  if (const auto* sum = std::get_if<structure::Sum>(&s)) return side_by_side(map, *sum, &structure::Sum::terms);
  const auto* composition = std::get_if<structure::Composition>(&s);
  if (composition == nullptr) return std::visit(OfLeaf{map}, s);
  structure::Composition together;
  std::int64_t exponent = 0;
  for (const LinearMap& factor : composition->factors) {
    const auto one = all_balanced(factor);
    if (!one) return std::nullopt;
    together.factors.push_back(one->map);
    exponent += one->exponent;
  }
  return Balanced{LinearMap(map.in_shape(), map.out_shape(), std::move(together)), exponent};
}

// The sum of the exponents of all weights' sizes, in absolute value: no product of some of them is further out.
std::int64_t reach(const LinearMap& map) {
  std::int64_t total = 0;
  for_each_leaf(map,
                [&](const LinearMap& leaf) { total += std::abs(std::visit(OfLeaf{leaf}, leaf.structure()).exponent); });
  return total;
}

}  // namespace

std::optional<Balanced> balanced(const LinearMap& map) {
  if (!is_composite(map) || reach(map) <= safe) return std::nullopt;
  return all_balanced(map);
}

Enclosure times_power_of_two(const Enclosure& bounds, std::int64_t exponent) {
  const auto moved = [&](Magnitude m, Side side) {
    for (std::int64_t left = exponent; left != 0;) {
      const std::int64_t step = std::clamp<std::int64_t>(left, -1000, 1000);
      m = Magnitude::product(m, std::ldexp(1.0, static_cast<int>(step)), side);
      left -= step;
    }
    return m;
  };
  Enclosure result = bounds;
  const LowerBound& lower = bounds.lower;
  const UpperBound& upper = bounds.upper;
  result.lower = LowerBound::derived(moved(lower.magnitude(), Side::lower), lower.norm(), {&lower, 1}, lower.method());
  result.upper = UpperBound::derived(moved(upper.magnitude(), Side::upper), upper.norm(), {&upper, 1}, upper.method());
  return result;
}

}  // namespace taut::detail
