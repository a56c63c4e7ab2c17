// error: a listed primitive must be final and define every member of Primitive
// An op of Taut's list that misses its rules cannot be entered in the registry, even if nobody records it.
#include "autodiff/define.h"

namespace taut {

class Neg final : public LinearPrimitive {
 public:
  static constexpr OpInfo static_info{"neg", "−x", "", ""};
  const OpInfo& info() const override { return static_info; }
};

template const OpInfo& describe<Neg>();

}  // namespace taut
