// Models: programs with their inputs, outputs and parameters.
// Long: a door of many small functions.
#include "nn/onnx/model.h"

#include <algorithm>
#include <filesystem>

#include "autodiff/error.h"
#include "autodiff/memory.h"
#include "lipschitz/affine_layers.h"
#include "nn/onnx/import/branches.h"
#include "nn/onnx/import/ports.h"
#include "nn/onnx/import/program.h"
#include "nn/onnx/import/samples.h"

namespace taut::nn::onnx {
namespace {

constexpr double most_numbers = 0x1p26;      // in all inputs of one sample
constexpr double most_to_be_asked = 0x1p50;  // in one input with all samples: what is counted in whole numbers

// Several samples (b, before, behind) behind one another, to and from where a tensor has them.
Var to_axis(const Var& rows, const Shape& one, int axis) {
  const Index b = rows.shape()[0], before = one.product(0, axis);
  const Shape all = one.with(axis, b);
  if (before == 1) return reshape(rows, all);
  return reshape(permute(reshape(rows, Shape{b, before, one.size() / before}), {1, 0, 2}), all);
}
Var from_axis(const Var& all, int axis) {
  const Index b = all.shape()[axis], before = all.shape().product(0, axis), size = all.shape().size() / b;
  if (before == 1) return reshape(all, Shape{b, size});
  return reshape(permute(reshape(all, Shape{before, b, size / before}), {1, 0, 2}), Shape{b, size});
}

}  // namespace

struct Model::State {
  State(const GraphData& graph, const ImportOptions& options, const std::string& path)
      : file(path),
        ports(choose_ports(graph, options, file)),
        axis(std::max(0, options.batch_axis.value_or(0))),
        notes(ports.notes) {
    for (const GraphPort& port : ports.looked_at) sizes.push_back(checked_sizes(port, options.input_shape));
    for (const GraphPort& port : ports.held) {
      held_sizes.push_back(checked_sizes(port, {}));
      notes.push_back(cat("the input '", port.name, "' is held at 0"));
    }
    std::vector<std::string> all = names_of(ports.looked_at);
    for (const GraphPort& port : ports.held) all.push_back(port.name);
    program.emplace(graph, file, all, names_of(ports.looked_at), ports.outputs);
    find_samples(options.batch_axis);
    for (std::size_t i = 0; i < ports.looked_at.size(); ++i)
      inputs.push_back({ports.looked_at[i].name, program->shape(program->inputs()[i], samples(1))});
    run_once();
  }

  Sizes checked_sizes(const GraphPort& port, const std::vector<Index>& wanted) const {
    Sizes all = sizes_of(port, wanted, axis, file);
    double numbers = 1.0;
    for (const std::optional<Index>& size : all) numbers *= static_cast<double>(size.value_or(1));
    if (numbers > most_to_be_asked) refuse_size(cat("the input '", port.name, "'"), numbers);
    return all;
  }
  // Of one sample; of all where the whole is one.
  void require_moderate(Index of_samples) const {
    double numbers = 0.0;
    for (const Sizes& s : sizes) numbers += static_cast<double>(with_open(s, 1).size());
    numbers /= static_cast<double>(of_samples);
    if (numbers > most_numbers) refuse_size("the input", numbers);
  }
  [[noreturn]] void refuse_size(const std::string& what, double numbers) const {
    throw UnsupportedError(cat(file, ": ", what, " has ", numbers, " numbers; at most ", most_numbers,
                               " are supported; give a smaller shape, as in --input-shape 1x3x32x32"));
  }

  // ---- what is one sample -------------------------------------------------------------------------------------------

  void find_samples(const std::optional<int>& wanted) {
    std::string why = wanted == no_batch_axis ? "" : objection(wanted ? 1 : 2);
    const bool candidate = wanted != no_batch_axis && why.empty();
    if (candidate && prove_samples(why)) return;
    if (wanted && *wanted != no_batch_axis && !why.empty())
      throw UnsupportedError(cat(file, ": axis ", axis, " of ", what_varies(),
                                 " is not proved to hold samples that stay apart: ", why,
                                 "; choose another by --batch-axis, or none"));
    if (!why.empty() && (wanted || has_rows()))
      notes.push_back(cat("the whole tensor is one input: axis ", axis, " of ", what_varies(),
                          " is not proved to hold samples that stay apart: ", why));
    take_whole();
  }

  // Inputs of numbers alone, without an axis behind the first, are one sample unless somebody says otherwise.
  bool has_rows() const {
    return std::ranges::any_of(sizes, [](const Sizes& s) { return s.size() > 1 && s[0].value_or(2) > 1; });
  }

  // Why the axis cannot be one of samples, "" if it may be.
  std::string objection(std::size_t least_rank) const {
    std::optional<Index> common;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      if (sizes[i].size() < std::max(least_rank, static_cast<std::size_t>(axis) + 1))
        return cat("'", ports.looked_at[i].name, "' is of rank ", sizes[i].size());
      const std::optional<Index>& size = sizes[i][static_cast<std::size_t>(axis)];
      if (size && common && *size != *common) return cat("there are sizes of ", *common, " and ", *size);
      if (size) common = size;
    }
    return "";
  }

  // How many samples to look at: as many as the file has, or two numbers where it leaves that open.
  std::vector<Index> counts() const {
    for (const Sizes& s : sizes)
      if (const std::optional<Index>& size = s[static_cast<std::size_t>(axis)]) return {*size};
    return {2, 3};
  }

  bool prove_samples(std::string& why) {
    const std::vector<Index> numbers = counts();
    if (numbers.front() <= 1) return false;  // nothing to be proved: the whole is one sample
    std::vector<Program> programs;
    Separation found;
    for (const Index n : numbers) {
      Program& next = programs.emplace_back(*program);
      if (why = learned(next, n); !why.empty()) return false;
      found = separate(next, axes(), n);
      if (why = found.reason; !found.proved) return false;
    }
    if (programs.size() == 2 && !(why = difference(programs[0], programs[1])).empty()) return false;
    require_moderate(programs.size() == 2 ? 1 : numbers.front());
    program = std::move(programs.front());
    held_values = held_at_zero(numbers.front());
    along_axis = true;
    in_batches = found.in_batches;
    const std::string how_many = programs.size() == 2 ? ", with 2 and with 3 of them" : "";
    notes.push_back(cat("the ", programs.size() == 2 ? "" : cat(numbers.front(), " "), "samples along axis ", axis,
                        " of ", what_varies(), " are proved to stay apart", how_many, "; the constant is that of one"));
    return true;
  }

  // "" or why the program cannot be run with so many samples.
  std::string learned(Program& with_samples, Index n) const {
    try {
      with_samples.learn(types(n));
      return "";
    } catch (const MemoryError&) {
      return cat("with ", n, " samples it takes too much memory to look");
    } catch (const Error& error) {
      const std::string text = error.what();
      return cat("it cannot be computed with ", n, " samples (",
                 text.starts_with(file + ", ") ? text.substr(file.size() + 2) : text, ")");
    }
  }

  void take_whole() {
    const bool open = std::ranges::any_of(sizes, [](const Sizes& s) { return with_open(s, 1) != with_open(s, 2); });
    if (open) notes.push_back(cat("the open size of ", what_varies(), " is taken as 1; --input-shape gives another"));
    require_moderate(1);
    try {
      program->learn(types(1));
    } catch (const MemoryError& error) {
      throw MemoryError(cat(error.what(), "; give a smaller shape, as in --input-shape 1x3x32x32"));
    }
    held_values = held_at_zero(1);
    const bool one = std::ranges::all_of(program->inputs().first(sizes.size()), [&](int input) {
      const Shape shape = program->shape(input);
      return shape.rank() > axis && shape[axis] == 1;
    });
    along_axis = in_batches = one && separate(*program, axes(), 1).in_batches;
  }

  std::vector<int> axes() const { return std::vector<int>(sizes.size(), axis); }
  // Of a run: with the axis of samples where there is one, or as it is.
  Index samples(Index n) const { return along_axis ? n : as_learned; }
  std::string what_varies() const { return cat("'", listed(names_of(ports.looked_at)), "'"); }

  std::vector<Value> held_at_zero(Index open) const {
    std::vector<Value> values;
    for (std::size_t i = 0; i < held_sizes.size(); ++i) {
      const ElementType type = ports.held[i].type;
      const DType stored = is_float(type) ? dtype() : DType::f64;
      values.push_back({Var(Tensor::zeros(with_open(held_sizes[i], open), stored)), type});
    }
    return values;
  }
  std::vector<Value> types(Index open) const {
    std::vector<Value> values;
    for (const Sizes& s : sizes) values.push_back({Var(Tensor::zeros(with_open(s, open), dtype())), element()});
    for (Value& held : held_at_zero(open)) values.push_back(std::move(held));
    return values;
  }

  // ---- the function -------------------------------------------------------------------------------------------------

  DType dtype() const { return program->dtype(); }
  ElementType element() const { return dtype() == DType::f64 ? ElementType::f64 : ElementType::f32; }
  Index size() const {
    Index n = 0;
    for (const Port& port : inputs) n += port.shape.size();
    return n;
  }
  bool first_of_one(const Shape& shape) const {
    return shape.rank() >= 2 && shape[0] == 1 && (!along_axis || axis == 0);
  }
  bool natural() const { return inputs.size() == 1 && first_of_one(inputs[0].shape); }
  Tensor sample() const { return Tensor::zeros(natural() ? inputs[0].shape : Shape{1, size()}, dtype()); }

  // What the program takes for x (b, …).
  std::vector<Value> parts(const Var& x) const {
    std::vector<Value> values;
    if (natural()) {
      values.push_back({x, element()});
    } else {
      Index from = 0;
      for (const Port& port : inputs) {
        const Index n = port.shape.size();
        const Var part = inputs.size() == 1 ? x : slice(x, 1, from, from + n);
        values.push_back({along_axis ? to_axis(part, port.shape, axis) : reshape(part, port.shape), element()});
        from += n;
      }
    }
    values.insert(values.end(), held_values.begin(), held_values.end());
    return values;
  }

  // (b, …) of what the program gives.
  Var joined(const std::vector<Value>& values, Index b) const {
    std::vector<Var> flat;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const Var& value = values[i].var;
      const int along = along_axis ? program->sample_axis(program->outputs()[i]) : no_sample_axis;
      const bool first = along == 0 || (b == 1 && !along_axis && value.shape().rank() >= 2 && value.shape()[0] == 1);
      if (values.size() == 1 && first && value.shape().rank() >= 2) return value;
      if (along >= 0) {
        flat.push_back(from_axis(value, along));
      } else {  // the same for every sample, or of one
        const Index n = value.shape().size();
        const Var row = reshape(value, Shape{1, n});
        flat.push_back(b == 1 ? row : broadcast_to(row, Shape{b, n}));
      }
    }
    return flat.size() == 1 ? flat[0] : concat(flat, 1);
  }

  Var call(const Var& x) const {
    const Shape one = sample().shape();
    const Index b = x.shape().rank() == one.rank() ? x.shape()[0] : 0;
    if (b < 1 || one.with(0, b) != x.shape())
      throw ShapeError(cat(file, ": the model takes shapes ", one, " with any first size, got ", x.shape()));
    if (x.dtype() != dtype())
      throw DTypeError(cat(file, ": the model computes in ", to_string(dtype()), ", got ", to_string(x.dtype())));
    Tape* const tape = Tape::of(x);
    if (b == 1 || in_batches) {
      const Var y = joined(program->run(parts(x), tape, samples(b)), b);
      // What does not depend on x lies on its tape all the same: a constant has a Lipschitz constant, 0.
      return tape != nullptr && !y.on_tape() ? tape->constant(y.value()) : y;
    }
    std::vector<Var> rows;
    for (Index i = 0; i < b; ++i) rows.push_back(call(slice(x, 0, i, i + 1)));
    return concat(rows, 0);
  }

  // Everything that may go wrong does so now.
  void run_once() {
    Tape tape;
    const std::vector<Value> values = program->run(parts(tape.input(sample())), &tape, samples(1));
    for (std::size_t i = 0; i < values.size(); ++i) {
      const std::string& name = ports.outputs[i];
      if (!is_float(values[i].type))
        throw UnsupportedError(
            cat(file, ": the output '", name, "' holds ", to_string(values[i].type),
                "; a Lipschitz constant needs floating-point numbers; choose another output by its name"));
      const bool tracked = values[i].var.on_tape() && tape.node(values[i].var.id()).tracked;
      if (!tracked && values.size() == 1) notes.push_back(cat("the output '", name, "' does not depend on the input"));
      outputs.push_back({name, values[i].var.shape()});
    }
  }

  std::string file;
  Ports ports;
  int axis;                              // of samples, if there is one
  std::vector<Sizes> sizes, held_sizes;  // of the inputs in the file
  std::vector<Port> inputs, outputs;     // of one sample
  std::vector<Value> held_values;
  std::vector<std::string> notes;
  bool along_axis = false;  // values of the program have axes of samples, along which there may be any number
  bool in_batches = false;  // several samples can be computed at once
  std::optional<Program> program;
};

Model::Model(std::shared_ptr<const State> state) : state_(std::move(state)) {}

Model Model::load(const std::filesystem::path& file, const ImportOptions& options) {
  return of(read_graph(file), options, file.string());
}

Model Model::of(GraphData graph, const ImportOptions& options, const std::string& name) {
  // What a small file asks for may not take much more than the file itself.
  std::size_t stored = 0;
  for (const auto& [ignored, array] : graph.initialisers) stored += array.tensor.bytes();
  const memory::Limit limit((std::size_t{512} << 20) + 4 * stored);
  return Model(std::make_shared<const State>(with_branches_taken(std::move(graph), name), options, name));
}

Var Model::operator()(const Var& x) const { return state_->call(x); }
Function Model::function() const {
  return [model = *this](const Var& x) { return model(x); };
}
Tensor Model::sample() const { return state_->sample(); }
DType Model::dtype() const { return state_->dtype(); }
std::span<const Port> Model::inputs() const { return state_->inputs; }
std::span<const Port> Model::outputs() const { return state_->outputs; }
Index Model::parameter_count() const { return state_->program->parameter_count(); }
std::span<const std::string> Model::notes() const { return state_->notes; }
const std::string& Model::name() const { return state_->file; }

std::vector<Layer> Model::layers() const {
  constexpr std::string_view ops[] = {"Conv", "ConvTranspose", "Gemm", "MatMul", "BatchNormalization"};
  const Program& program = *state_->program;
  const Index samples = state_->samples(1);
  std::vector<const Step*> steps;
  for (const Step& step : program.steps())
    if (step.varies && std::ranges::find(ops, step.node.op) != std::end(ops)) steps.push_back(&step);
  std::ranges::sort(steps, {}, &Step::line);
  std::vector<Layer> layers;
  for (const Step* step : steps) {
    Layer layer;
    layer.name = step->node.name.empty() ? step->node.outputs.front() : step->node.name;
    layer.op = step->node.op;
    layer.out = program.shape(step->out.front(), samples);
    for (std::size_t i = 0; i < step->in.size(); ++i)
      if (step->in_varies[i] != 0) {
        layer.in = program.shape(step->in[i], samples);
        break;
      }
    Tape tape;
    const Var y = program.run_alone(*step, tape, samples);
    if (y.defined())
      if (const auto part = affine_part(y)) {
        layer.map = part->map;
        layer.relative_error = part->relative_error;
      }
    layers.push_back(std::move(layer));
  }
  return layers;
}

std::map<std::string, Array> evaluate(const GraphData& graph, const std::map<std::string, Array>& inputs,
                                      std::span<const std::string> varying, const std::string& name) {
  const std::vector<std::string> outputs = names_of(graph.outputs);
  std::vector<std::string> given;
  for (const auto& [input, array] : inputs) given.push_back(input);
  const memory::Limit limit(std::size_t{2} << 30);
  Program program(with_branches_taken(graph, name), name, given, varying, outputs);
  Tape tape;
  std::vector<Value> values;
  for (const auto& [input, array] : inputs) {
    const bool real = is_float(array.type), varies = std::ranges::find(varying, input) != varying.end();
    const Tensor tensor = real ? array.tensor.to(program.dtype()) : array.tensor;
    values.push_back({varies && real ? tape.input(tensor) : Var(tensor), array.type});
  }
  program.recognise(values);
  std::map<std::string, Array> result;
  const std::vector<Value> found = program.run(values, varying.empty() ? nullptr : &tape, as_learned);
  for (std::size_t i = 0; i < outputs.size(); ++i) result[outputs[i]] = {found[i].var.value(), found[i].type};
  return result;
}

}  // namespace taut::nn::onnx
