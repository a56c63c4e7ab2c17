// What is exported by the tests: every module, and every primitive by its samples.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "harness/sample.h"
#include "nn/module.h"
#include "nn/random.h"

namespace taut::test {

struct ModuleCase {
  std::string name;
  Shape sample;  // a batch of one
  std::function<nn::AnyModule(nn::Random& random, DType dtype)> build;
  // The same with parameters, statistics of batch norms included, that are not those of a fresh module.
  nn::AnyModule module(DType dtype) const;
};
const std::vector<ModuleCase>& module_cases();

struct PrimitiveCase {
  std::string op, name;  // the name is fit for a file
  harness::Sample sample;
  harness::Inputs inputs;  // f64
};
// In the order of autodiff/primitive_list.h.
std::vector<PrimitiveCase> primitive_cases();

}  // namespace taut::test
