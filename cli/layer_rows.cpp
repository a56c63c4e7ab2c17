#include "cli/layer_rows.h"

#include <algorithm>

#include "autodiff/error.h"
#include "lipschitz/singular_values.h"

namespace taut::cli {
namespace {

using nn::onnx::Layer;
using nn::onnx::Model;

struct StructureName {
  std::string operator()(const structure::Dense&) const { return "dense"; }
  std::string operator()(const structure::DenseAlong&) const { return "dense along an axis"; }
  std::string operator()(const structure::Scale&) const { return "scale"; }
  std::string operator()(const structure::Diagonal&) const { return "diagonal"; }
  std::string operator()(const structure::Selection&) const { return "selection"; }
  std::string operator()(const structure::Gathering&) const { return "gathering"; }
  std::string operator()(const structure::Convolution& c) const {
    return c.transposed ? "transposed convolution" : "convolution";
  }
  std::string operator()(const structure::BlockRow&) const { return "block row"; }
  std::string operator()(const structure::BlockColumn&) const { return "block column"; }
  std::string operator()(const structure::Composition& c) const { return cat("product of ", c.factors.size()); }
  std::string operator()(const structure::Sum& s) const { return cat("sum of ", s.terms.size()); }
  std::string operator()(const structure::Opaque&) const { return "opaque"; }
};

// Nothing where the map is too large for it.
std::optional<std::vector<double>> spectrum(const LinearMap& map, const Budget& budget) {
  try {
    return singular_values(map, budget).values;
  } catch (const UnsupportedError&) {
    return std::nullopt;
  }
}

LayerRow unfolded_row(const Layer& layer, const LayerOptions& options) {
  LayerRow row{layer.name, layer.op, layer.in, layer.out, "not affine", {}, {}, {}, false, {}, false};
  if (!layer.map) return row;
  const AffineMap affine{layer.map, layer.relative_error};
  row.structure = structure_name(layer.map);
  row.norm = operator_norm(affine, options.norm, options.budget);
  row.frobenius = frobenius_norm(affine, options.budget);
  if (options.spectra) row.singular_values = spectrum(layer.map, options.budget);
  return row;
}

// "conv1 + bn1", and the same of the ops; of many the first and the last.
std::pair<std::string, std::string> named_after_nodes(const FoldedLayer& layer) {
  std::vector<Where> places;
  // What puts several inputs or outputs together has no node in the file.
  for (const LayerNode& node : layer.nodes)
    if (node.where.name != nullptr && std::ranges::find(places, node.where.line, &Where::line) == places.end())
      places.push_back(node.where);
  if (places.empty()) return {"", layer.to.op};
  constexpr std::size_t shown = 4;
  std::pair<std::string, std::string> text;
  for (std::size_t k = 0; k < places.size(); ++k) {
    if (places.size() > shown && k > 0 && k + 1 < places.size()) continue;
    const char* const between = k == 0 ? "" : places.size() > shown ? " ... " : " + ";
    text.first += cat(between, places[k].name);
    text.second += cat(between, places[k].op);
  }
  return text;
}

LayerRow folded_row(const FoldedLayer& layer, const LayerOptions& options) {
  const auto [name, op] = named_after_nodes(layer);
  const LinearMap& map = layer.affine.map;
  LayerRow row{name,
               op,
               map.in_shape(),
               map.out_shape(),
               structure_name(map),
               layer.norm,
               layer.frobenius,
               {},
               layer.on_largest_path,
               layer.share,
               false};
  if (options.spectra) row.singular_values = spectrum(map, options.budget);
  return row;
}

}  // namespace

std::string structure_name(const LinearMap& map) { return std::visit(StructureName{}, map.structure()); }

LayerRows layer_rows(const Model& model, const std::vector<FoldedLayer>& folded, const LayerOptions& options) {
  LayerRows rows;
  const FoldedLayer* const worst = culprit(folded);
  for (const FoldedLayer& layer : folded) {
    rows.folded.push_back(folded_row(layer, options));
    rows.folded.back().culprit = &layer == worst;
  }
  if (!options.unfolded) return rows;
  for (const Layer& layer : model.layers()) rows.unfolded.push_back(unfolded_row(layer, options));
  return rows;
}

}  // namespace taut::cli
