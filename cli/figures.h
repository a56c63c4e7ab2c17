// The figures of the report, as SVG that stretches with the page while its text keeps its size.
#pragma once

#include <string>

#include "cli/analysis.h"

namespace taut::cli {

std::string sandwich_figure(const Sandwich& sandwich);
std::string norms_figure(const std::vector<LayerRow>& layers);
std::string spectrum_figure(const LayerRow& layer);  // singular_values must be there and not empty

}  // namespace taut::cli
