// When decompositions are recognised: once the shapes of everything are known.
#include <algorithm>
#include <cmath>
#include <set>

#include "autodiff/error.h"
#include "lipschitz/graph.h"
#include "nn/onnx/import/environment.h"
#include "nn/onnx/import/equivalence.h"
#include "nn/onnx/import/patterns.h"

namespace taut::nn::onnx {
namespace {

Interval hull_of(const Tensor& numbers) {
  Interval all{infinity, -infinity};
  for (Index i = 0; i < numbers.size(); ++i) {
    const double x = numbers.at(i);
    if (!std::isfinite(x)) return Interval::reals();
    all = hull(all, Interval::point(x));
  }
  return all;
}

}  // namespace

void Program::recognise(std::span<const Value> inputs) {
  const auto known = [&](const std::string& name) -> Known {
    const int k = id(name);
    if (k < 0 || !constants_[static_cast<std::size_t>(k)].var.defined()) return {};
    const Tensor& value = constants_[static_cast<std::size_t>(k)].var.value();
    const bool exact = exact_[static_cast<std::size_t>(k)] != 0;
    return {&value, exact, [this, k, exact, &value] { return exact ? hull_of(value) : enclosure(k); }};
  };
  bool proposed = false;
  std::vector<Step> trial = steps_;
  onnx::recognise(trial, known, [&](const std::string&, const GraphNode&) {
    proposed = true;
    return false;
  });
  if (!proposed) return;

  // Truth values of decompositions may depend on the inputs.
  Context context = context_;
  context.at_a_point = true;
  learn_shapes(inputs, context);
  std::vector<Shape> shapes;
  for (const TypedShape& learned : shapes_) shapes.push_back(learned.shape);
  for (std::size_t k = 0; k < names_.size(); ++k)
    if (constants_[k].var.defined()) shapes[k] = constants_[k].var.shape();
  learned_.clear();
  const Equivalence equivalent(*this, steps_, {std::move(shapes)});
  if (!onnx::recognise(steps_, known, equivalent)) return;
  std::vector<std::string> names;
  for (const int k : outputs_) names.push_back(names_[static_cast<std::size_t>(k)]);
  remove_unused(steps_, names);
  number_values();
  mark(varying_);
}

// Of a constant that is computed in the file, in exact arithmetic: all of its numbers.
Interval Program::enclosure(int value) const {
  Context context = context_;
  context.dtype = DType::f64;
  Tape tape;
  tape.input(Tensor::scalar(0.0, DType::f64));
  Env env(*this, &tape, DType::f64);
  std::set<int> needed{value};
  std::vector<const Step*> steps;
  for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) {
    const bool computes = std::ranges::any_of(
        step->out, [&](int k) { return needed.contains(k) && exact_[static_cast<std::size_t>(k)] == 0; });
    if (!computes) continue;
    needed.insert(step->in.begin(), step->in.end());
    steps.push_back(&*step);
  }
  try {
    for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
      std::vector<Value> values = execute(**step, context, env);
      for (std::size_t i = 0; i < (*step)->out.size(); ++i)
        if ((*step)->out[i] >= 0 && values[i].var.defined()) env.set((*step)->out[i], std::move(values[i]));
    }
    const Var y = env.at(value).var;
    if (!y.on_tape()) return Interval::reals();
    const Graph graph(y, "recognise");
    return graph.ranges({})[y.id()].hull();
  } catch (const Error&) {
    return Interval::reals();
  }
}

}  // namespace taut::nn::onnx
