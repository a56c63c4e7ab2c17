// User functions made of several primitives: they have values and derivatives to check, but no rule of their own. One
// line per function, in whatever file has its samples:
//   const AddComposition flips("flip", &flip_samples);
#pragma once

#include <vector>

#include "harness/sample.h"

namespace taut::harness {

struct Composition {
  const char* name;
  std::vector<Sample> (*samples)();
};

inline std::vector<Composition>& compositions() {
  static std::vector<Composition> list;
  return list;
}

struct AddComposition {
  AddComposition(const char* name, std::vector<Sample> (*samples)()) { compositions().push_back({name, samples}); }
};

}  // namespace taut::harness
