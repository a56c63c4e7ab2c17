#include <algorithm>
#include <map>

#include "autodiff/error.h"
#include "nn/onnx/export.h"
#include "nn/parameters.h"

namespace taut::nn::onnx {

void load_parameters(ModuleRef module, const std::filesystem::path& file) {
  const GraphData graph = read_graph(file);
  std::map<std::string, const Array*> arrays;
  for (const auto& [name, array] : graph.initialisers) arrays[name] = &array;
  const std::vector<NamedParameter> all = named_parameters(module);
  for (const NamedParameter& p : all) {
    const Tensor& now = p.parameter->value;
    const auto found = arrays.find(p.path);
    if (found == arrays.end())
      throw FileError(cat(file.string(), ": there is no initialiser '", p.path, "', which the module needs as ",
                          now.dtype(), ' ', now.shape(), "; is it the file of a module of the same architecture?"));
    const Tensor& given = found->second->tensor;
    const auto fits = [&] { return cat(file.string(), ": initialiser '", p.path, "' must be "); };
    if (given.shape() != now.shape()) throw ShapeError(cat(fits(), now.shape(), ", got ", given.shape()));
    if (!onnx::is_float(found->second->type) || given.dtype() != now.dtype())
      throw DTypeError(cat(fits(), now.dtype(), ", got ", to_string(found->second->type)));
    if (const Index bad = given.first_non_finite(); bad >= 0)
      throw NumericError(cat(fits(), "finite, element ", bad, " is ", given.at(bad)));
  }
  for (const NamedParameter& p : all) p.parameter->value = arrays.at(p.path)->tensor;
}

}  // namespace taut::nn::onnx
