// Var: the handle that programs compute with. Either a plain tensor, or a node of a tape.
#pragma once

#include "autodiff/tensor.h"
#include "autodiff/where.h"

#pragma GCC visibility push(default)

namespace taut {

class Tape;
namespace detail {
struct TapeState;
class Sweep;
}  // namespace detail

using NodeId = std::uint32_t;

// Three words. Values are computed at once; what is recorded is where they came from. Operations on Vars of which
// none lies on a recording tape compute values and record nothing.
class Var {
 public:
  Var() = default;                                          // undefined
  Var(Tensor value) noexcept : value_(std::move(value)) {}  // NOLINT(google-explicit-constructor): a constant

  bool defined() const { return value_.defined(); }
  const Tensor& value() const { return value_; }
  const Shape& shape() const { return value_.shape(); }
  DType dtype() const { return value_.dtype(); }
  double item() const { return value_.item(); }

  bool on_tape() const { return tape_ != nullptr; }
  // The node on its tape. UsageError when there is none or the tape has been rewound or released since.
  NodeId id() const;
  // The same value as a plain tensor: no derivative flows through it.
  Var detached() const { return Var(value_); }

 private:
  friend class Tape;
  friend struct detail::TapeState;
  friend class detail::Sweep;
  Var(Tensor value, detail::TapeState* tape, NodeId id, std::uint32_t generation) noexcept
      : value_(std::move(value)), tape_(tape), id_(id), generation_(generation) {}

  Tensor value_;
  detail::TapeState* tape_ = nullptr;
  NodeId id_ = 0;
  std::uint32_t generation_ = 0;
};

}  // namespace taut

#pragma GCC visibility pop
