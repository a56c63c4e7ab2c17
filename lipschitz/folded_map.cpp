#include "lipschitz/folded_map.h"

#include <cmath>

#include "lipschitz/fold_convolution.h"
#include "lipschitz/matrix_form.h"

namespace taut::detail {
namespace {

bool is_identity(const LinearMap& map) {
  const auto* scale = std::get_if<structure::Scale>(&map.structure());
  return scale != nullptr && scale->factor == 1.0;
}

bool has_layer(const LinearMap& map) {
  bool found = false;
  for_each_leaf(map, [&](const LinearMap& leaf) { found = found || is_layer(leaf); });
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
    if (!is_identity(identity->map_)) continue;
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

const UpperBound& FoldedMap::norm(const AutoLipOptions& options, bool& cut) const {
  if (!known_->norm) known_->norm = computed(options, known_->cut);
  cut = cut || known_->cut;
  return *known_->norm;
}

UpperBound FoldedMap::computed(const AutoLipOptions& options, bool& cut) const {
  UpperBound bound = UpperBound::certified(0.0, options.norm, "none");
  if (options.affine_norm == AffineNorm::frobenius && has_layer(map_)) {
    bound = frobenius_norm(map_, options);
  } else {
    // What folded into one layer has no parts whose norms would be known.
    const Enclosure bounds = folded_ && is_composite(map_) ? folded_norm(map_, options.norm, options)
                                                           : operator_norm(map_, options.norm, options);
    bound = bounds.upper;
    cut = bounds.cut;
  }
  if (relative_error_ == 0.0) return bound;
  // An error of at most relative · |A| in every entry has at most relative · ‖ |A| ‖ in norm.
  if (!has_entries(map_) || !std::isfinite(relative_error_))
    return UpperBound::estimate(bound.magnitude(), bound.norm(), bound.method() + ", constants not enclosed");
  const Magnitude error = Magnitude::product(sum_bounds(map_).in(options.norm), relative_error_, Side::upper);
  return UpperBound::derived(Magnitude::sum(bound.magnitude(), error, Side::upper), bound.norm(), {&bound, 1},
                             bound.method() + ", with the rounding of constants");
}

}  // namespace taut::detail
