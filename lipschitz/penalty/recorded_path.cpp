// What lies between a sample and an output on a tape, and its steps as linear maps.
#include "autodiff/error.h"
#include "autodiff/ops.h"
#include "lipschitz/penalty/penalty_plan.h"

namespace taut::detail {
namespace {

constexpr std::size_t most_operands = 32;  // operands that the mask of a rule can name

}  // namespace

void RecordedPath::follow(const Var& output, const Var& sample) {
  tape_ = Tape::of(output);
  if (tape_ == nullptr || Tape::of(sample) != tape_)
    throw UsageError(cat('[', penalty_,
                         "] the output and the sample must lie on one tape; record net(tape.constant(sample)) and pass "
                         "what the tape gave"));
  first_ = sample.id();
  last_ = output.id();
  const std::size_t count = last_ >= first_ ? last_ - first_ + std::size_t{1} : 0;
  // Reached from the sample, then of those what the output needs.
  numbers_.assign(count, -1);
  if (count > 0) numbers_[0] = 0;
  for (NodeId id = first_; id <= last_; ++id)
    for (const NodeId operand : tape_->node(id).operands())
      if (number(operand) >= 0) numbers_[id - first_] = 0;
  if (count < 2 || number(last_) < 0)
    throw UsageError(cat('[', penalty_,
                         "] the output does not depend on the sample through any operation; record "
                         "net(x) on the tape of x and pass both"));
  needed_.assign(count, false);
  needed_.back() = true;
  for (NodeId id = last_ + 1; id-- > first_;)
    if (needed_[id - first_])
      for (const NodeId operand : tape_->node(id).operands())
        if (number(operand) >= 0) needed_[operand - first_] = true;
  ids_.clear();
  for (NodeId id = first_; id <= last_; ++id) {
    const bool belongs = number(id) >= 0 && needed_[id - first_];
    numbers_[id - first_] = belongs ? static_cast<int>(ids_.size()) : -1;
    if (belongs) ids_.push_back(id);
  }
}

bool RecordedPath::trained_operand(std::size_t k, int i) const {
  return operand(k, i) < 0 && tape_->node(node(k).operand_ids[i]).tracked;
}

Rule RecordedPath::rule(std::size_t k) const {
  const Node& n = node(k);
  std::vector<const Tensor*> values;
  std::uint32_t varying = 0;
  for (std::size_t i = 0; i < n.operand_count; ++i) {
    values.push_back(&tape_->node(n.operand_ids[i]).value);
    if (operand(k, static_cast<int>(i)) < 0) continue;
    if (i >= most_operands)
      throw UnsupportedError(cat('[', penalty_, "] operations of at most ", most_operands, " operands are analysed; ",
                                 describe(k), " has ", n.operand_count, "; split it into several"));
    varying |= std::uint32_t{1} << i;
  }
  return n.op->lipschitz({Operands(values), n.value, varying, {}});
}

std::string RecordedPath::describe(std::size_t k) const {
  return cat("node ", ids_[k], " (", node(k).name(), ", ", node(k).where, ")");
}

namespace {

class StepJvp final : public JvpSite {
 public:
  StepJvp(const RecordedPath& path, LinearStep step, const Var& t, bool recorded)
      : path_(path), node_(path.node(step.node)), step_(step), t_(t), recorded_(recorded) {}
  int arity() const override { return static_cast<int>(node_.operand_count); }
  Var in(int i) const override { return seen(node_.operand_ids[i]); }
  Var out() const override { return Var(node_.value); }
  const Var* tangent(int i) const override { return i == step_.operand ? &t_ : nullptr; }

 private:
  Var seen(NodeId id) const { return recorded_ ? path_.var(id) : path_.var(id).detached(); }
  const RecordedPath& path_;
  const Node& node_;
  LinearStep step_;
  const Var& t_;
  bool recorded_;
};

class StepVjp final : public VjpSite {
 public:
  StepVjp(const RecordedPath& path, LinearStep step, const Var& c)
      : path_(path), node_(path.node(step.node)), step_(step), c_(c) {}
  int arity() const override { return static_cast<int>(node_.operand_count); }
  Var in(int i) const override { return path_.var(node_.operand_ids[i]).detached(); }
  Var out() const override { return Var(node_.value); }
  const Var& cotangent() const override { return c_; }
  bool wanted(int i) const override { return i == step_.operand; }
  void add(int i, Var contribution) override {
    if (wanted(i)) total = total.defined() ? taut::add(total, contribution) : std::move(contribution);
  }
  Var total;

 private:
  const RecordedPath& path_;
  const Node& node_;
  LinearStep step_;
  const Var& c_;
};

}  // namespace

Var apply(const RecordedPath& path, LinearStep step, const Var& t, bool recorded) {
  return path.node(step.node).op->jvp(StepJvp(path, step, t, recorded));
}

Var apply_transpose(const RecordedPath& path, LinearStep step, const Var& c) {
  StepVjp site(path, step, c);
  path.node(step.node).op->vjp(site);
  return site.total;
}

}  // namespace taut::detail
