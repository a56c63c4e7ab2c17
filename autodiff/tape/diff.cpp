#include "autodiff/diff.h"

#include <algorithm>

#include "autodiff/error.h"
#include "autodiff/kernels/elementwise.h"
#include "autodiff/ops.h"
#include "autodiff/tape/tape_state.h"

namespace taut {
namespace detail {

// One pass over a tape, in either direction. Scratch is borrowed from the tape and given back, so that warm sweeps
// allocate nothing and a sweep inside a sweep has its own.
class Sweep {
 public:
  Sweep(TapeState& state, std::span<const Var> wrt, NodeId last, DiffOptions options)
      : state_(state), options_(options), first_(last), last_(last) {
    values_.swap(state.adjoints);
    marks_.swap(state.marks);
    for (const Var& v : wrt) first_ = std::min(first_, v.id());
    values_.resize(last + 1 - first_);
    marks_.assign(last + 1 - first_, 0);
    for (const Var& v : wrt)
      if (v.id() <= last) mark(v.id()) |= depends | target;
    for (NodeId id = first_; id <= last; ++id) {
      const Node& node = state.node(id);
      for (const NodeId operand : node.operands())
        if (operand >= first_ && (mark(operand) & depends) != 0) mark(id) |= depends;
    }
    recording_before_ = state.recording;
    if (!options.create_graph) state.recording = false;
  }
  ~Sweep() {
    state_.recording = recording_before_;
    values_.clear();
    values_.swap(state_.adjoints);
    marks_.swap(state_.marks);
  }
  Sweep(const Sweep&) = delete;
  Sweep& operator=(const Sweep&) = delete;

  void reverse(const Var& cotangent);
  void forward(std::span<const Var> wrt, std::span<const Var> tangents);
  // Cotangent or tangent of a node after a pass; undefined where nothing arrived.
  Var result(NodeId id) const { return reaches(id) ? values_[id - first_] : Var(); }
  bool reaches(NodeId id) const { return id >= first_ && id <= last_ && (marks_[id - first_] & depends) != 0; }

 private:
  class Reverse;
  class Forward;
  static constexpr std::uint8_t depends = 1;  // on one of wrt
  static constexpr std::uint8_t target = 2;   // is one of wrt

  std::uint8_t& mark(NodeId id) { return marks_[id - first_]; }
  Var& value(NodeId id) { return values_[id - first_]; }
  // A node's value as the rules see it: attached in a differentiable sweep, else a plain tensor.
  Var seen(NodeId id) const {
    const Tensor& tensor = state_.node(id).value;
    return options_.create_graph ? state_.var_of(tensor, id) : Var(tensor);
  }
  void accumulate(Var& sum, Var&& contribution) const {
    if (!sum.defined()) {
      sum = std::move(contribution);
    } else if (!options_.create_graph && sum.value_.unique()) {
      kernels::add_in_place(sum.value_, contribution.value_);
    } else {
      sum = add(sum, contribution);
    }
  }

  TapeState& state_;
  DiffOptions options_;
  NodeId first_, last_;
  std::vector<Var> values_;  // cotangents or tangents of nodes first_ to last_
  std::vector<std::uint8_t> marks_;
  bool recording_before_ = true;
};

class Sweep::Reverse final : public VjpSite {
 public:
  Reverse(Sweep& sweep, NodeId id, const Var& cotangent)
      : sweep_(sweep), id_(id), node_(sweep.state_.node(id)), cotangent_(cotangent) {}
  int arity() const override { return static_cast<int>(node_.operand_count); }
  Var in(int i) const override { return sweep_.seen(node_.operand_ids[i]); }
  Var out() const override { return sweep_.seen(id_); }
  const Var& cotangent() const override { return cotangent_; }
  bool wanted(int i) const override { return sweep_.reaches(node_.operand_ids[i]); }
  void add(int i, Var contribution) override {
    if (wanted(i)) sweep_.accumulate(sweep_.value(node_.operand_ids[i]), std::move(contribution));
  }

 private:
  Sweep& sweep_;
  NodeId id_;
  const Node& node_;
  const Var& cotangent_;
};

class Sweep::Forward final : public JvpSite {
 public:
  Forward(Sweep& sweep, NodeId id) : sweep_(sweep), id_(id), node_(sweep.state_.node(id)) {}
  int arity() const override { return static_cast<int>(node_.operand_count); }
  Var in(int i) const override { return sweep_.seen(node_.operand_ids[i]); }
  Var out() const override { return sweep_.seen(id_); }
  const Var* tangent(int i) const override {
    const NodeId operand = node_.operand_ids[i];
    if (!sweep_.reaches(operand)) return nullptr;
    const Var& t = sweep_.value(operand);
    return t.defined() ? &t : nullptr;
  }

 private:
  Sweep& sweep_;
  NodeId id_;
  const Node& node_;
};

void Sweep::reverse(const Var& cotangent) {
  if (!reaches(last_)) return;
  value(last_) = cotangent;
  for (NodeId id = last_ + 1; id-- > first_;) {
    if (!reaches(id) || !value(id).defined()) continue;
    const Node& node = state_.node(id);
    if (node.op == nullptr) continue;
    // A target keeps its cotangent as a result; any other one is dead after its rule has run.
    const Var mine = (mark(id) & target) != 0 ? value(id) : std::move(value(id));
    Reverse site(*this, id, mine);
    node.op->vjp(site);
  }
}

void Sweep::forward(std::span<const Var> wrt, std::span<const Var> tangents) {
  for (std::size_t i = 0; i < wrt.size(); ++i)
    if (wrt[i].id() <= last_) accumulate(value(wrt[i].id()), Var(tangents[i]));
  for (NodeId id = first_; id <= last_; ++id) {
    const Node& node = state_.node(id);
    if (!reaches(id) || node.op == nullptr) continue;
    const Forward site(*this, id);
    bool moves = false;
    for (int i = 0; i < site.arity(); ++i) moves = moves || site.tangent(i) != nullptr;
    if (moves) accumulate(value(id), node.op->jvp(site));
  }
}

}  // namespace detail

namespace {

using detail::TapeState;

Var zeros_like(const Var& x) { return Var(Tensor::zeros(x.shape(), x.dtype())); }

void require_type(const char* op, const char* what, const Var& given, const Var& like) {
  if (!given.defined()) throw UsageError(cat('[', op, "] the ", what, " is an undefined Var; give it a value"));
  if (given.dtype() != like.dtype())
    throw DTypeError(cat('[', op, "] the ", what, " is ", given.dtype(), " but the value is ", like.dtype(),
                         "; convert it with to()"));
  if (given.shape() != like.shape())
    throw ShapeError(cat('[', op, "] the ", what, " has shape ", given.shape(), " but the value has ", like.shape(),
                         "; they must be equal"));
}

void require_on(const char* op, TapeState* state, std::span<const Var> wrt) {
  for (const Var& v : wrt) {
    if (!v.defined() || !v.on_tape())
      throw UsageError(cat('[', op,
                           "] a Var to differentiate with respect to lies on no tape; make it with Tape::input or "
                           "Tape::parameter"));
    if (state != nullptr && TapeState::of(v) != state)
      throw UsageError(cat('[', op, "] a Var to differentiate with respect to lies on another tape than the result"));
    if (Tape::of(v)->node(v.id()).leaf == Leaf::constant)
      throw UsageError(cat('[', op,
                           "] a Var to differentiate with respect to is a constant leaf; make it with Tape::input or "
                           "Tape::parameter"));
  }
}

}  // namespace

void vjp(const Var& y, const Var& cotangent, std::span<const Var> wrt, std::span<Var> out, DiffOptions options) {
  if (!y.defined()) throw UsageError("[vjp] the result to differentiate is an undefined Var");
  require_type("vjp", "cotangent", cotangent, y);
  if (out.size() != wrt.size())
    throw UsageError(cat("[vjp] ", wrt.size(), " Vars to differentiate by but room for ", out.size(), " results"));
  TapeState* const state = TapeState::of(y);
  require_on("vjp", state, wrt);
  if (state == nullptr || wrt.empty()) {
    for (std::size_t i = 0; i < wrt.size(); ++i) out[i] = zeros_like(wrt[i]);
    return;
  }
  detail::Sweep sweep(*state, wrt, y.id(), options);
  sweep.reverse(options.create_graph ? cotangent : cotangent.detached());
  for (std::size_t i = 0; i < wrt.size(); ++i) {
    out[i] = sweep.result(wrt[i].id());
    if (!out[i].defined()) out[i] = zeros_like(wrt[i]);
  }
}

Var vjp(const Var& y, const Var& cotangent, const Var& wrt, DiffOptions options) {
  Var out;
  vjp(y, cotangent, {&wrt, 1}, {&out, 1}, options);
  return out;
}

void grad(const Var& y, std::span<const Var> wrt, std::span<Var> out, DiffOptions options) {
  if (!y.defined()) throw UsageError("[grad] the result to differentiate is an undefined Var");
  if (y.shape().size() != 1)
    throw ShapeError(cat("[grad] needs a result of one element, got shape ", y.shape(),
                         "; reduce it with sum or mean, or use vjp with a cotangent"));
  vjp(y, Var(Tensor::full(y.shape(), y.dtype(), 1.0)), wrt, out, options);
}

std::vector<Var> grad(const Var& y, std::span<const Var> wrt, DiffOptions options) {
  std::vector<Var> out(wrt.size());
  grad(y, wrt, out, options);
  return out;
}

Var grad(const Var& y, const Var& wrt, DiffOptions options) {
  Var out;
  grad(y, {&wrt, 1}, {&out, 1}, options);
  return out;
}

Var jvp(const Var& y, std::span<const Var> wrt, std::span<const Var> tangents, DiffOptions options) {
  if (!y.defined()) throw UsageError("[jvp] the result to differentiate is an undefined Var");
  if (tangents.size() != wrt.size())
    throw UsageError(cat("[jvp] ", wrt.size(), " Vars to differentiate by but ", tangents.size(), " tangents"));
  TapeState* const state = TapeState::of(y);
  require_on("jvp", state, wrt);
  for (std::size_t i = 0; i < wrt.size(); ++i) require_type("jvp", "tangent", tangents[i], wrt[i]);
  if (state == nullptr || wrt.empty()) return zeros_like(y);
  detail::Sweep sweep(*state, wrt, y.id(), options);
  sweep.forward(wrt, tangents);
  const Var tangent = sweep.result(y.id());
  return tangent.defined() ? tangent : zeros_like(y);
}

Var jvp(const Var& y, const Var& wrt, const Var& tangent, DiffOptions options) {
  return jvp(y, std::span(&wrt, 1), std::span(&tangent, 1), options);
}

std::pair<Tensor, Tensor> value_and_grad(const Function& f, const Tensor& x) {
  Tape tape;
  const Var in = tape.input(x, "x");
  const Var y = f(in);
  return {y.value(), grad(y, in).value()};
}

Tensor grad(const Function& f, const Tensor& x) { return value_and_grad(f, x).second; }

Tensor vjp(const Function& f, const Tensor& x, const Tensor& cotangent) {
  Tape tape;
  const Var in = tape.input(x, "x");
  return vjp(f(in), Var(cotangent), in).value();
}

Tensor jvp(const Function& f, const Tensor& x, const Tensor& tangent) {
  Tape tape;
  const Var in = tape.input(x, "x");
  return jvp(f(in), in, Var(tangent)).value();
}

Tensor jacobian(const Function& f, const Tensor& x) {
  Tape tape;
  const Var in = tape.input(x, "x");
  const Var y = f(in);
  const auto rows = static_cast<std::size_t>(y.value().size());
  const auto columns = static_cast<std::size_t>(x.size());
  Tensor result = Tensor::zeros(Shape{y.value().size(), x.size()}, x.dtype());
  dispatch(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const auto entries = result.mutable_data<T>();
    const bool by_rows = rows <= columns;
    const Tensor& seed_like = by_rows ? y.value() : x;
    for (std::size_t i = 0; i < std::min(rows, columns); ++i) {
      Tensor seed = Tensor::zeros(seed_like.shape(), seed_like.dtype());
      seed.mutable_data<T>()[i] = T{1};
      const Var line = by_rows ? vjp(y, Var(std::move(seed)), in) : jvp(y, in, Var(std::move(seed)));
      const auto numbers = line.value().data<T>();
      for (std::size_t j = 0; j < numbers.size(); ++j)
        entries[by_rows ? i * columns + j : j * columns + i] = numbers[j];
    }
  });
  return result;
}

Tensor hvp(const Function& f, const Tensor& x, const Tensor& v) {
  Tape tape;
  const Var in = tape.input(x, "x");
  const Var gradient = grad(f(in), in, {.create_graph = true});
  return jvp(gradient, in, Var(v)).value();
}

}  // namespace taut
