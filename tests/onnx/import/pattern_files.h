// Every decomposition that is recognised, in every spelling, as a small graph from x to y.
#pragma once

#include <string>
#include <vector>

#include "tests/onnx/import/graphs.h"

namespace taut::test {

struct PatternFile {
  std::string op;  // what it is recognised as
  onnx::GraphData graph;
};
std::vector<PatternFile> pattern_files();

}  // namespace taut::test
