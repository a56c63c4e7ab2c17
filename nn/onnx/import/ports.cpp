#include "nn/onnx/import/ports.h"

#include <algorithm>
#include <iterator>

#include "autodiff/error.h"
#include "nn/onnx/import/program.h"

namespace taut::nn::onnx {
namespace {

std::string shape_text(const GraphPort& port) {
  std::string text;
  for (const Dimension& d : *port.shape)
    text += cat(text.empty() ? "" : "x", d.size             ? std::to_string(*d.size)
                                         : d.symbol.empty() ? "?"
                                                            : d.symbol.substr(0, 40));
  return text.empty() ? "()" : text;
}

bool has(const std::vector<GraphPort>& ports, const std::string& name) {
  return std::ranges::any_of(ports, [&](const GraphPort& port) { return port.name == name; });
}

void require_ports(const std::vector<GraphPort>& inputs, const GraphData& graph, const ImportOptions& options,
                   const std::string& file) {
  if (!options.input.empty() && !has(inputs, options.input))
    throw UsageError(cat(file, ": there is no input '", options.input, "'; there are ", listed(names_of(inputs))));
  if (!options.output.empty() && !has(graph.outputs, options.output))
    throw UsageError(
        cat(file, ": there is no output '", options.output, "'; there are ", listed(names_of(graph.outputs))));
  if (graph.outputs.empty()) throw FileError(cat(file, ": the graph has no output"));
}

// Bytes are intensities of pixels, which may be any number between, where there is no other input of numbers.
void take_bytes_as_numbers(Ports& ports, const ImportOptions& options) {
  const auto is_bytes = [](const GraphPort& port) { return port.type == ElementType::u8; };
  if (ports.looked_at.empty() && options.input.empty()) {
    std::ranges::copy_if(ports.held, std::back_inserter(ports.looked_at), is_bytes);
    std::erase_if(ports.held, is_bytes);
  }
  for (GraphPort& port : ports.looked_at) {
    if (!is_bytes(port)) continue;
    port.type = ElementType::f32;
    ports.notes.push_back(cat("the bytes of the input '", port.name, "' are taken as real numbers"));
  }
}

void require_numbers(std::vector<GraphPort>& looked_at, const ImportOptions& options, const std::string& file) {
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
}

// What is wrong with the shape that is wanted, "" for nothing.
std::string objection(const GraphPort& port, const std::vector<Index>& wanted, int free) {
  if (std::ranges::any_of(wanted, [](Index d) { return d < 1; })) return "needs positive sizes";
  if (wanted.size() > static_cast<std::size_t>(max_rank)) return cat("may have ", max_rank, " axes");
  if (!port.shape) return "";
  if (port.shape->size() != wanted.size())
    return cat("has the shape ", shape_text(port), ", which has ", port.shape->size(), " axes, not ", wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i)
    if (const auto& size = (*port.shape)[i].size; size && *size != wanted[i] && static_cast<int>(i) != free)
      return cat("has the shape ", shape_text(port), ", of which axis ", i, " is ", *size, " and not ", wanted[i]);
  return "";
}

}  // namespace

Ports choose_ports(const GraphData& graph, const ImportOptions& options, const std::string& file) {
  Ports ports;
  std::vector<GraphPort> given;
  for (const GraphPort& port : graph.inputs) {
    const bool constant = std::ranges::any_of(graph.initialisers, [&](const auto& i) { return i.first == port.name; });
    if (!constant) given.push_back(port);
  }
  require_ports(given, graph, options, file);
  for (const GraphPort& port : graph.outputs)
    if (options.output.empty() || options.output == port.name) ports.outputs.push_back(port.name);
  // Inputs that no output depends on are no inputs.
  std::vector<std::string> used;
  for (const auto& [line, node] : ordered_nodes(graph, file, ports.outputs))
    used.insert(used.end(), node->inputs.begin(), node->inputs.end());
  used.insert(used.end(), ports.outputs.begin(), ports.outputs.end());
  for (const GraphPort& port : given) {
    if (std::ranges::find(used, port.name) == used.end()) continue;
    const bool chosen =
        options.input.empty() ? is_float(port.type) || port.type == ElementType::undefined : options.input == port.name;
    (chosen ? ports.looked_at : ports.held).push_back(port);
  }
  take_bytes_as_numbers(ports, options);
  require_numbers(ports.looked_at, options, file);
  return ports;
}

Sizes sizes_of(const GraphPort& port, const std::vector<Index>& wanted, int free, const std::string& file) {
  const auto fail = [&](const std::string& why) {
    throw ShapeError(
        cat(file, ": the input '", port.name, "' ", why, "; give its shape, as in --input-shape 1x3x32x32"));
  };
  if (!wanted.empty()) {
    if (const std::string why = objection(port, wanted, free); !why.empty()) fail(why);
    return {wanted.begin(), wanted.end()};
  }
  if (!port.shape) fail("has no shape in the file");
  const std::size_t rank = port.shape->size();
  if (rank > static_cast<std::size_t>(max_rank)) fail(cat("has more than ", max_rank, " axes"));
  Sizes sizes;
  for (std::size_t i = 0; i < rank; ++i) {
    const std::optional<std::int64_t>& size = (*port.shape)[i].size;
    if (!size && (static_cast<int>(i) != free || rank == 1))
      fail(cat("has the shape ", shape_text(port), " in the file, with an open size"));
    sizes.push_back(size);
  }
  return sizes;
}

Shape with_open(const Sizes& sizes, Index open) {
  std::vector<Index> dims;
  for (const std::optional<Index>& size : sizes) dims.push_back(size.value_or(open));
  return Shape(dims);
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

}  // namespace taut::nn::onnx
