// From a graph to a program that records it.
// Long: the stages share what is known of the values so far.
#include "nn/onnx/import/program.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "autodiff/error.h"
#include "autodiff/outline.h"
#include "nn/onnx/import/environment.h"
#include "nn/onnx/import/patterns.h"

namespace taut::nn::onnx {
namespace {

// The same kind of error, with the node in front of it, on one line.
template <class E>
[[noreturn]] void with_title(const E& error, const Call& call) {
  std::string text = error.what();
  std::ranges::replace(text, '\n', ' ');
  throw E(text.starts_with(call.title()) ? text : cat(call.title(), ": ", text));
}

void import(const Operator& op, Call& call) {
  try {
    op.import(call);
  } catch (const ShapeError& error) {
    with_title(error, call);
  } catch (const DTypeError& error) {
    with_title(error, call);
  } catch (const DomainError& error) {
    with_title(error, call);
  } catch (const NumericError& error) {
    with_title(error, call);
  } catch (const MemoryError& error) {
    with_title(error, call);
  } catch (const UsageError& error) {
    with_title(error, call);
  } catch (const UnsupportedError& error) {
    with_title(error, call);
  }
}

std::string title_of(const Step& step) {
  const std::string& name =
      !step.node.name.empty() || step.node.outputs.empty() ? step.node.name : step.node.outputs.front();
  return cat("node ", step.line, " '", name.substr(0, 80), "' (", step.node.op.substr(0, 80), ')');
}
std::string title(const std::string& file, const Step& step) { return cat(file, ", ", title_of(step)); }

Tensor whole_numbers(std::span<const Index> numbers) {
  Tensor list = Tensor::uninitialised(Shape{static_cast<Index>(numbers.size())}, DType::f64);
  std::ranges::copy(numbers, list.mutable_data<double>().begin());
  return list;
}

[[noreturn]] void refuse(const std::string& file, const Step& step) {
  const std::string& domain = step.node.domain;
  const std::string_view near = domain.empty() ? nearest_operator(step.node.op) : "";
  throw UnsupportedError(
      cat(title(file, step), ": there is no import for ", domain.empty() ? "" : domain.substr(0, 80) + ".",
          step.node.op.substr(0, 80), near.empty() ? std::string() : cat("; the nearest supported operator is ", near),
          "; export the model with operators of docs/onnx.md, or choose an output before it by --output"));
}

}  // namespace

Program::Program(const GraphData& graph, const std::string& file, std::span<const std::string> inputs,
                 std::span<const std::string> varying, std::span<const std::string> outputs)
    : opsets_(graph.opsets) {
  context_.file = std::make_shared<const std::string>(file);
  if (!opsets_.contains("") && !graph.nodes.empty())
    throw FileError(cat(file, ": the model does not say which version of ONNX's operators it uses (opset_import)"));
  for (const auto& [line, node] : ordered_nodes(graph, file, outputs)) {
    Step step;
    step.node = *node;
    step.line = line;
    step.written_op = node->op;
    step.written_name = node->name.empty() && !node->outputs.empty() ? node->outputs.front() : node->name;
    step.op = node->domain != recognised_domain ? find_operator(node->domain, node->op) : nullptr;
    const auto opset = opsets_.find(node->domain);
    step.opset = opset != opsets_.end() ? opset->second : 1;
    steps_.push_back(std::move(step));
  }
  choose_dtype(graph, inputs);
  collect(graph, inputs, outputs);
  number_values();
  evaluate_constants();
  for (const std::string& name : varying) varying_.push_back(id(name));
  mark(varying_);
  for (const Step& step : steps_)
    if (step.op == nullptr && !(step.fixed && std::ranges::all_of(step.out, [&](int id) { return id < 0; })))
      refuse(file, step);
  for (const Step& step : steps_) {
    if (step.opset < step.op->since && step.node.domain.empty())
      throw FileError(cat(title(file, step), ": the model uses opset ", step.opset, ", but this operator came with ",
                          step.op->since));
  }
}

int Program::id(const std::string& name) const {
  if (name.empty()) return -1;
  const auto found = ids_.find(name);
  return found != ids_.end() ? found->second : -1;
}

void Program::choose_dtype(const GraphData& graph, std::span<const std::string> inputs) {
  for (const auto& [name, array] : graph.initialisers)
    if (array.type == ElementType::f64 && array.tensor.size() > 0) context_.dtype = DType::f64;
  for (const GraphPort& port : graph.inputs)
    if (port.type == ElementType::f64 && std::ranges::find(inputs, port.name) != inputs.end())
      context_.dtype = DType::f64;
  for (const Step& step : steps_)
    for (const auto& [name, attribute] : step.node.attributes)
      if (const Array* array = std::get_if<Array>(&attribute); array != nullptr && array->type == ElementType::f64)
        context_.dtype = DType::f64;
}

// Gives every value of the graph a number.
void Program::collect(const GraphData& graph, std::span<const std::string> inputs,
                      std::span<const std::string> outputs) {
  const auto add = [&](const std::string& name) {
    if (name.empty() || ids_.contains(name)) return;
    ids_.emplace(name, static_cast<int>(names_.size()));
    names_.push_back(name);
  };
  for (const std::string& name : inputs) add(name);
  for (const Step& step : steps_) {
    for (const std::string& name : step.node.inputs) add(name);
    for (const std::string& name : step.node.outputs) add(name);
  }
  for (const std::string& name : outputs) add(name);
  constants_.resize(names_.size());
  exact_.resize(names_.size(), 0);
  shapes_.resize(names_.size());
  sample_axes_.resize(names_.size(), no_sample_axis);
  for (const std::string& name : inputs) inputs_.push_back(id(name));
  for (const std::string& name : outputs) outputs_.push_back(id(name));
  for (const auto& [name, array] : graph.initialisers) {
    const int k = id(name);
    if (k < 0 || std::ranges::find(inputs_, k) != inputs_.end()) continue;
    const bool real = is_float(array.type);
    constants_[static_cast<std::size_t>(k)] = {Var(real ? array.tensor.to(context_.dtype) : array.tensor), array.type};
    exact_[static_cast<std::size_t>(k)] = 1;
    if (real) parameters_ += array.tensor.size();
  }
}

void Program::number_values() {
  for (Step& step : steps_) {
    step.in.clear();
    step.out.clear();
    for (const std::string& name : step.node.inputs) step.in.push_back(id(name));
    for (const std::string& name : step.node.outputs) step.out.push_back(id(name));
  }
}

// Which values depend on inputs that vary, and which on nothing but the file.
void Program::mark(std::span<const int> varying) {
  std::vector<char> varies(names_.size(), 0), fixed(names_.size(), 0);
  for (std::size_t k = 0; k < names_.size(); ++k) fixed[k] = constants_[k].var.defined() ? 1 : 0;
  for (const int k : varying) varies[static_cast<std::size_t>(k)] = 1;
  input_varies_.clear();
  for (const int k : inputs_) input_varies_.push_back(varies[static_cast<std::size_t>(k)]);
  for (Step& step : steps_) {
    step.in_varies.clear();
    step.in_fixed.clear();
    step.varies = false;
    step.fixed = true;
    for (const int k : step.in) {
      step.in_varies.push_back(k >= 0 ? varies[static_cast<std::size_t>(k)] : 0);
      step.in_fixed.push_back(k >= 0 ? fixed[static_cast<std::size_t>(k)] : 1);
      step.varies = step.varies || step.in_varies.back() != 0;
      step.fixed = step.fixed && step.in_fixed.back() != 0;
    }
    if (step.op != nullptr && step.op->kind == Kind::shapes) step.varies = false;
    for (const int k : step.out)
      if (k >= 0) {
        varies[static_cast<std::size_t>(k)] = step.varies ? 1 : 0;
        fixed[static_cast<std::size_t>(k)] = step.fixed ? 1 : 0;
      }
  }
}

// What is known before any run. Operators that cannot be imported are left for those who need their results.
void Program::evaluate_constants() {
  mark({});
  Env env(*this, nullptr);
  std::vector<char> known(names_.size(), 0), exact = exact_;
  for (std::size_t k = 0; k < names_.size(); ++k) known[k] = constants_[k].var.defined() ? 1 : 0;
  for (Step& step : steps_) {
    const bool ready =
        std::ranges::all_of(step.in, [&](int k) { return k < 0 || known[static_cast<std::size_t>(k)] != 0; });
    if (!ready || step.op == nullptr || (step.opset < step.op->since && step.node.domain.empty())) continue;
    std::fill(step.in_fixed.begin(), step.in_fixed.end(), 1);
    std::vector<Value> values = execute(step, context_, env);
    if (step.node.op == "Constant" && !values.empty() && is_float(values[0].type))
      parameters_ += values[0].var.shape().size();
    const bool operands_exact =
        std::ranges::all_of(step.in, [&](int k) { return k < 0 || exact[static_cast<std::size_t>(k)] != 0; });
    for (std::size_t i = 0; i < step.out.size(); ++i) {
      if (step.out[i] < 0 || !values[i].var.defined()) continue;
      const auto k = static_cast<std::size_t>(step.out[i]);
      known[k] = 1;
      // Whole numbers may have been made of floating-point numbers that round.
      exact[k] = step.op->kind == Kind::shapes ||
                 (operands_exact && (step.op->kind == Kind::moves || !is_float(values[i].type)));
      constants_[k] = std::move(values[i]);
    }
  }
  exact_ = std::move(exact);
}

std::vector<Value> Program::execute(const Step& step, const Context& context, Env& env, Index samples) const {
  std::vector<Value> operands;
  std::vector<const Value*> present;
  operands.reserve(step.in.size());
  for (std::size_t i = 0; i < step.in.size(); ++i) {
    const int k = step.in[i];
    const Value* value = k >= 0 ? &env.at(k) : nullptr;
    if (value != nullptr && !value->var.defined())
      throw UnsupportedError(cat(title(*context.file, step), ": its operand '",
                                 names_[static_cast<std::size_t>(k)].substr(0, 80), "' is not known"));
    if (value != nullptr && step.in_varies[i] != 0 && !is_float(value->type) && step.op->kind != Kind::shapes &&
        step.node.op != "Where" && !context.at_a_point)
      throw UnsupportedError(cat(title(*context.file, step), ": its operand '",
                                 names_[static_cast<std::size_t>(k)].substr(0, 80), "' (", to_string(value->type),
                                 ") depends on the input of the model; only floating-point numbers may"));
    if (value != nullptr) value = &operands.emplace_back(for_samples(step, i, *value, samples));
    present.push_back(value);
  }
  const Where where{context.file->c_str(), step.line, step.written_op.c_str(), step.written_name.c_str()};
  Call call(context, step.node, step.opset, where, std::move(present), step.in_varies);
  Tape* const tape = env.tape();
  const std::size_t first = tape != nullptr ? tape->size() : 0;
  import(*step.op, call);
  std::vector<Value> outputs = call.take();
  if (tape != nullptr && step.op->kind != Kind::shapes) call.require_enclosed(*tape, first, outputs);
  if (!step.out.empty() && step.out[0] >= 0 && !outputs[0].var.defined())
    throw UnsupportedError(cat(title(*context.file, step), ": it has no result"));
  return outputs;
}

// What an operand is in a run of so many samples, given what it was when shapes were learned. The shape that a result
// is to have counts the samples; of what repeats for every sample there is one slice for each.
Value Program::for_samples(const Step& step, std::size_t operand, const Value& value, Index samples) const {
  if (samples == as_learned || !step.varies || step.in_varies[operand] != 0) return value;
  if (static_cast<int>(operand) == step.op->target_shape && has_target_shape(step))
    return {Var(whole_numbers(shape(step.out.front(), samples).dims())), value.type};
  const int axis = step.repeats.empty() ? no_sample_axis : step.repeats[operand];
  if (axis == no_sample_axis) return value;
  const Var one = value.var.shape()[axis] == 1 ? value.var : slice(value.var, axis, 0, 1);
  return {broadcast_to(one, one.shape().with(axis, samples)), value.type};
}

std::vector<Value> Program::run(std::span<const Value> inputs, Tape* tape, Index samples) const {
  Context context = context_;
  context.batch = std::max(context_.batch, samples);
  return run_in(context, inputs, tape, samples);
}

std::vector<Value> Program::run_at_a_point(std::span<const Value> inputs, Tape* tape) const {
  Context context = context_;
  context.at_a_point = true;
  return run_in(context, inputs, tape, as_learned);
}

std::vector<Value> Program::run_in(const Context& context, std::span<const Value> inputs, Tape* tape,
                                   Index samples) const {
  Env env(*this, tape);
  for (std::size_t i = 0; i < inputs_.size(); ++i) env.set(inputs_[i], inputs[i]);
  for (const Step& step : steps_) {
    // What was moved only is known already; arithmetic on constants is recorded, so that its rounding is seen.
    const auto settled = [&](int k) {
      if (k < 0) return true;
      const bool exact = exact_[static_cast<std::size_t>(k)] != 0 || step.op->kind == Kind::shapes;
      return constant(k) != nullptr && (tape == nullptr || exact);
    };
    if (std::ranges::all_of(step.out, settled)) continue;
    std::vector<Value> values = execute(step, context, env, samples);
    for (std::size_t i = 0; i < step.out.size(); ++i)
      if (step.out[i] >= 0 && values[i].var.defined()) env.set(step.out[i], std::move(values[i]));
  }
  std::vector<Value> outputs;
  for (const int k : outputs_) outputs.push_back(env.at(k));
  return outputs;
}

void Program::learn(std::span<const Value> inputs) {
  require_finite();
  recognise(inputs);
  learn_shapes(inputs, context_);
}

void Program::learn_shapes(std::span<const Value> inputs, const Context& context) {
  learned_.clear();
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    const Value& input = inputs[i];
    shapes_[static_cast<std::size_t>(inputs_[i])] = {input.var.shape(), input.type};
    if (!input_varies_[i]) learned_[inputs_[i]] = input;
  }
  for (const Step& step : steps_) {
    const auto known = [&](int k) { return k < 0 || constants_[static_cast<std::size_t>(k)].var.defined(); };
    if (std::ranges::all_of(step.out, known)) continue;
    Tape tape;
    if (step.varies) {
      keep(step, outline_of(step, context, tape, as_learned).outputs);
    } else {
      Env env(*this, nullptr);
      for (std::size_t i = 0; i < step.in.size(); ++i)
        if (step.in[i] >= 0 && step.in_varies[i] != 0) env.set(step.in[i], standing_for(step.in[i], tape, as_learned));
      keep(step, execute(step, context, env));
    }
  }
}

void Program::keep(const Step& step, std::vector<Value> values) {
  for (std::size_t i = 0; i < step.out.size(); ++i) {
    if (step.out[i] < 0 || !values[i].var.defined()) continue;
    shapes_[static_cast<std::size_t>(step.out[i])] = {values[i].var.shape(), values[i].type};
    if (!step.varies) learned_[step.out[i]] = {values[i].var.detached(), values[i].type};
  }
}

bool Program::has_target_shape(const Step& step) {
  const int operand = step.op->target_shape;
  const bool there = operand >= 0 && static_cast<std::size_t>(operand) < step.in.size() &&
                     step.in[static_cast<std::size_t>(operand)] >= 0;
  return there && !step.node.attributes.contains("axes");  // sizes along some axes only
}

Shape Program::shape(int value, Index samples) const {
  const Shape& learned = shapes_[static_cast<std::size_t>(value)].shape;
  const int axis = sample_axis(value);
  return samples == as_learned || axis < 0 ? learned : learned.with(axis, samples);
}

const Value* Program::constant(int value) const {
  const Value& fixed = constants_[static_cast<std::size_t>(value)];
  if (fixed.var.defined()) return &fixed;
  const auto learned = learned_.find(value);
  return learned != learned_.end() ? &learned->second : nullptr;
}

std::string Program::describe(const Step& step) const { return title_of(step); }

// Of a value that varies: an input of the tape, or a plain tensor where it is not a number that a tape may hold.
Value Program::standing_for(int value, Tape& tape, Index samples) const {
  const ElementType type = shapes_[static_cast<std::size_t>(value)].type;
  const Shape dims = shape(value, samples);
  if (!is_float(type)) return {Var(Tensor::zeros(dims, DType::f64)), type};
  return {tape.input(Tensor::zeros(dims, context_.dtype)), type};
}

Alone Program::run_in_outline(const Step& step, Tape& tape, Index samples) const {
  return outline_of(step, context_, tape, samples);
}

Alone Program::outline_of(const Step& step, Context context, Tape& tape, Index samples) const {
  const Outline outline(tape);
  context.batch = std::max(context_.batch, samples);
  Env env(*this, &tape);
  Alone alone;
  for (std::size_t i = 0; i < step.in.size(); ++i) {
    if (step.in[i] < 0 || step.in_varies[i] == 0 || env.has(step.in[i])) continue;
    const Value value = standing_for(step.in[i], tape, samples);
    if (value.var.on_tape()) alone.inputs.emplace_back(value.var.id(), step.in[i]);
    env.set(step.in[i], value);
  }
  alone.outputs = execute(step, context, env, samples);
  return alone;
}

Var Program::run_alone(const Step& step, Tape& tape, Index samples) const {
  Env env(*this, &tape);
  int varying = 0;
  for (std::size_t i = 0; i < step.in.size(); ++i) {
    if (step.in[i] < 0 || step.in_varies[i] == 0 || env.has(step.in[i])) continue;
    ++varying;
    env.set(step.in[i], standing_for(step.in[i], tape, samples));
  }
  if (varying != 1) return {};
  // Constants that are computed within the file, recorded so that their rounding is seen.
  for (const Step& other : steps_) {
    if (&other == &step) break;
    const auto rounded = [&](int k) { return k >= 0 && exact_[static_cast<std::size_t>(k)] == 0; };
    const bool computed = !other.varies && other.op->kind != Kind::shapes && std::ranges::any_of(other.out, rounded);
    if (!computed) continue;
    std::vector<Value> values = execute(other, context_, env);
    for (std::size_t i = 0; i < other.out.size(); ++i)
      if (other.out[i] >= 0 && values[i].var.defined()) env.set(other.out[i], std::move(values[i]));
  }
  std::vector<Value> values = execute(step, context_, env, samples);
  return values.front().var;
}

void Program::require_finite() const {
  for (const Step& step : steps_) {
    if (step.op->kind != Kind::computes || step.node.op == "Clip" || step.node.op == "Where") continue;
    for (const int k : step.in) {
      if (k < 0) continue;
      const Value& value = constants_[static_cast<std::size_t>(k)];
      if (!value.var.defined() || !is_float(value.type)) continue;
      if (const Index at = value.var.value().first_non_finite(); at >= 0)
        throw NumericError(cat(title(*context_.file, step), ": the weights '",
                               names_[static_cast<std::size_t>(k)].substr(0, 80), "' hold ", value.var.value().at(at),
                               " at position ", at, "; weights must be finite"));
    }
  }
}

}  // namespace taut::nn::onnx
