#include "nn/onnx/model.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "autodiff/error.h"
#include "autodiff/memory.h"
#include "lipschitz/affine_layers.h"
#include "nn/onnx/program.h"

namespace taut::nn::onnx {
namespace {

constexpr Index most_numbers = Index{1} << 26;  // in one input

std::string shape_text(const GraphPort& port) {
  std::string text;
  for (const Dimension& d : *port.shape)
    text += cat(text.empty() ? "" : "x", d.size             ? std::to_string(*d.size)
                                         : d.symbol.empty() ? "?"
                                                            : d.symbol.substr(0, 40));
  return text.empty() ? "()" : text;
}

std::vector<std::string> names_of(const std::vector<GraphPort>& ports) {
  std::vector<std::string> names;
  for (const GraphPort& port : ports) names.push_back(port.name);
  return names;
}
std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += cat(text.empty() ? "" : ", ", name.substr(0, 80));
  return text.empty() ? "none" : text;
}

}  // namespace

struct Model::State {
  State(const GraphData& graph, const ImportOptions& options, const std::string& path) : file(path) {
    choose_ports(graph, options);
    std::vector<std::string> all = names_of(looked_at);
    for (const GraphPort& port : held) all.push_back(port.name);
    program.emplace(graph, file, all, names_of(looked_at), output_names);
    program->set_declared_batch(declared_batch);
    dtype = program->dtype();
    for (const GraphPort& port : held) {
      Value zero{Var(Tensor::zeros(shape_of(port, {}), is_float(port.type) ? dtype : DType::f64)), port.type};
      held_values.push_back(std::move(zero));
      notes.push_back(cat("the input '", port.name, "' is held at 0"));
    }
    learn();
    node_names.resize(graph.nodes.size());
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
      const GraphNode& node = graph.nodes[i];
      const std::string& name = node.name.empty() && !node.outputs.empty() ? node.outputs.front() : node.name;
      node_names[i] = cat(node.op, " '", name, "'");
    }
  }

  // ---- what is looked at --------------------------------------------------------------------------------------------

  void choose_ports(const GraphData& graph, const ImportOptions& options) {
    std::vector<GraphPort> given;
    for (const GraphPort& port : graph.inputs) {
      const bool constant =
          std::ranges::any_of(graph.initialisers, [&](const auto& i) { return i.first == port.name; });
      if (!constant) given.push_back(port);
    }
    if (!options.input.empty() &&
        std::ranges::none_of(given, [&](const GraphPort& p) { return p.name == options.input; }))
      throw UsageError(cat(file, ": there is no input '", options.input, "'; there are ", listed(names_of(given))));
    if (!options.output.empty() &&
        std::ranges::none_of(graph.outputs, [&](const GraphPort& p) { return p.name == options.output; }))
      throw UsageError(
          cat(file, ": there is no output '", options.output, "'; there are ", listed(names_of(graph.outputs))));
    if (graph.outputs.empty()) throw FileError(cat(file, ": the graph has no output"));
    for (const GraphPort& port : graph.outputs)
      if (options.output.empty() || options.output == port.name) output_names.push_back(port.name);
    // Inputs that no output depends on are no inputs.
    std::vector<std::string> used;
    for (const auto& [line, node] : ordered_nodes(graph, file, output_names))
      used.insert(used.end(), node->inputs.begin(), node->inputs.end());
    used.insert(used.end(), output_names.begin(), output_names.end());
    for (const GraphPort& port : given) {
      if (std::ranges::find(used, port.name) == used.end()) continue;
      const bool chosen = options.input.empty() ? is_float(port.type) || port.type == ElementType::undefined
                                                : options.input == port.name;
      (chosen ? looked_at : held).push_back(port);
    }
    if (!options.input.empty() && looked_at.empty())
      throw UsageError(cat(file, ": the output does not depend on the input '", options.input, "'"));
    if (looked_at.empty())
      throw UnsupportedError(cat(file, ": the output depends on no input of floating-point numbers"));
    for (GraphPort& port : looked_at) {
      if (port.type == ElementType::undefined) port.type = ElementType::f32;
      if (!is_float(port.type))
        throw UnsupportedError(cat(file, ": the input '", port.name, "' holds ", to_string(port.type),
                                   "; a Lipschitz constant needs floating-point numbers"));
    }
    if (!options.input_shape.empty() && looked_at.size() > 1)
      throw UsageError(cat(file, ": a shape is given, but there are the inputs ", listed(names_of(looked_at)),
                           "; choose one by its name"));
    for (const GraphPort& port : looked_at) inputs.push_back({port.name, shape_of(port, options.input_shape)});
    double numbers = 0.0;
    for (const Port& port : inputs) numbers += static_cast<double>(port.shape.size());
    if (numbers > static_cast<double>(most_numbers))
      throw UnsupportedError(
          cat(file, ": the input has ", numbers, " numbers; at most ", most_numbers, " are supported"));
  }

  // With a batch of 1 in front of two or more axes.
  Shape shape_of(const GraphPort& port, const std::vector<Index>& wanted) {
    const auto fail = [&](const std::string& why) {
      throw ShapeError(
          cat(file, ": the input '", port.name, "' ", why, "; give its shape, as in --input-shape 1x3x32x32"));
    };
    if (!wanted.empty()) {
      if (std::ranges::any_of(wanted, [](Index d) { return d < 1; })) fail("needs positive sizes");
      if (wanted.size() > static_cast<std::size_t>(max_rank)) fail(cat("may have ", max_rank, " axes"));
      if (port.shape && port.shape->size() != wanted.size())
        fail(cat("has the shape ", shape_text(port), ", which has ", port.shape->size(), " axes, not ", wanted.size()));
      for (std::size_t i = 0; port.shape && i < wanted.size(); ++i)
        if (const auto& size = (*port.shape)[i].size; size && *size != wanted[i] && i > 0)
          fail(cat("has the shape ", shape_text(port), ", of which axis ", i, " is ", *size, " and not ", wanted[i]));
      return one_sample(Shape(wanted), port);
    }
    if (!port.shape) fail("has no shape in the file");
    std::vector<Index> dims;
    for (std::size_t i = 0; i < port.shape->size(); ++i) {
      const Dimension& d = (*port.shape)[i];
      if (d.size)
        dims.push_back(*d.size);
      else if (i == 0 && port.shape->size() > 1)
        dims.push_back(1);
      else
        fail(cat("has the shape ", shape_text(port), " in the file, with an open size"));
    }
    if (dims.size() > static_cast<std::size_t>(max_rank)) fail(cat("has more than ", max_rank, " axes"));
    double numbers = 1.0;
    for (const Index d : dims) numbers *= static_cast<double>(d);
    if (numbers > static_cast<double>(most_numbers) * static_cast<double>(dims.empty() ? 1 : dims.front()))
      throw UnsupportedError(cat(file, ": the input '", port.name, "' has ", numbers, " numbers; at most ",
                                 most_numbers, " are supported"));
    return one_sample(Shape(dims), port);
  }
  Shape one_sample(const Shape& shape, const GraphPort& port) {
    if (shape.rank() < 2 || shape[0] == 1) return shape;
    notes.push_back(cat("the batch of ", shape[0], " of the input '", port.name, "' is replaced by 1"));
    declared_batch = shape[0];
    return shape.with(0, 1);
  }

  // ---- the function -------------------------------------------------------------------------------------------------

  Index size() const {
    Index n = 0;
    for (const Port& port : inputs) n += port.shape.size();
    return n;
  }
  bool natural() const { return inputs.size() == 1 && inputs[0].shape.rank() >= 2 && inputs[0].shape[0] == 1; }
  Tensor sample() const { return Tensor::zeros(natural() ? inputs[0].shape : Shape{1, size()}, dtype); }

  static Shape batched(const Shape& one, Index batch) { return batch == 1 ? one : one.with(0, batch); }

  std::vector<Value> parts(const Var& x, Index batch) const {
    std::vector<Value> values;
    const ElementType type = dtype == DType::f64 ? ElementType::f64 : ElementType::f32;
    if (natural()) {
      values.push_back({x, type});
    } else {
      Index from = 0;
      for (const Port& port : inputs) {
        const Index n = port.shape.size();
        const Var part = inputs.size() == 1 ? x : slice(x, 1, from, from + n);
        values.push_back({reshape(part, batched(port.shape, batch)), type});
        from += n;
      }
    }
    values.insert(values.end(), held_values.begin(), held_values.end());
    return values;
  }

  // (batch, …) of what the program gives.
  Var joined(const std::vector<Value>& values, Index batch) const {
    std::vector<Var> flat;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const Shape& one = outputs[i].shape;
      const bool has_batch = one.rank() >= 1 && one[0] == 1 && values[i].var.shape() == batched(one, batch);
      if (values.size() == 1 && has_batch && one.rank() >= 2) return values[i].var;
      if (values[i].var.shape().size() != one.size() * batch)
        throw ShapeError(cat(file, ": samples of a batch do not stay apart"));
      flat.push_back(reshape(values[i].var, Shape{batch, one.size()}));
    }
    return flat.size() == 1 ? flat[0] : concat(flat, 1);
  }

  Var call(const Var& x) const {
    const Shape one = sample().shape();
    if (x.shape().rank() != one.rank() || batched(one, x.shape()[0]) != x.shape() || x.shape()[0] < 1)
      throw ShapeError(cat(file, ": the model takes batches of shape ", one, ", got ", x.shape()));
    if (x.dtype() != dtype)
      throw DTypeError(cat(file, ": the model computes in ", to_string(dtype), ", got ", to_string(x.dtype())));
    const Index batch = x.shape()[0];
    Tape* const tape = Tape::of(x);
    if (batch == 1 || in_batches) return joined(program->run(parts(x, batch), tape, batch), batch);
    std::vector<Var> samples;
    for (Index i = 0; i < batch; ++i)
      samples.push_back(joined(program->run(parts(slice(x, 0, i, i + 1), 1), tape, 1), 1));
    return concat(samples, 0);
  }

  void learn() {
    recognise();
    Tape tape;
    const Var x = tape.input(sample());
    const std::vector<Value> values = program->learn(parts(x, 1), tape);
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (!is_float(values[i].type))
        throw UnsupportedError(
            cat(file, ": the output '", output_names[i], "' holds ", to_string(values[i].type),
                "; a Lipschitz constant needs floating-point numbers; choose another output by its name"));
      if (!values[i].var.on_tape() || !tape.node(values[i].var.id()).tracked) {
        if (values.size() == 1) notes.push_back(cat("the output '", output_names[i], "' does not depend on the input"));
      }
      outputs.push_back({output_names[i], values[i].var.shape()});
    }
    in_batches = two_samples_stay_apart();
  }

  void recognise() {
    const Var one(sample()), two(Tensor::zeros(one.shape().with(0, 2), dtype));
    std::vector<Program::Run> runs{{parts(one, 1), 1}};
    try {
      runs.push_back({parts(two, 2), 2});
    } catch (const ShapeError&) {
      // There is no run of two samples.
    }
    program->recognise(runs);
  }

  // Files that write shapes down for one sample may mix the samples of a batch; then samples are computed one by one.
  bool two_samples_stay_apart() const {
    try {
      const Shape one = sample().shape();
      Tensor both = Tensor::uninitialised(one.with(0, 2), DType::f64);
      double* to = both.mutable_data<double>().data();
      for (Index i = 0; i < both.size(); ++i) to[i] = std::sin(0.7 * static_cast<double>(i) + 0.3);
      const Var x(both.to(dtype));
      const Var together = joined(program->run(parts(x, 2), nullptr, 2), 2);
      for (const Index i : {0, 1}) {
        const Var alone = joined(program->run(parts(slice(x, 0, i, i + 1), 1), nullptr, 1), 1);
        const Var same = slice(together, 0, i, i + 1);
        if (alone.shape() != same.shape()) return false;
        for (Index k = 0; k < alone.value().size(); ++k) {
          const double a = alone.value().at(k), b = same.value().at(k);
          if (!(std::fabs(a - b) <= 1e-3 * std::max(1.0, std::fabs(a))) && !(std::isnan(a) && std::isnan(b)) && a != b)
            return false;
        }
      }
      return true;
    } catch (const Error&) {
      return false;
    }
  }

  std::string file;
  std::vector<GraphPort> looked_at, held;
  std::vector<std::string> output_names;
  std::vector<Port> inputs, outputs;
  std::vector<Value> held_values;
  std::vector<std::string> notes, node_names;
  Index declared_batch = 1;
  bool in_batches = true;
  DType dtype = DType::f32;
  std::optional<Program> program;
};

Model::Model(std::shared_ptr<const State> state) : state_(std::move(state)) {}

Model Model::load(const std::filesystem::path& file, const ImportOptions& options) {
  const GraphData graph = read_graph(file);
  return of(graph, options, file.string());
}

Model Model::of(GraphData graph, const ImportOptions& options, const std::string& name) {
  // What a small file asks for may not take much more than the file itself.
  std::size_t stored = 0;
  for (const auto& [ignored, array] : graph.initialisers) stored += array.tensor.bytes();
  const memory::Limit limit((std::size_t{512} << 20) + 4 * stored);
  return Model(std::make_shared<const State>(graph, options, name));
}

Var Model::operator()(const Var& x) const { return state_->call(x); }
Function Model::function() const {
  return [model = *this](const Var& x) { return model(x); };
}
Tensor Model::sample() const { return state_->sample(); }
DType Model::dtype() const { return state_->dtype; }
std::span<const Port> Model::inputs() const { return state_->inputs; }
std::span<const Port> Model::outputs() const { return state_->outputs; }
Index Model::parameter_count() const { return state_->program->parameter_count(); }
std::span<const std::string> Model::notes() const { return state_->notes; }
const std::string& Model::name() const { return state_->file; }

std::vector<Layer> Model::layers() const {
  constexpr std::string_view ops[] = {"Conv", "ConvTranspose", "Gemm", "MatMul", "BatchNormalization"};
  const Program& program = *state_->program;
  std::vector<const Step*> steps;
  for (const Step& step : program.steps())
    if (step.varies && std::ranges::find(ops, step.node.op) != std::end(ops)) steps.push_back(&step);
  std::ranges::sort(steps, {}, &Step::line);
  std::vector<Layer> layers;
  for (const Step* step : steps) {
    Layer layer;
    layer.name = step->node.name.empty() ? step->node.outputs.front() : step->node.name;
    layer.op = step->node.op;
    layer.out = program.shape(step->out.front());
    for (std::size_t i = 0; i < step->in.size(); ++i)
      if (step->in_varies[i] != 0) {
        layer.in = program.shape(step->in[i]);
        break;
      }
    Tape tape;
    const Var y = program.run_alone(*step, tape);
    if (y.defined())
      if (const auto part = affine_part(y)) {
        layer.map = part->map;
        layer.relative_error = part->relative_error;
      }
    layers.push_back(std::move(layer));
  }
  return layers;
}

std::string Model::node_name(int line) const {
  if (line < 1 || static_cast<std::size_t>(line) > state_->node_names.size())
    throw UsageError(cat(state_->file, ": there is no node ", line));
  return state_->node_names[static_cast<std::size_t>(line) - 1];
}

std::map<std::string, Array> evaluate(const GraphData& graph, const std::map<std::string, Array>& inputs,
                                      std::span<const std::string> varying, const std::string& name) {
  const std::vector<std::string> outputs = names_of(graph.outputs);
  std::vector<std::string> given;
  for (const auto& [input, array] : inputs) given.push_back(input);
  const memory::Limit limit(std::size_t{2} << 30);
  Program program(graph, name, given, varying, outputs);
  Tape tape;
  std::vector<Value> values;
  for (const auto& [input, array] : inputs) {
    const bool real = is_float(array.type), varies = std::ranges::find(varying, input) != varying.end();
    const Tensor tensor = real ? array.tensor.to(program.dtype()) : array.tensor;
    values.push_back({varies && real ? tape.input(tensor) : Var(tensor), array.type});
  }
  program.recognise(std::vector<Program::Run>{{values, 1}});
  std::map<std::string, Array> result;
  const std::vector<Value> found = program.run(values, varying.empty() ? nullptr : &tape, 1);
  for (std::size_t i = 0; i < outputs.size(); ++i) result[outputs[i]] = {found[i].var.value(), found[i].type};
  return result;
}

}  // namespace taut::nn::onnx
