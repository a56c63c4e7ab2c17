#include "nn/constrained/weights.h"

#include <cmath>
#include <cstring>

#include "autodiff/error.h"
#include "lipschitz/spectral.h"

namespace taut::nn::parts {
namespace {

// Tensors that one of us still holds are never written to, so the same storage has the same numbers.
bool same_numbers(const Tensor& a, const Tensor& b) {
  if (a.raw() == b.raw()) return true;
  return a.type() == b.type() && std::memcmp(a.raw(), b.raw(), a.bytes()) == 0;
}

void multiply(Tensor& tensor, double factor) {
  dispatch(tensor.dtype(), [&](auto zero) {
    using T = decltype(zero);
    for (T& x : tensor.mutable_data<T>()) x = static_cast<T>(static_cast<double>(x) * factor);
  });
}

// "0.raw" → "0.weight", the second stored tensor "0.weight_1".
std::string stored_name(const std::string& raw, std::size_t index) {
  const std::size_t dot = raw.rfind('.');
  const std::string parent = dot == std::string::npos ? "" : raw.substr(0, dot + 1);
  if (raw.empty()) return "";
  return index == 0 ? parent + "weight" : cat(parent, "weight_", index);
}

}  // namespace

Tensor within_norm(Tensor weight, const MapOf& map_of, double limit, const char* layer, Norm norm) {
  if (const Index i = weight.first_non_finite(); i >= 0)
    throw NumericError(cat('[', layer, "] needs finite weights, got ", weight.at(i), " at position ", i,
                           "; lower the learning rate or load other numbers"));
  // Each entry is rounded once; the slack covers that, and grows where the certified bound is not homogeneous.
  double slack = weight.dtype() == DType::f32 ? 0x1p-22 : 0x1p-48;
  constexpr int attempts = 16;
  for (int i = 0; i < attempts; ++i, slack *= 2.0) {
    const double upper = operator_norm(map_of(weight), norm).upper.value();
    if (upper <= limit) return weight;
    if (upper == infinity) break;
    multiply(weight, limit / upper * (1.0 - slack));
  }
  throw NumericError(cat('[', layer, "] could not bring the certified norm of its weights to ", limit,
                         "; are they within the range of their dtype?"));
}

LinearMap matrix_map(const Tensor& weight) {
  return dense_map(weight, Shape{weight.shape()[1]}, Shape{weight.shape()[0]});
}

LinearMap kernel_map(const Tensor& kernel, const Conv2dOptions& geometry, std::array<Index, 2> image,
                     Boundary boundary) {
  const Shape& k = kernel.shape();
  structure::Convolution c{kernel, geometry, {k[1] * geometry.groups, image[0], image[1]}, {k[0], 0, 0}, boundary};
  c.options.layout = Layout::nchw;
  for (std::size_t a = 0; a < 2; ++a) {
    const Index reach = geometry.dilation[a] * (k[2 + static_cast<int>(a)] - 1);
    const Index padded = image[a] + geometry.padding[2 * a] + geometry.padding[2 * a + 1];
    c.result[a + 1] = (padded - reach - 1) / geometry.stride[a] + 1;
  }
  const Shape in(c.image), out(c.result);
  return LinearMap(in, out, std::move(c));
}

bool StoredWeight::is_current(Sources raw, std::array<Index, 2> image) const {
  if (raw.size() != made_from_.size() || image != image_) return false;
  std::size_t i = 0;
  for (const Parameter* const p : raw)
    if (!same_numbers(p->value, made_from_[i++])) return false;
  return true;
}

void StoredWeight::store(Sources raw, std::array<Index, 2> image, std::vector<Tensor> made) const {
  stored_.clear();
  for (Tensor& tensor : made) stored_.emplace_back(std::move(tensor), false);
  raw_name_.clear();
  made_from_.clear();
  for (const Parameter* const p : raw) made_from_.push_back(p->value);
  image_ = image;
}

void StoredWeight::rename(const std::string& raw) const {
  if (raw == raw_name_) return;
  raw_name_ = raw;
  for (std::size_t i = 0; i < stored_.size(); ++i) stored_[i].name = stored_name(raw, i);
}

double norm_to_divide_by(const LinearMap& map, const char* layer, Where where) {
  const double norm = operator_norm(map, Norm::l2).upper.value();
  require_divisor(norm, layer, where);
  return norm;
}

void require_divisor(double norm, const char* layer, Where where) {
  if (!(norm > 0.0 && norm < infinity))
    throw NumericError(cat('[', layer, "] at ", where, ": needs weights of a norm above 0 to divide by, got ", norm,
                           "; use another initialiser, or lower the learning rate"));
}

void require_constant(const char* layer, double constant) {
  if (!(std::isfinite(constant) && constant > 0.0))
    throw DomainError(cat('[', layer, "] the constant must be finite and above 0, got ", constant,
                          "; 1 makes the layer 1-Lipschitz"));
}

LayerOptions layer_options(const ConstrainedOptions& options) { return {options.bias, options.dtype, options.weight}; }

}  // namespace taut::nn::parts
