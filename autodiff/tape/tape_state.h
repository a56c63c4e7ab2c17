// Internal to autodiff: what a tape consists of. Nodes lie in fixed chunks, so references to them stay valid while a
// differentiable sweep appends; everything else of a step lies in the arena and is rewound with it.
#pragma once

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "autodiff/tape.h"

namespace taut::detail {

// Bump allocator that keeps its chunks when rewound.
class Arena {
 public:
  void* allocate(std::size_t bytes, std::size_t alignment);
  void on_rewind(void (*destroy)(const void*), const void* object);
  void rewind();

 private:
  struct Chunk {
    std::unique_ptr<std::byte[]> bytes;
    std::size_t size;
  };
  struct Destructor {
    void (*destroy)(const void*);
    const void* object;
  };
  std::vector<Chunk> chunks_;
  std::vector<Destructor> destructors_;
  std::size_t chunk_ = 0;  // the one in use
  std::size_t used_ = 0;
};

struct TapeState {
  static constexpr std::size_t chunk_size = 256;

  Tape* tape = nullptr;  // null once released
  std::uint32_t generation = 0;
  bool recording = true;
  bool outline = false;  // what is tracked is not computed
  std::size_t size = 0;
  std::vector<std::unique_ptr<Node[]>> chunks;
  Arena arena;
  std::set<std::string, std::less<>> labels;  // interned: stable addresses, looked up without allocating
  // Scratch of sweeps, kept for reuse. Taken by a sweep while it runs, so that nested sweeps have their own.
  std::vector<Var> adjoints;
  std::vector<std::uint8_t> marks;

  // States are reused and never freed, so that a Var of a released tape can still be recognised.
  static TapeState* acquire(Tape* tape);
  static void release(TapeState* state) noexcept;

  Node& node(NodeId id) { return chunks[id / chunk_size][id % chunk_size]; }
  NodeId append(Node&& node);
  void rewind() noexcept;
  std::string_view intern(std::string_view label);
  Var var_of(Tensor value, NodeId id) { return Var(std::move(value), this, id, generation); }

  // The state of a Var's tape, or null for a plain tensor. UsageError when its node is gone.
  static TapeState* of(const Var& var);
  static TapeState& of(Tape& tape) { return *tape.state_; }
  [[noreturn]] static void throw_gone(const Var& var);
};

inline TapeState* TapeState::of(const Var& var) {
  if (var.tape_ == nullptr) return nullptr;
  if (var.tape_->generation != var.generation_) throw_gone(var);
  return var.tape_;
}

}  // namespace taut::detail
