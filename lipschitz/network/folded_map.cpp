#include "lipschitz/network/folded_map.h"

#include <cmath>

#include "lipschitz/network/fold_convolution.h"
#include "lipschitz/norms/balanced.h"
#include "lipschitz/norms/matrix_form.h"

namespace taut::detail {

bool is_identity(const LinearMap& map) {
  const auto* scale = std::get_if<structure::Scale>(&map.structure());
  return scale != nullptr && scale->factor == 1.0;
}

namespace {

bool has_layer(const LinearMap& map) {
  bool found = false;
  for_each_leaf(map, [&](const LinearMap& leaf) { found = found || is_layer(leaf); });
  return found;
}

// Made by folding, of a padding and a convolution that are not circular each.
bool has_circular(const LinearMap& map) {
  bool found = false;
  for_each_leaf(map, [&](const LinearMap& leaf) {
    const auto* convolution = std::get_if<structure::Convolution>(&leaf.structure());
    found = found || (convolution != nullptr && convolution->boundary == Boundary::circular);
  });
  return found;
}

}  // namespace

FoldedMap::FoldedMap(LinearMap map, double relative_error) : FoldedMap(std::move(map), 1, relative_error, false) {}

FoldedMap::FoldedMap(LinearMap map, int parts, double relative_error, bool folded)
    : map_(std::move(map)),
      parts_(parts),
      relative_error_(relative_error),
      folded_(folded),
      known_(std::make_shared<Known>()) {}

FoldedMap FoldedMap::compose(const FoldedMap& outer, const FoldedMap& inner) {
  // (1 + a)(1 + b) − 1
  double error = add_up(add_up(outer.relative_error_, inner.relative_error_),
                        mul_up(outer.relative_error_, inner.relative_error_));
  const LinearMap composed = merge_into_convolutions(taut::compose(outer.map_, inner.map_), error);
  FoldedMap result(composed, outer.parts_ + inner.parts_, error, true);
  for (const auto& [identity, other] : {std::pair(&outer, &inner), std::pair(&inner, &outer)}) {
    if (!is_identity(identity->map_) || identity->relative_error_ != 0.0) continue;
    result.parts_ = other->parts_;
    result.folded_ = other->folded_;
    result.known_ = other->known_;
  }
  return result;
}

FoldedMap FoldedMap::add(const FoldedMap& a, const FoldedMap& b) {
  const double error = std::max(a.relative_error_, b.relative_error_);
  // An error is relative to |A| + |B|. Where entries cancel, a merged map would have forgotten both.
  LinearMap sum = error == 0.0 ? taut::add(a.map_, b.map_)
                               : LinearMap(a.map_.in_shape(), a.map_.out_shape(), structure::Sum{{a.map_, b.map_}});
  return {std::move(sum), a.parts_ + b.parts_, error, true};
}

const Enclosure& FoldedMap::enclosure(const AutoLipOptions& options, bool& cut) const {
  std::optional<Enclosure>& known =
      known_->norms[options.affine_norm == AffineNorm::frobenius ? 3 : static_cast<std::size_t>(options.question.norm)];
  if (!known) {
    known = computed(options);
  } else if (known->cut && !options.budget.expired()) {
    const Enclosure again = computed(options);
    known = Enclosure{better(known->lower, again.lower), better(known->upper, again.upper), again.cut};
  }
  if (known->cut && options.question.norm == Norm::l2 && options.affine_norm == AffineNorm::spectral) {
    // Quick, and often better than what is left of the time allows, or known from before.
    AutoLipOptions of_entries = options;
    of_entries.affine_norm = AffineNorm::frobenius;
    bool ignored = false;
    known->upper = better(known->upper, enclosure(of_entries, ignored).upper);
  }
  cut = cut || known->cut;
  return *known;
}

Enclosure FoldedMap::computed(const AutoLipOptions& options) const {
  const std::optional<Balanced> b = balanced(map_);
  return b ? times_power_of_two(computed(b->map, options), b->exponent) : computed(map_, options);
}

Enclosure FoldedMap::computed(const LinearMap& map, const AutoLipOptions& options) const {
  if (options.affine_norm == AffineNorm::frobenius && has_layer(map)) {
    Enclosure bounds{LowerBound::certified(0.0, options.question.norm, "none"), frobenius_norm(map, options.budget)};
    return with_entry_error(std::move(bounds), map, relative_error_);
  }
  // What folded into one layer has no parts whose norms would be known, nor has a part that only folding has made.
  Enclosure bounds = folded_ && is_composite(map) && !has_circular(map)
                         ? folded_norm(map, options.question.norm, options.budget)
                         : operator_norm(map, options.question.norm, {.budget = options.budget});
  return with_entry_error(std::move(bounds), map, relative_error_);
}

Enclosure with_entry_error(Enclosure bounds, const LinearMap& map, double relative_error) {
  if (relative_error == 0.0) return bounds;
  const UpperBound upper = bounds.upper;
  const LowerBound lower = bounds.lower;
  if (!has_entries(map) || !std::isfinite(relative_error)) {
    const std::string not_enclosed = ", constants not enclosed";
    bounds.upper = UpperBound::estimate(upper.magnitude(), upper.norm(), upper.method() + not_enclosed);
    bounds.lower = LowerBound::estimate(lower.magnitude(), lower.norm(), lower.method() + not_enclosed);
    return bounds;
  }
  // An error of at most relative · |A| in every entry has at most relative · ‖ |A| ‖ in norm.
  const Magnitude error = Magnitude::product(sum_bounds(map).in(upper.norm()), relative_error, Side::upper);
  const std::string rounding = ", with the rounding of constants";
  bounds.upper = UpperBound::derived(Magnitude::sum(upper.magnitude(), error, Side::upper), upper.norm(), {&upper, 1},
                                     upper.method() + rounding);
  bounds.lower = LowerBound::derived(std::max(0.0, sub_down(lower.value(), error.round(Side::upper))), lower.norm(),
                                     {&lower, 1}, lower.method() + rounding);
  return bounds;
}

}  // namespace taut::detail
