// What the layers that are Lipschitz by construction share: weights W = g(V) of raw, trained numbers V.
//
// In training W is computed on the tape, differentiably. In inference it is a plain tensor, made once for the numbers V
// that it was made from and scaled such that its norm is proved to be at most what the layer promises: bounds and
// exports then see a net of plain layers.
#pragma once

#include <array>
#include <span>
#include <string>
#include <vector>

#include "autodiff/linear_map.h"
#include "nn/init.h"
#include "nn/layer_options.h"
#include "nn/parameter.h"

#pragma GCC visibility push(default)

namespace taut::nn {

struct ConstrainedOptions {
  bool bias = true;  // starts at 0
  DType dtype = DType::f32;
  double constant = 1.0;  // the bound of the layer's Lipschitz constant in l2, above 0
  Initialiser weight = orthogonal();
  std::array<Index, 2> image{0, 0};  // (h, w) that a convolution sees; {0, 0}: as its latest call showed
};

namespace parts {

// W of inference, with what it was made from.
class StoredWeight {
 public:
  using Sources = std::span<const Parameter* const>;
  // The stored weights, made anew by `make` when a raw number or the image has changed. Their leaf is named beside that
  // of the first raw parameter: "0.weight" for "0.raw".
  template <class Make>
  const std::vector<Parameter>& of(Sources raw, std::array<Index, 2> image, const Make& make) const {
    if (!is_current(raw, image)) store(raw, image, make());
    rename(raw.front()->name);
    return stored_;
  }

 private:
  bool is_current(Sources raw, std::array<Index, 2> image) const;
  void store(Sources raw, std::array<Index, 2> image, std::vector<Tensor> made) const;

  void rename(const std::string& raw) const;

  mutable std::string raw_name_;
  mutable std::vector<Tensor> made_from_;
  mutable std::array<Index, 2> image_{0, 0};
  mutable std::vector<Parameter> stored_;
};

}  // namespace parts
}  // namespace taut::nn

#pragma GCC visibility pop
