// What layers with weights share.
#pragma once

#include "nn/init.h"
#include "nn/parameter.h"

namespace taut::nn {

struct LayerOptions {
  bool bias = true;  // starts at 0
  DType dtype = DType::f32;
  Initialiser weight = kaiming_uniform();
};

namespace parts {

Parameter initialised(const Shape& shape, const LayerOptions& options, Random& random);
Parameter zero_bias(Index size, const LayerOptions& options);  // undefined when there is none
// ShapeError "[layer] what must be 1 or more, got given".
void require_positive(const char* layer, const char* what, Index given);
void require_groups(const char* layer, Index groups, Index c_in, Index c_out);

}  // namespace parts
}  // namespace taut::nn
