// Parameters by name, and freezing.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "nn/module.h"

#pragma GCC visibility push(default)

namespace taut::nn {

struct NamedParameter {
  std::string path;  // dotted, below the module: "0.weight"
  Parameter* parameter = nullptr;
};
// Those of parameters(), in the same order.
std::vector<NamedParameter> named_parameters(ModuleRef module);

// The parameter at a path. UsageError naming the most similar paths when there is none.
Parameter& parameter(ModuleRef module, std::string_view path);

// Takes parameters out of training (Parameter::trained = false), or back in; running statistics, which never are in
// training, stay out. `pattern` is a path or the beginning of one up to a dot, in which * stands for any characters:
// "0", "1.body", "*.bias", "*". Optimisers made later ignore frozen parameters, those made before leave them alone;
// running statistics of a batch norm still follow the data. Returns how many parameters the pattern names; UsageError
// when there are none.
Index freeze(ModuleRef module, std::string_view pattern);
Index unfreeze(ModuleRef module, std::string_view pattern);

}  // namespace taut::nn

#pragma GCC visibility pop
