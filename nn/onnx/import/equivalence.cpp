#include "nn/onnx/import/equivalence.h"

#include <algorithm>
#include <boost/random/mersenne_twister.hpp>
#include <boost/random/uniform_int_distribution.hpp>
#include <boost/random/uniform_real_distribution.hpp>
#include <cmath>
#include <functional>
#include <map>

#include "autodiff/error.h"
#include "lipschitz/graph.h"
#include "nn/onnx/import/environment.h"
#include "nn/onnx/import/patterns.h"

namespace taut::nn::onnx {
namespace {

// An operator that patterns are made of, and every attribute whose meaning the import knows.
struct Understood {
  bool elementwise = false;
  std::set<std::string_view> attributes = {};
};
const Understood* understood_operator(std::string_view op) {
  const Understood each{true}, broadcasting{true, {"broadcast"}},
      reduction{false, {"axes", "keepdims", "noop_with_empty_axes"}},
      convolution{false, {"dilations", "group", "kernel_shape", "pads", "strides"}};
  static const std::map<std::string_view, Understood> table{
      {"Abs", each},
      {"Add", broadcasting},
      {"Cast", {true, {"to", "saturate"}}},
      {"Clip", {true, {"max", "min"}}},
      {"Conv", convolution},
      {"ConvTranspose", convolution},
      {"Div", broadcasting},
      {"Erf", each},
      {"Exp", each},
      {"Expand", {}},
      {"Greater", broadcasting},
      {"GreaterOrEqual", each},
      {"HardSigmoid", {true, {"alpha", "beta"}}},
      {"Identity", each},
      {"Less", broadcasting},
      {"LessOrEqual", each},
      {"Log", each},
      {"MatMul", {}},
      {"Max", each},
      {"Min", each},
      {"Mul", broadcasting},
      {"Neg", each},
      {"Not", each},
      {"Pow", broadcasting},
      {"Reciprocal", each},
      {"ReduceL2", reduction},
      {"ReduceMax", reduction},
      {"ReduceMean", reduction},
      {"ReduceSum", reduction},
      {"Relu", each},
      {"Sigmoid", each},
      {"Sign", each},
      {"Softmax", {false, {"axis"}}},
      {"Softplus", each},
      {"Sqrt", each},
      {"Sub", broadcasting},
      {"Tanh", each},
      {"Transpose", {false, {"perm"}}},
      {"Where", each},
  };
  const auto found = table.find(op);
  return found != table.end() ? &found->second : nullptr;
}

// Of the points at which values are compared: numbers of the size of one, at which all of these functions bend; few
// numbers, so that there are zeros and equal ones; large ones; and small ones, beside which an eps is seen.
struct Points {
  double scale;
  bool whole = false;   // −2, …, 2 times the scale
  bool decide = false;  // enclosures must be narrow enough to tell functions apart
};
constexpr Points kinds_of_points[] = {{3.0, false, true}, {1.0, true, true}, {40.0}, {1e-2}, {1e-5}};
// The widest enclosure that tells, relative to the largest value: well above what nominal constants leave open.
constexpr double narrow = 1e-5;

template <class Engine>
Tensor point(const Shape& shape, const Points& kind, Engine& engine) {
  Tensor x = Tensor::uninitialised(shape, DType::f64);
  for (double& e : x.mutable_data<double>())
    e = kind.whole ? kind.scale * boost::random::uniform_int_distribution<int>(-2, 2)(engine)
                   : boost::random::uniform_real_distribution<double>(-kind.scale, kind.scale)(engine);
  return x;
}

// The axes of x along which a constant operand of an operator has entries of its own.
std::set<int> axes_of(std::string_view op, const Shape& constant, const Shape& x) {
  if (op == "MatMul" || (op == "ConvexStep" && constant.rank() == 2)) return {x.rank() - 1};
  if (op == "Conv" || op == "ConvTranspose" || op == "ConvexStep") return {1};
  std::set<int> axes;
  for (int axis = 1; axis <= std::min(constant.rank(), x.rank()); ++axis)
    if (constant[constant.rank() - axis] > 1) axes.insert(x.rank() - axis);
  return axes;
}

double largest_of(const Range& values) {
  double largest = 0.0;
  for (Index i = 0; i < values.shape().size(); ++i) largest = std::max(largest, values.at(i).magnitude());
  return largest;
}
bool meet(const Range& a, const Range& b) {
  if (a.shape() != b.shape()) return false;
  for (Index i = 0; i < a.shape().size(); ++i)
    if (!(a.at(i).lo <= b.at(i).hi && b.at(i).lo <= a.at(i).hi)) return false;
  return true;
}
bool tells(const Range& values) {
  const double largest = largest_of(values), most = narrow * largest;
  if (!std::isfinite(largest)) return false;
  for (Index i = 0; i < values.shape().size(); ++i)
    if (!(values.at(i).hi - values.at(i).lo <= most)) return false;
  return true;
}

}  // namespace

Equivalence::Equivalence(const Program& program, std::vector<Step> written, std::vector<std::vector<Shape>> shapes)
    : program_(program), written_(std::move(written)), shapes_(std::move(shapes)), producer_(program.names_.size()) {
  for (const Step& step : written_)
    for (const int k : step.out)
      if (k >= 0) producer_[static_cast<std::size_t>(k)] = &step;
}

bool Equivalence::operator()(const std::string& output, const GraphNode& replacement) const {
  const std::optional<Part> part = this->part(output, replacement);
  if (!part || !understood(*part)) return false;
  try {
    return std::ranges::all_of(shapes_, [&](const std::vector<Shape>& shapes) {
      return shapes_fit(*part, shapes) && values_meet(*part, shapes[static_cast<std::size_t>(part->argument)]);
    });
  } catch (const Error&) {
    return false;  // outside of what can be computed nothing is proved
  }
}

// ---- the part of the graph
// -------------------------------------------------------------------------------------------

bool Equivalence::given(int value) const {
  const auto k = static_cast<std::size_t>(value);
  return program_.exact_[k] != 0 && program_.constants_[k].var.defined();
}

std::optional<std::vector<const Step*>> Equivalence::closure(std::vector<int> values, int argument) const {
  constexpr std::size_t most = 256;  // more than any pattern has
  std::set<const Step*> found;       // by address, that is in the order of computation
  while (!values.empty()) {
    const int value = values.back();
    values.pop_back();
    if (value < 0 || value == argument || given(value)) continue;
    const Step* const step = producer_[static_cast<std::size_t>(value)];
    if (step == nullptr || step->op == nullptr || found.size() >= most) return std::nullopt;
    if (found.insert(step).second) values.insert(values.end(), step->in.begin(), step->in.end());
  }
  return std::vector<const Step*>(found.begin(), found.end());
}

std::optional<Equivalence::Part> Equivalence::part(const std::string& output, const GraphNode& replacement) const {
  Part part;
  part.value = program_.id(output);
  Step& step = part.replacement;
  step.node = replacement;
  step.node.domain = recognised_domain;
  step.node.outputs = {output};
  step.op = find_operator(recognised_domain, replacement.op);
  step.out = {part.value};
  std::vector<int> constants;
  for (const std::string& name : replacement.inputs) {
    const int k = program_.id(name);
    const bool constant = k < 0 || program_.constants_[static_cast<std::size_t>(k)].var.defined();
    step.in.push_back(k);
    step.in_varies.push_back(constant ? 0 : 1);
    step.in_fixed.push_back(constant ? 1 : 0);
    if (constant) {
      constants.push_back(k);
      continue;
    }
    if (part.argument >= 0 && part.argument != k) return std::nullopt;
    part.argument = k;
  }
  if (part.argument < 0 || step.op == nullptr) return std::nullopt;
  auto steps = closure({part.value}, part.argument), needed = closure(std::move(constants), part.argument);
  if (!steps || !needed) return std::nullopt;
  part.steps = std::move(*steps);
  part.constants = std::move(*needed);
  part.dependent.insert(part.argument);
  for (const Step* const s : part.steps)
    if (s->op->kind != Kind::shapes && std::ranges::any_of(s->in, [&](int k) { return part.dependent.contains(k); }))
      part.dependent.insert(s->out.begin(), s->out.end());
  return part;
}

bool Equivalence::understood(const Part& part) const {
  for (const Step* const step : part.steps) {
    if (step->out.empty() || !part.dependent.contains(step->out.front())) continue;
    const Understood* const known = step->node.domain.empty() ? understood_operator(step->node.op) : nullptr;
    if (known == nullptr) return false;
    for (const auto& [name, value] : step->node.attributes)
      if (!known->attributes.contains(name)) return false;
  }
  return true;
}

// ---- shapes
// ----------------------------------------------------------------------------------------------------------

bool Equivalence::shapes_fit(const Part& part, const std::vector<Shape>& shapes) const {
  const auto of = [&](int k) { return shapes[static_cast<std::size_t>(k)]; };
  for (const Step* const step : part.steps) {
    if (step->out.empty() || !part.dependent.contains(step->out.front())) continue;
    if (!understood_operator(step->node.op)->elementwise) continue;
    const bool kept = std::ranges::any_of(
        step->in, [&](int k) { return part.dependent.contains(k) && of(k) == of(step->out.front()); });
    if (!kept) return false;
  }
  std::vector<const Step*> steps = part.constants;
  steps.push_back(&part.replacement);
  return run(steps, part, Tensor::zeros(of(part.argument), DType::f64), nullptr).shape() == of(part.value);
}

// ---- values
// ----------------------------------------------------------------------------------------------------------

Var Equivalence::run(const std::vector<const Step*>& steps, const Part& part, const Tensor& x, Tape* tape) const {
  Context context = program_.context_;
  context.dtype = DType::f64;
  context.batch = 1;
  context.at_a_point = true;
  Program::Env env(program_, tape, DType::f64);
  env.set(part.argument, {tape != nullptr ? tape->input(x) : Var(x), ElementType::f64});
  for (const Step* const step : steps) {
    std::vector<Value> values = program_.execute(*step, context, env);
    for (std::size_t i = 0; i < step->out.size(); ++i)
      if (step->out[i] >= 0 && values[i].var.defined()) env.set(step->out[i], std::move(values[i]));
  }
  return env.at(part.value).var;
}

// An axis along which no constant of the part has entries of its own is as good as a short one.
Shape Equivalence::representative(const Part& part, const Shape& shape) const {
  constexpr Index enough = 3;
  std::set<int> bound;
  const auto look_at = [&](const Step& step) {
    for (const int k : step.in) {
      if (k < 0 || part.dependent.contains(k)) continue;
      const Value& value = program_.constants_[static_cast<std::size_t>(k)];
      if (value.var.defined() && is_float(value.type)) bound.merge(axes_of(step.node.op, value.var.shape(), shape));
    }
  };
  for (const Step* const step : part.steps) look_at(*step);
  look_at(part.replacement);
  Shape small = shape;
  for (int axis = 0; axis < shape.rank(); ++axis)
    if (!bound.contains(axis)) small = small.with(axis, std::min(enough, shape[axis]));
  return small;
}

bool Equivalence::values_meet(const Part& part, const Shape& shape) const {
  const Shape small = representative(part, shape);
  if (small == shape) return values_meet_on(part, shape);
  // Sizes that are written down in the file may forbid another one.
  try {
    if (values_meet_on(part, small)) return true;
  } catch (const Error&) {
  }
  return values_meet_on(part, shape);
}

bool Equivalence::values_meet_on(const Part& part, const Shape& shape) const {
  std::vector<const Step*> replaced = part.constants;
  replaced.push_back(&part.replacement);
  boost::random::mt19937_64 engine(14);
  for (const Points& kind : kinds_of_points) {
    const Tensor x = point(shape, kind, engine);
    const Range written = enclosures(part.steps, part, x), other = enclosures(replaced, part, x);
    if (!meet(written, other) || (kind.decide && !(tells(written) && tells(other)))) return false;
  }
  return true;
}

Range Equivalence::enclosures(const std::vector<const Step*>& steps, const Part& part, const Tensor& x) const {
  Tape tape;
  const Var y = run(steps, part, x, &tape);
  const Graph graph(y, "recognise");
  const Range of_input = Range::point(x);
  return graph.ranges(std::span(&of_input, 1))[y.id()];
}

}  // namespace taut::nn::onnx
