#include "nn/parameter.h"

namespace taut::nn {

Var Parameter::on(const Var& x) const {
  Tape* const tape = Tape::of(x);
  return tape != nullptr ? on(*tape) : Var(value);
}

Var Parameter::on(Tape& tape) const {
  if (!defined() || !tape.recording()) return Var(value);
  // The address of a tape can be reused, so the node must also hold this very storage.
  if (place_.tape == &tape && place_.generation == tape.generation() && place_.id < tape.size()) {
    const Node& node = tape.node(place_.id);
    if (node.leaf == Leaf::parameter && node.value.raw() == value.raw()) return tape.var(place_.id);
  }
  const Var leaf = tape.parameter(value, name);
  place_.tape = &tape;
  place_.generation = tape.generation();
  place_.id = leaf.id();
  return leaf;
}

}  // namespace taut::nn
