#include "autodiff/tape.h"

#include <mutex>

#include "autodiff/error.h"
#include "autodiff/located.h"
#include "autodiff/outline.h"
#include "autodiff/tape/tape_state.h"

namespace taut {

const char* to_string(Leaf leaf) {
  switch (leaf) {
    case Leaf::none:
      return "op";
    case Leaf::input:
      return "input";
    case Leaf::parameter:
      return "parameter";
    case Leaf::constant:
      return "constant";
  }
  return "?";
}

namespace detail {

void* Arena::allocate(std::size_t bytes, std::size_t alignment) {
  for (;; ++chunk_, used_ = 0) {
    if (chunk_ == chunks_.size()) {
      constexpr std::size_t least = std::size_t{1} << 16;
      const std::size_t size = std::max(least, bytes + alignment);
      chunks_.push_back({std::make_unique<std::byte[]>(size), size});
    }
    Chunk& chunk = chunks_[chunk_];
    void* place = chunk.bytes.get() + used_;
    std::size_t space = chunk.size - used_;
    if (std::align(alignment, bytes, place, space) != nullptr) {
      used_ = chunk.size - space + bytes;
      return place;
    }
  }
}

void Arena::on_rewind(void (*destroy)(const void*), const void* object) { destructors_.push_back({destroy, object}); }

void Arena::rewind() {
  for (auto d = destructors_.rbegin(); d != destructors_.rend(); ++d) d->destroy(d->object);
  destructors_.clear();
  chunk_ = 0;
  used_ = 0;
}

void* arena_allocate(Arena& arena, std::size_t bytes, std::size_t alignment) {
  return arena.allocate(bytes, alignment);
}
void arena_on_rewind(Arena& arena, void (*destroy)(const void*), const void* object) {
  arena.on_rewind(destroy, object);
}

namespace {
struct Retired {
  std::mutex mutex;
  std::vector<TapeState*> states;
};
Retired& retired() {
  static Retired* const list = new Retired;  // never destroyed: tapes with static life may outlast any static object
  return *list;
}
}  // namespace

TapeState* TapeState::acquire(Tape* tape) {
  Retired& list = retired();
  TapeState* state = nullptr;
  {
    const std::lock_guard lock(list.mutex);
    if (!list.states.empty()) {
      state = list.states.back();
      list.states.pop_back();
    }
  }
  if (state == nullptr) state = new TapeState;
  state->tape = tape;
  state->recording = true;
  state->outline = false;
  return state;
}

void TapeState::release(TapeState* state) noexcept {
  state->rewind();
  state->tape = nullptr;
  state->chunks.clear();
  state->arena = Arena();
  state->labels.clear();
  state->adjoints = {};
  state->marks = {};
  Retired& list = retired();
  const std::lock_guard lock(list.mutex);
  list.states.push_back(state);
}

NodeId TapeState::append(Node&& node_) {
  if (size == chunks.size() * chunk_size) chunks.push_back(std::make_unique<Node[]>(chunk_size));
  const auto id = static_cast<NodeId>(size++);
  node(id) = std::move(node_);
  return id;
}

void TapeState::rewind() noexcept {
  // Last to first: storage returns to the pool in the reverse of the order in which the next step takes it.
  for (std::size_t id = size; id-- > 0;) node(static_cast<NodeId>(id)).value = Tensor();
  size = 0;
  arena.rewind();
  ++generation;
}

std::string_view TapeState::intern(std::string_view label) {
  if (label.empty()) return {};
  auto found = labels.find(label);
  if (found == labels.end()) found = labels.emplace(label).first;
  return *found;
}

void TapeState::throw_gone(const Var& var) {
  if (var.tape_->tape == nullptr)
    throw UsageError("[tape] a Var was used whose tape has been released; keep the Tape alive as long as its Vars");
  throw UsageError(
      "[tape] a Var was used that was made before its tape was rewound (or whose tape has been released); "
      "make it again after Tape::rewind(), or keep a plain copy with detached()");
}

namespace {

[[noreturn]] void throw_two_tapes(const Primitive& op, Where where) {
  throw UsageError(cat('[', op.info().name, "] at ", where,
                       ": operands lie on two different tapes; record everything of one computation on one tape, or "
                       "pass the other value as detached()"));
}

[[noreturn]] void throw_undefined(const Primitive& op, std::size_t index, Where where) {
  throw UsageError(
      cat('[', op.info().name, "] at ", where, ": operand ", index, " is an undefined Var; give it a value first"));
}

// Small arrays of operands live on the stack.
template <class T, std::size_t inline_size = 8>
class OperandArray {
 public:
  explicit OperandArray(std::size_t size) : size_(size) {
    if (size > inline_size) heap_ = std::make_unique<T[]>(size);
  }
  T* data() { return heap_ ? heap_.get() : inline_; }
  T& operator[](std::size_t i) { return data()[i]; }
  std::span<const T> span() { return {data(), size_}; }

 private:
  T inline_[inline_size];
  std::unique_ptr<T[]> heap_;
  std::size_t size_;
};

}  // namespace

Var record(const Primitive& op, Cloner clone, std::span<const Var* const> operands, Where where) {
  TapeState* state = nullptr;
  bool tracked = false;
  OperandArray<const Tensor*> values(operands.size());
  for (std::size_t i = 0; i < operands.size(); ++i) {
    const Var& operand = *operands[i];
    if (!operand.defined()) throw_undefined(op, i, where);
    values[i] = &operand.value();
    if (TapeState* const its = TapeState::of(operand); its != nullptr) {
      if (state != nullptr && state != its) throw_two_tapes(op, where);
      state = its;
      tracked = tracked || its->node(operand.id()).tracked;
    }
  }
  const Operands in(values.span());
  const TensorType type = located(where, [&] { return op.infer(in); });
  const bool computed = state == nullptr || !state->outline || !tracked;
  Tensor out = computed ? op.forward(in, type) : Tensor::uninitialised(type);
  if (state == nullptr || !state->recording) return Var(std::move(out));

  auto* const ids = static_cast<NodeId*>(
      state->arena.allocate(std::max<std::size_t>(1, operands.size()) * sizeof(NodeId), alignof(NodeId)));
  for (std::size_t i = 0; i < operands.size(); ++i) {
    const Var& operand = *operands[i];
    if (operand.on_tape()) {
      ids[i] = operand.id();
    } else {
      Node leaf;
      leaf.leaf = Leaf::constant;
      leaf.value = operand.value();
      leaf.where = where;
      ids[i] = state->append(std::move(leaf));
    }
  }
  Node node;
  node.op = clone(state->arena, op);
  node.operand_ids = ids;
  node.operand_count = static_cast<std::uint32_t>(operands.size());
  node.tracked = tracked;
  node.value = out;
  node.where = where;
  const NodeId id = state->append(std::move(node));
  return state->var_of(std::move(out), id);
}

}  // namespace detail

NodeId Var::id() const {
  if (detail::TapeState::of(*this) == nullptr)
    throw UsageError("[var] this Var is a plain tensor and lies on no tape; make it with Tape::input or parameter");
  return id_;
}

Tape::Tape() : state_(detail::TapeState::acquire(this)) {}
Tape::~Tape() { detail::TapeState::release(state_); }

namespace {
Node leaf_node(Leaf kind, Tensor value, std::string_view label, Where where) {
  if (!value.defined())
    throw UsageError(cat("[tape] at ", where, ": a leaf needs a defined tensor, e.g. Tensor::zeros(shape, dtype)"));
  Node node;
  node.leaf = kind;
  node.tracked = kind != Leaf::constant;
  node.value = std::move(value);
  node.label = label;
  node.where = where;
  return node;
}
}  // namespace

Var Tape::input(Tensor value, std::string_view label, Where where) {
  return var(state_->append(leaf_node(Leaf::input, std::move(value), state_->intern(label), where)));
}
Var Tape::parameter(Tensor value, std::string_view label, Where where) {
  return var(state_->append(leaf_node(Leaf::parameter, std::move(value), state_->intern(label), where)));
}
Var Tape::constant(Tensor value, std::string_view label, Where where) {
  return var(state_->append(leaf_node(Leaf::constant, std::move(value), state_->intern(label), where)));
}

void Tape::rewind() { state_->rewind(); }
std::uint32_t Tape::generation() const { return state_->generation; }
std::size_t Tape::size() const { return state_->size; }

const Node& Tape::node(NodeId id) const {
  if (id >= state_->size)
    throw UsageError(cat("[tape] there is no node ", id, "; the tape has ", state_->size, " nodes"));
  return state_->node(id);
}

Var Tape::var(NodeId id) const { return state_->var_of(node(id).value, id); }
bool Tape::recording() const { return state_->recording; }
bool Tape::owns(const Var& var) const { return detail::TapeState::of(var) == state_; }

Tape* Tape::of(const Var& var) {
  const detail::TapeState* const state = detail::TapeState::of(var);
  return state != nullptr ? state->tape : nullptr;
}

Outline::Outline(Tape& tape) : state_(detail::TapeState::of(tape)), before_(state_.outline) { state_.outline = true; }
Outline::~Outline() { state_.outline = before_; }

Tape::Pause::Pause(Tape& tape) : tape_(tape), before_(tape.state_->recording) { tape_.state_->recording = false; }
Tape::Pause::~Pause() { tape_.state_->recording = before_; }

}  // namespace taut
