// What fixes an operation beside its operands, as plain data by name: for writing a tape down in another form. Neither
// derivatives nor analyses ask for it.
#pragma once

#include <string_view>
#include <variant>
#include <vector>

#include "autodiff/tensor.h"

#pragma GCC visibility push(default)

namespace taut {

struct Attribute {
  std::string_view name;  // as in ops.h
  std::variant<bool, Index, double, std::vector<Index>, Tensor> value;
};
using Attributes = std::vector<Attribute>;

}  // namespace taut

#pragma GCC visibility pop
