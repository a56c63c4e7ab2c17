// One row per layer, of the file as it stands and after folding.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lipschitz/affine_layers.h"
#include "nn/onnx/model.h"

namespace taut::cli {

struct LayerRow {
  std::string name, op;
  Shape in, out;
  std::string structure;          // "convolution", "dense"; "not affine" where there is no map
  std::optional<Enclosure> norm;  // none where the node is not affine in what varies
  std::optional<UpperBound> frobenius;
  std::optional<std::vector<double>> singular_values;  // none: not asked for, too large, or no time
  // Of folded maps, see FoldedLayer.
  bool on_largest_path = false;
  std::optional<double> share;
  bool culprit = false;
};

struct LayerRows {
  std::vector<LayerRow> unfolded, folded;
};

struct LayerOptions {
  Budget budget{};
  Norm norm = Norm::l2;
  bool unfolded = true, spectra = false;
};
LayerRows layer_rows(const nn::onnx::Model& model, const std::vector<FoldedLayer>& folded, const LayerOptions& options);

std::string structure_name(const LinearMap& map);

}  // namespace taut::cli
