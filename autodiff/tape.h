// Tape: a flat list of what was computed. Every edge points backwards, so the order of the list is a topological order.
// There is no global tape: operations record on the tape on which their operands lie.
#pragma once

#include <span>
#include <string_view>

#include "autodiff/primitive.h"
#include "autodiff/var.h"

#pragma GCC visibility push(default)

namespace taut {

// What a leaf means. "Lipschitz in what?" is part of the question: inputs vary, parameters and constants do not.
enum class Leaf : std::uint8_t { none, input, parameter, constant };
const char* to_string(Leaf leaf);

struct Node {
  const Primitive* op = nullptr;  // null for a leaf
  const NodeId* operand_ids = nullptr;
  std::uint32_t operand_count = 0;
  Leaf leaf = Leaf::none;
  bool tracked = false;  // depends on an input or a parameter
  Tensor value;
  std::string_view label;  // given by the user for leaves, may be empty
  Where where;

  std::span<const NodeId> operands() const { return {operand_ids, operand_count}; }
  std::string_view name() const { return op != nullptr ? op->info().name : to_string(leaf); }
};

class Tape {
 public:
  Tape();
  ~Tape();  // Vars of this tape become invalid; using one throws UsageError
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  Var input(Tensor value, std::string_view label = "", Where where = Where::current());
  Var parameter(Tensor value, std::string_view label = "", Where where = Where::current());
  Var constant(Tensor value, std::string_view label = "", Where where = Where::current());

  // Forgets all nodes and keeps the memory. Vars made so far become invalid.
  void rewind();
  // Changes with every rewind; a Var belongs to one generation.
  std::uint32_t generation() const;

  std::size_t size() const;
  const Node& node(NodeId id) const;  // UsageError when there is no such node
  Var var(NodeId id) const;

  bool recording() const;
  bool owns(const Var& var) const;  // a valid Var of this tape
  // The tape of a Var, or null for a plain tensor. UsageError when that tape has been rewound or released.
  static Tape* of(const Var& var);

  // Computes values without recording while it lives.
  class Pause {
   public:
    explicit Pause(Tape& tape);
    ~Pause();
    Pause(const Pause&) = delete;
    Pause& operator=(const Pause&) = delete;

   private:
    Tape& tape_;
    bool before_;
  };

 private:
  friend struct detail::TapeState;
  detail::TapeState* state_;
};

namespace detail {

class Arena;
using Cloner = const Primitive* (*)(Arena&, const Primitive&);
void* arena_allocate(Arena& arena, std::size_t bytes, std::size_t alignment);
void arena_on_rewind(Arena& arena, void (*destroy)(const void*), const void* object);

template <class P>
const Primitive* clone_into(Arena& arena, const Primitive& op) {
  void* const place = arena_allocate(arena, sizeof(P), alignof(P));
  const P* const copy = new (place) P(static_cast<const P&>(op));
  if constexpr (!std::is_trivially_destructible_v<P>)
    arena_on_rewind(
        arena, [](const void* object) { static_cast<const P*>(object)->~P(); }, copy);
  return copy;
}

Var record(const Primitive& op, Cloner clone, std::span<const Var* const> operands, Where where);

}  // namespace detail

// Computes op(operands...) and records it when an operand lies on a recording tape. Operands that are plain tensors
// become constants of that tape. UsageError when the operands lie on different tapes or on one that has been rewound.
template <Listed P>
Var record(const P& op, std::span<const Var* const> operands, Where where) {
  return detail::record(op, &detail::clone_into<P>, operands, where);
}
template <Listed P, class... V>
requires(std::same_as<V, Var>&&...) Var record(Where where, const P& op, const V&... operands) {
  const Var* const list[] = {&operands...};
  return detail::record(op, &detail::clone_into<P>, list, where);
}

}  // namespace taut

#pragma GCC visibility pop
