// Networks of tests/data/reference with values that others computed. The format is described there.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "autodiff/outward.h"
#include "autodiff/var.h"

namespace taut::testing {

struct ReferenceValue {
  std::string kind;  // exact, upper, lower
  double relative_accuracy = 0.0;
  std::optional<Interval> box;  // every entry of the input lies in it; none: all reals
  std::vector<double> numbers;
  double number() const { return numbers.at(0); }
};

struct ReferenceNetwork {
  struct Layer {
    std::string op;
    std::vector<std::size_t> operands;  // nodes; 0 is the input
    Tensor weight, bias;                // of dense layers; no bias: undefined
    double parameter = 0.0;             // slope, alpha
  };

  std::string name;
  Index inputs = 0;
  DType dtype = DType::f64;
  std::vector<Layer> layers;  // in order: layer i makes node i + 1
  std::map<std::string, ReferenceValue> values;

  Var operator()(const Var& x) const;  // (batch, inputs) → (batch, outputs)
  Tensor sample() const;               // zeros (1, inputs) of the network's dtype
  bool has(const std::string& key) const { return values.count(key) != 0; }
  const ReferenceValue& value(const std::string& key) const;  // std::out_of_range when there is none
};

std::vector<std::string> reference_networks();  // their names, sorted
ReferenceNetwork reference_network(const std::string& name);

}  // namespace taut::testing
