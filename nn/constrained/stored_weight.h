// What the layers that are Lipschitz by construction share: weights W = g(V) of raw, trained numbers V.
//
// In training W is computed on the tape, differentiably. In inference it is a plain tensor, made once for the numbers V
// that it was made from and scaled such that its norm is proved to be at most what the layer promises: bounds and
// exports then see a net of plain layers.
#pragma once

#include <array>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "autodiff/linear_map.h"
#include "nn/init.h"
#include "nn/module/layer_parts.h"
#include "nn/parameter.h"

namespace taut::nn {

struct ConstrainedOptions {
  bool bias = true;  // starts at 0
  DType dtype = DType::f32;
  double constant = 1.0;  // the bound of the layer's Lipschitz constant in l2, above 0
  Initialiser weight = orthogonal();
  std::array<Index, 2> image{0, 0};  // (h, w) that a convolution sees; {0, 0}: as its latest call showed
};

namespace parts {

// The linear map of a weight, for its norm.
using MapOf = std::function<LinearMap(const Tensor&)>;

// The weight, scaled down where its certified norm exceeds the limit, rounded to its dtype, such that the certified
// norm of the result is at most the limit. `layer` is for messages; NumericError for weights that are not finite.
Tensor within_norm(Tensor weight, const MapOf& map_of, double limit, const char* layer, Norm norm = Norm::l2);

// The map of a matrix (out, in), and that of a kernel on images (h, w) in either way of padding.
LinearMap matrix_map(const Tensor& weight);
LinearMap kernel_map(const Tensor& kernel, const Conv2dOptions& geometry, std::array<Index, 2> image,
                     Boundary boundary = Boundary::zero);

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

// The certified norm of a map whose weight is to be divided by it. NumericError when it is 0 or not finite.
double norm_to_divide_by(const LinearMap& map, const char* layer, Where where);
void require_divisor(double norm, const char* layer, Where where);
// DomainError unless the constant is finite and above 0.
void require_constant(const char* layer, double constant);
LayerOptions layer_options(const ConstrainedOptions& options);

}  // namespace parts
}  // namespace taut::nn
