#include "nn/onnx/import/samples.h"

#include <algorithm>

#include "autodiff/error.h"
#include "nn/onnx/import/arithmetic.h"

namespace taut::nn::onnx {
namespace {

// Are all slices along an axis equal, number for number?
bool repeats_along(const Tensor& t, int axis) {
  const Index outer = t.shape().product(0, axis), n = t.shape()[axis],
              inner = t.shape().product(axis + 1, t.shape().rank());
  for (Index o = 0; o < outer; ++o)
    for (Index i = 1; i < n; ++i)
      for (Index k = 0; k < inner; ++k)
        if (!(t.at((o * n + i) * inner + k) == t.at(o * n * inner + k))) return false;
  return true;
}

// An axis by its place from either end: operands of one operation are aligned at the front (Concat) or at the end
// (broadcasting).
struct Place {
  bool from_end = false;
  int steps = 0;
  // In this shape, if it holds n numbers there; else no_sample_axis.
  int in(const Shape& shape, Index n) const {
    const int axis = from_end ? shape.rank() - 1 - steps : steps;
    return axis >= 0 && axis < shape.rank() && shape[axis] == n ? axis : no_sample_axis;
  }
  friend bool operator==(const Place&, const Place&) = default;
};

class Proof {
 public:
  Proof(Program& program, Index samples) : program_(program), samples_(samples) {}

  Separation run(std::span<const int> axes) {
    std::size_t next = 0;
    for (const int input : program_.inputs())
      if (program_.constant(input) == nullptr) program_.set_sample_axis(input, axes[next++]);
    Separation result{true, true, ""};
    for (Step& step : program_.steps()) {
      if (!step.varies) continue;
      if (std::string why = follow(step); !why.empty()) return {false, false, cat(program_.describe(step), " ", why)};
      result.in_batches = result.in_batches && several(step);
    }
    for (const int output : program_.outputs())
      if (program_.sample_axis(output) == mixes_samples)
        return {false, false, "an output is not known to consist of samples"};
    return result;
  }

 private:
  // Finds where samples lie in the results of a step; otherwise says what it does instead.
  std::string follow(Step& step) {
    for (std::size_t i = 0; i < step.in.size(); ++i)
      if (step.in[i] >= 0 && step.in_varies[i] != 0 && program_.sample_axis(step.in[i]) < 0)
        return "uses a value that is not known to consist of samples";
    std::string first;
    for (const std::optional<Place>& place : likely_places(step))
      for (const int axis : likely_axes(step)) {
        if (axis != no_sample_axis) program_.set_sample_axis(step.out.front(), axis);
        const std::string why = attempt(step, place);
        if (why.empty()) return "";
        if (first.empty()) first = why;
      }
    return first;
  }

  // Of one sample, a result of a given shape may hold it along any axis of length 1; what is right shows when it is
  // followed. Otherwise there is nothing to guess.
  std::vector<int> likely_axes(const Step& step) const {
    if (samples_ > 1 || !program_.has_target_shape(step)) return {no_sample_axis};
    std::vector<int> axes;
    const Shape shape = program_.shape(step.out.front());
    for (int axis = 0; axis < shape.rank(); ++axis)
      if (shape[axis] == 1) axes.push_back(axis);
    return axes;
  }

  // Where constants may hold a slice for every sample; first of all nowhere.
  std::vector<std::optional<Place>> likely_places(const Step& step) const {
    std::vector<std::optional<Place>> places{std::nullopt};
    for (std::size_t i = 0; i < step.in.size(); ++i) {
      if (step.in[i] < 0 || step.in_varies[i] == 0) continue;
      const int axis = program_.sample_axis(step.in[i]), rank = program_.shape(step.in[i]).rank();
      for (const Place place : {Place{false, axis}, Place{true, rank - 1 - axis}})
        if (std::ranges::find(places, place) == places.end()) places.push_back(place);
    }
    return places;
  }

  // With constants that repeat one slice for every sample at a place, or with none.
  std::string attempt(Step& step, const std::optional<Place>& place) {
    step.repeats.assign(step.in.size(), no_sample_axis);
    for (std::size_t i = 0; place && i < step.in.size(); ++i) {
      if (step.in[i] < 0 || step.in_varies[i] != 0) continue;
      step.repeats[i] = repeating_axis(program_.constant(step.in[i])->var.value(), *place, samples_);
    }
    place_ = place;
    try {
      // One sample has nobody to be mixed with; of two it is seen whether they can be computed at once.
      if (std::string why = axes_of_results(step, samples_ > 1 ? as_learned : 2); !why.empty()) return why;
      const bool keeps = samples_ > 1 ? keeps_shapes(step, 1) : keeps_shapes(step, 2) && keeps_shapes(step, 3);
      return keeps ? "" : "has constants that differ between samples";
    } catch (const MemoryError&) {
      return "is too large to be looked at with all samples";
    } catch (const Error&) {
      return "cannot be computed for one sample alone";
    }
  }

  // Does it do with any number of samples what it does with one? Two numbers stand for all.
  bool several(const Step& step) {
    const auto axes = [&] {
      std::vector<int> list;
      for (const int value : step.out) list.push_back(value >= 0 ? program_.sample_axis(value) : no_sample_axis);
      return list;
    };
    const std::vector<int> before = axes();
    bool same = false;
    try {
      same = axes_of_results(step, 2).empty() && axes() == before && keeps_shapes(step, 2) && keeps_shapes(step, 3);
    } catch (const Error&) {
      same = false;
    }
    for (std::size_t i = 0; i < before.size(); ++i)
      if (step.out[i] >= 0) program_.set_sample_axis(step.out[i], before[i]);
    return same;
  }

  static int repeating_axis(const Tensor& t, const Place& place, Index n) {
    const int axis = place.in(t.shape(), n);
    return axis != no_sample_axis && repeats_along(t, axis) ? axis : no_sample_axis;
  }

  // Follows the samples through what the step records.
  std::string axes_of_results(const Step& step, Index samples) {
    const Index n = samples == as_learned ? samples_ : samples;
    Tape tape;
    const Alone alone = program_.run_in_outline(step, tape, samples);
    std::vector<int> axes(tape.size(), no_sample_axis);
    for (const auto& [leaf, value] : alone.inputs) axes[leaf] = program_.sample_axis(value);
    for (NodeId id = 0; id < tape.size(); ++id) axes[id] = axis_of(tape, id, axes, n);
    for (std::size_t i = 0; i < step.out.size(); ++i) {
      if (step.out[i] < 0) continue;
      const Var& result = alone.outputs[i].var;
      const bool seen = result.defined() && result.on_tape() && tape.node(result.id()).tracked;
      const int axis = seen ? axes[result.id()] : mixes_samples;
      const bool holds = axis >= 0 && result.shape()[axis] == n && in_place(step.out[i], axis, samples);
      if (seen && !holds) return "lets one sample depend on another, or treats them differently";
      program_.set_sample_axis(step.out[i], axis);
    }
    return "";
  }

  // Did the axis hold the samples when the shape was learned?
  bool in_place(int value, int axis, Index samples) const {
    if (samples == as_learned) return true;
    const Shape learned = program_.shape(value);
    return axis < learned.rank() && learned[axis] == samples_;
  }

  // Of a node whose operands are known; of inputs it is known already.
  int axis_of(const Tape& tape, NodeId id, const std::vector<int>& axes, Index n) const {
    const Node& node = tape.node(id);
    if (node.leaf == Leaf::input) return axes[id];
    if (node.op == nullptr) return place_ ? repeating_axis(node.value, *place_, n) : no_sample_axis;
    std::vector<int> of_operands;
    std::vector<const Tensor*> values;
    for (const NodeId operand : node.operands()) {
      if (axes[operand] == mixes_samples) return mixes_samples;
      of_operands.push_back(axes[operand]);
      values.push_back(&tape.node(operand).value);
    }
    const int axis = node.op->sample_axis({Operands(values), node.value, of_operands});
    if (axis >= 0 && n > 1 && node.tracked && !treats_alike(node, values, of_operands, axis, n)) return mixes_samples;
    // What does not vary is the same for every sample, however it was computed.
    return node.tracked || axis != mixes_samples ? axis : no_sample_axis;
  }

  // Is it one function of every sample? Not where a condition, or an operand that might hold samples itself, differs
  // along them.
  static bool treats_alike(const Node& node, std::span<const Tensor* const> values, std::vector<int> axes, int axis,
                           Index n) {
    for (const taut::Attribute& attribute : node.op->attributes()) {
      const auto* const t = std::get_if<Tensor>(&attribute.value);
      if (t != nullptr && t->shape() == node.value.shape() && !repeats_along(*t, axis)) return false;
    }
    for (std::size_t k = 0; k < axes.size(); ++k) {
      if (axes[k] != no_sample_axis) continue;
      const Shape& shape = values[k]->shape();
      for (int along = 0; along < shape.rank(); ++along) {
        if (shape[along] != n || repeats_along(*values[k], along)) continue;
        axes[k] = along;
        if (node.op->sample_axis({Operands(values), node.value, axes}) == axis) return false;
      }
      axes[k] = no_sample_axis;
    }
    return true;
  }

  // Does the step give what was learned, with so many samples along the sample axes?
  bool keeps_shapes(const Step& step, Index samples) const {
    Tape tape;
    const Alone alone = program_.run_in_outline(step, tape, samples);
    for (std::size_t i = 0; i < step.out.size(); ++i) {
      if (step.out[i] < 0 || program_.sample_axis(step.out[i]) < 0) continue;
      if (!(alone.outputs[i].var.shape() == program_.shape(step.out[i], samples))) return false;
    }
    return true;
  }

  Program& program_;
  Index samples_;
  std::optional<Place> place_;
};

// What a step sees of a constant: the slice that stands for all samples, or the whole.
Tensor seen(const Program& program, const Step& step, std::size_t operand) {
  const Tensor& t = program.constant(step.in[operand])->var.value();
  const int axis = step.repeats[operand];
  return axis == no_sample_axis ? t : slice(Var(t), axis, 0, 1).value();
}

bool same_step(const Program& a, const Step& of_a, const Program& b, const Step& of_b) {
  if (of_a.line != of_b.line || of_a.op != of_b.op || of_a.in != of_b.in || of_a.out != of_b.out) return false;
  if (of_a.varies != of_b.varies || !of_a.varies) return of_a.varies == of_b.varies;
  if (of_a.repeats != of_b.repeats) return false;
  for (const int value : of_a.out)
    if (value >= 0 && (a.sample_axis(value) != b.sample_axis(value) || !(a.shape(value, 1) == b.shape(value, 1))))
      return false;
  for (std::size_t i = 0; i < of_a.in.size(); ++i) {
    // Constants of the file are the same in both, and where a result has a given shape that has been compared.
    const bool same = of_a.in[i] < 0 || of_a.in_varies[i] != 0 || of_a.in_fixed[i] != 0 ||
                      (a.has_target_shape(of_a) && static_cast<int>(i) == of_a.op->target_shape);
    if (!same && !same_numbers(seen(a, of_a, i), seen(b, of_b, i))) return false;
  }
  return true;
}

}  // namespace

Separation separate(Program& program, std::span<const int> axes, Index samples) {
  return Proof(program, samples).run(axes);
}

std::string difference(const Program& a, const Program& b) {
  if (a.steps().size() != b.steps().size()) return "other nodes are computed with another number of samples";
  for (std::size_t i = 0; i < a.steps().size(); ++i)
    if (!same_step(a, a.steps()[i], b, b.steps()[i]))
      return a.describe(a.steps()[i]) + " computes with numbers that depend on how many samples there are";
  for (std::size_t i = 0; i < a.outputs().size(); ++i)
    if (!(a.shape(a.outputs()[i], 1) == b.shape(b.outputs()[i], 1)))
      return "an output has a size that depends on how many samples there are";
  return "";
}

}  // namespace taut::nn::onnx
