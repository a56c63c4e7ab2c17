// Parameter: a named tensor that a module owns and that training changes.
#pragma once

#include <string>

#include "autodiff/tape.h"

#pragma GCC visibility push(default)

namespace taut::nn {

// A value. Copies have the same numbers but are parameters of their own. Used by one thread at a time; another thread
// takes a copy of the module, which shares the numbers until one of them is changed.
class Parameter {
 public:
  Parameter() = default;  // undefined: a layer without bias
  explicit Parameter(Tensor initial, bool is_trained = true)
      : value(std::move(initial)), trained(is_trained), trainable_(is_trained) {}

  // The operand beside x. On x's tape the parameter is one leaf, however often it is used, until the tape is rewound or
  // the value replaced. Off tape, paused or undefined: a plain Var.
  Var on(const Var& x) const;
  Var on(Tape& tape) const;

  bool defined() const { return value.defined(); }
  // False for what is never trained, as running statistics.
  bool trainable() const { return trainable_; }

  Tensor value;
  bool trained = true;  // false: optimisers leave it alone, as the running statistics of a batch norm or a frozen layer
  std::string name;     // dotted path within the net, "0.weight": the leaf's label. Given by name_parameters()

 private:
  // Where it was put last. Forgotten by copies, so that two copies in one net never share a leaf.
  struct Place {
    Place() = default;
    Place(const Place&) noexcept {}
    Place& operator=(const Place&) noexcept {
      tape = nullptr;
      return *this;
    }
    const Tape* tape = nullptr;
    std::uint32_t generation = 0;
    NodeId id = 0;
  };
  mutable Place place_;
  bool trainable_ = true;
};

}  // namespace taut::nn

#pragma GCC visibility pop
