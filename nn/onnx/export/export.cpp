#include "nn/onnx/export.h"

#include <algorithm>

#include "autodiff/diff.h"
#include "autodiff/ops.h"
#include "nn/onnx/export/forms.h"
#include "nn/parameters.h"

namespace taut::nn::onnx {
namespace {

// The nodes that the output follows from, itself included.
std::vector<bool> ancestors(const Tape& tape, NodeId output) {
  std::vector<bool> wanted(output + 1, false);
  wanted[output] = true;
  for (NodeId id = output + 1; id-- > 0;)
    if (wanted[id])
      for (const NodeId operand : tape.node(id).operands()) wanted[operand] = true;
  return wanted;
}

class Export {
 public:
  // `named`: initialisers that are written under a name of their own, whether the output needs them or not.
  Export(const Tape& tape, NodeId output, const ExportOptions& options, const std::map<NodeId, std::string>& named)
      : tape_(tape),
        output_(output),
        options_(options),
        named_(named),
        symbolic_(options.symbolic_batch.value_or(false)),
        graph_(options.opset),
        written_(std::max<std::size_t>(output + 1, named.empty() ? 0 : named.rbegin()->first + 1)) {
    if (options.opset < 13 || options.opset > 17)
      throw UsageError(cat("[onnx] an opset from 13 to 17 is required, got ", options.opset));
  }

  GraphData graph() {
    std::set<std::string> kept;
    for (const auto& [id, name] : named_) {
      written_[id].name = graph_.initialiser(name, array(id));
      kept.insert(written_[id].name);
    }
    const std::vector<bool> wanted = ancestors(tape_, output_);
    for (NodeId id = 0; id <= output_; ++id)
      if (wanted[id] && !named_.contains(id)) write(id);
    if (graph_.data.inputs.empty())
      throw UsageError("[onnx] the output depends on no input; put what varies on the tape with tape.input()");
    finish();
    graph_.data.name = options_.name;
    graph_.data.producer = "taut";
    return graph_.finish(kept);
  }

 private:
  Array array(NodeId id) const {
    const Tensor& value = tape_.node(id).value;
    return {value, element_type(value.dtype())};
  }

  GraphPort port(const std::string& name, NodeId id) const {
    const Tensor& value = tape_.node(id).value;
    std::vector<Dimension> dims;
    for (int i = 0; i < value.shape().rank(); ++i) {
      if (symbolic_ && i == written_[id].axis)
        dims.push_back({{}, "batch"});
      else
        dims.push_back({value.shape()[i], ""});
    }
    return {name, element_type(value.dtype()), std::move(dims)};
  }

  void write(NodeId id) {
    const Node& node = tape_.node(id);
    if (node.leaf == Leaf::input) return write_input(id, node);
    if (node.op == nullptr)
      return constant(id, node.label.empty() ? cat(node.name(), '_', id) : std::string(node.label));
    Written& here = written_[id];
    const auto operands = node.operands();
    // What holds no numbers is known, and so is what is made of it alone; operators need not cope with it.
    here.varies = node.value.size() > 0 &&
                  std::ranges::any_of(operands, [&](NodeId operand) { return written_[operand].varies; });
    const bool hollow = node.value.size() == 0 || std::ranges::any_of(operands, [&](NodeId operand) {
                          return tape_.node(operand).value.size() == 0;
                        });
    const Form* const form = form_of(node.op->info());
    if (!here.varies && (form == nullptr || hollow)) return constant(id, cat(node.name(), '_', id));
    if (form == nullptr)
      throw UnsupportedError(cat("[onnx] ", node.name(), " at ", node.where,
                                 " has no ONNX form; express it by ops that have one (docs/primitives.md)"));
    if (symbolic_ && here.varies) here.axis = sample_axis(node);
    Site site(graph_, tape_, written_, id, here.axis, form->nodes);
    const std::size_t first = graph_.data.nodes.size();
    const std::string value = form->write(site);
    here.name = value;
    // The node that gives the value is called as the op is.
    const bool made_here =
        std::ranges::any_of(graph_.data.nodes.begin() + static_cast<std::ptrdiff_t>(first), graph_.data.nodes.end(),
                            [&](const GraphNode& made) { return made.outputs.front() == value; });
    if (!made_here) return;
    here.name = graph_.unique(cat(node.name(), '_', id));
    graph_.rename(first, value, here.name);
  }

  void write_input(NodeId id, const Node& node) {
    Written& here = written_[id];
    here.name = graph_.unique(node.label.empty() ? options_.input : std::string(node.label));
    here.varies = node.value.size() > 0;
    if (symbolic_) {
      const Shape& shape = node.value.shape();
      if (shape.rank() == 0 || shape[0] != 1)
        throw UsageError(cat("[onnx] with a symbolic batch, inputs hold one sample along axis 0, got shape ", shape,
                             "; record the tape on one sample, or export with symbolic_batch = false"));
      here.axis = 0;
    }
    graph_.data.inputs.push_back(port(here.name, id));
  }

  void constant(NodeId id, const std::string& name) { written_[id].name = graph_.initialiser(name, array(id)); }

  int sample_axis(const Node& node) const {
    std::vector<const Tensor*> values;
    std::vector<int> axes;
    for (const NodeId operand : node.operands()) {
      values.push_back(&tape_.node(operand).value);
      axes.push_back(written_[operand].axis);
    }
    const int axis = node.op->sample_axis({Operands(values), node.value, axes});
    if (axis < 0)
      throw UnsupportedError(cat("[onnx] ", node.name(), " at ", node.where,
                                 axis == mixes_samples ? " mixes samples" : " leaves no axis that counts the samples",
                                 ", so that the number of samples cannot stay open; export with symbolic_batch = "
                                 "false"));
    return axis;
  }

  // The output under its own name, even where it is an input or a constant.
  void finish() {
    Written& last = written_[output_];
    const std::string name = graph_.unique(options_.output);
    const bool made = std::ranges::any_of(graph_.data.nodes,
                                          [&](const GraphNode& node) { return node.outputs.front() == last.name; });
    if (made)
      graph_.rename(0, last.name, name);
    else
      graph_.rename(0, graph_.add("Identity", {last.name}, {}, "output.Identity"), name);
    graph_.data.outputs.push_back(port(name, output_));
  }

  const Tape& tape_;
  NodeId output_;
  const ExportOptions& options_;
  const std::map<NodeId, std::string>& named_;
  bool symbolic_;
  GraphWriter graph_;
  std::vector<Written> written_;
};

}  // namespace

GraphData to_onnx(const Var& output, const ExportOptions& options) {
  const Tape* const tape = Tape::of(output);
  if (tape == nullptr)
    throw UsageError("[onnx] the output is a plain tensor; record it on a tape, with tape.input() for what varies");
  return Export(*tape, output.id(), options, {}).graph();
}

GraphData to_onnx(ModuleRef module, const Tensor& batch, const ExportOptions& options) {
  if (!batch.defined() || batch.shape().rank() == 0 || batch.shape()[0] < 1)
    throw UsageError(cat("[onnx] a batch with at least one sample along axis 0 is required, got ",
                         batch.defined() ? "shape " + batch.shape().str() : "an undefined tensor"));
  const InferenceScope inference(module);
  Tape tape;
  const Var x = tape.input(slice(Var(batch), 0, 0, 1).value());
  const Var y = module(x);
  if (Tape::of(y) != &tape)
    throw UsageError("[onnx] the module's output does not depend on its input; there is nothing to export");
  std::map<NodeId, std::string> named;
  for (const NamedParameter& p : named_parameters(module)) named[p.parameter->on(tape).id()] = p.path;
  ExportOptions of_module = options;
  of_module.symbolic_batch = options.symbolic_batch.value_or(true);
  return Export(tape, y.id(), of_module, named).graph();
}

void save(const Var& output, const std::filesystem::path& file, const ExportOptions& options) {
  write_graph(to_onnx(output, options), file);
}

void save(ModuleRef module, const Tensor& batch, const std::filesystem::path& file, const ExportOptions& options) {
  write_graph(to_onnx(module, batch, options), file);
}

}  // namespace taut::nn::onnx
