// Affine maps as AutoLip folds them: with the number of their parts, and a norm that is computed once. Internal to
// lipschitz.
#pragma once

#include <array>
#include <memory>
#include <optional>

#include "lipschitz/autolip.h"
#include "lipschitz/spectral.h"

namespace taut::detail {

bool is_identity(const LinearMap& map);  // as it was constructed: x ↦ 1 · x

class FoldedMap {
 public:
  // The map of one operation. Every entry may be off by `relative_error` (see Graph::error_of_maps). Of maps that are
  // composed and added it is relative to absolute(map()), the magnitudes composed and added, which may be much larger
  // than the entries of the map itself.
  FoldedMap(LinearMap map, double relative_error);

  // outer ∘ inner and a + b. Composing with an identity keeps the norm that is known.
  static FoldedMap compose(const FoldedMap& outer, const FoldedMap& inner);
  static FoldedMap add(const FoldedMap& a, const FoldedMap& b);

  const LinearMap& map() const { return map_; }
  int parts() const { return parts_; }
  double relative_error() const { return relative_error_; }

  // Bounds of its norm, computed at the first call for each norm; what a deadline made less tight is
  // computed again by a call that has time. Sets `cut` when a deadline did. Where Frobenius norms are asked for, the
  // lower one is 0.
  const Enclosure& enclosure(const AutoLipOptions& options, bool& cut) const;
  const UpperBound& norm(const AutoLipOptions& options, bool& cut) const { return enclosure(options, cut).upper; }

 private:
  FoldedMap(LinearMap map, int parts, double relative_error, bool folded);
  Enclosure computed(const AutoLipOptions& options) const;
  Enclosure computed(const LinearMap& map, const AutoLipOptions& options) const;

  // What is known of the norms, shared by copies; Frobenius norms stand beside spectral ones.
  struct Known {
    std::array<std::optional<Enclosure>, 4> norms;
  };
  LinearMap map_;
  int parts_;
  double relative_error_;
  bool folded_;  // of several operations, whose own norms are bounded elsewhere
  std::shared_ptr<Known> known_;
};

// The norm of a map every entry of which may be off by `relative_error`, given that of the map itself.
Enclosure with_entry_error(Enclosure bounds, const LinearMap& map, double relative_error);

}  // namespace taut::detail
