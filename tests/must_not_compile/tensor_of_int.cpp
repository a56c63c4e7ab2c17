// error: not satisf(y|ied)
// Tensors hold f32 or f64; integers are not taken silently.
#include "autodiff/tensor.h"

taut::Tensor use() { return taut::Tensor::of<int>({2}, {1, 2}); }
