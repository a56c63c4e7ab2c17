// Forms of activation functions. Attributes of ONNX are f32: what they cannot hold is written as tensors.
#include <cmath>

#include "nn/onnx/export/forms.h"

namespace taut::nn::onnx::form {
namespace {

NodeAttributes floats(std::initializer_list<std::pair<const char*, double>> list) {
  NodeAttributes attributes;
  for (const auto& [name, value] : list) attributes[name] = static_cast<float>(value);
  return attributes;
}

// x for x > 0, alpha (e^x − 1) else.
std::string elu_of_parts(Site& site, double alpha) {
  const std::string& x = site.in(0);
  const std::string positive = site.emit("Greater", {x, site.number(0.0)});
  const std::string below = site.emit("Sub", {site.emit("Exp", {x}), site.number(1.0)});
  return site.emit("Where", {positive, x, site.emit("Mul", {below, site.number(alpha)})});
}

}  // namespace

std::string elu(Site& site) {
  const auto alpha = site.get<double>("alpha");
  if (Site::is_float(alpha)) return site.emit("Elu", {site.in(0)}, floats({{"alpha", alpha}}));
  return elu_of_parts(site, alpha);
}

std::string selu(Site& site) {
  const auto alpha = site.get<double>("alpha"), gamma = site.get<double>("gamma");
  if (Site::is_float(alpha) && Site::is_float(gamma))
    return site.emit("Selu", {site.in(0)}, floats({{"alpha", alpha}, {"gamma", gamma}}));
  return site.emit("Mul", {elu_of_parts(site, alpha), site.number(gamma)});
}

// Celu is defined for f32 alone.
std::string celu(Site& site) {
  const auto alpha = site.get<double>("alpha");
  const std::string& x = site.in(0);
  if (alpha == 1.0) return site.emit("Elu", {x}, floats({{"alpha", alpha}}));
  if (site.dtype() == DType::f32) return site.emit("Celu", {x}, floats({{"alpha", alpha}}));
  const std::string scaled = site.emit("Div", {x, site.number(alpha)});
  return site.emit("Mul", {site.emit("Elu", {scaled}, floats({{"alpha", 1.0}})), site.number(alpha)});
}

// x / √2 with √2 as the root of 2, which is exact in either type.
std::string gelu(Site& site) {
  const std::string& x = site.in(0);
  const std::string scaled = site.emit("Div", {x, site.emit("Sqrt", {site.number(2.0)})});
  const std::string both = site.emit("Add", {site.emit("Erf", {scaled}), site.number(1.0)});
  return site.emit("Mul", {site.emit("Mul", {x, both}), site.number(0.5)});
}

// x/2 (1 + tanh(√(2/π)(x + 0.044715 x³))), in the order in which PyTorch writes it.
std::string gelu_tanh(Site& site) {
  const std::string& x = site.in(0);
  const std::string cube = site.emit("Mul", {x, site.emit("Mul", {x, x})});
  const std::string inner = site.emit("Add", {x, site.emit("Mul", {cube, site.number(0.044715)})});
  const std::string scaled = site.emit("Mul", {inner, site.number(0.79788456080286535588)});
  const std::string both = site.emit("Add", {site.emit("Tanh", {scaled}), site.number(1.0)});
  return site.emit("Mul", {site.emit("Mul", {x, site.number(0.5)}), both});
}

std::string silu(Site& site) { return site.emit("Mul", {site.in(0), site.emit("Sigmoid", {site.in(0)})}); }

std::string mish(Site& site) {
  return site.emit("Mul", {site.in(0), site.emit("Tanh", {site.emit("Softplus", {site.in(0)})})});
}

std::string clip(Site& site) {
  const auto end = [&](double value) { return std::isinf(value) ? std::string() : site.number(value); };
  const std::string lo = end(site.get<double>("lo"));
  return site.emit("Clip", {site.in(0), lo, end(site.get<double>("hi"))});
}

std::string hard_sigmoid(Site& site) {
  const auto alpha = site.get<double>("alpha"), beta = site.get<double>("beta");
  const std::string& x = site.in(0);
  if (Site::is_float(alpha) && Site::is_float(beta))
    return site.emit("HardSigmoid", {x}, floats({{"alpha", alpha}, {"beta", beta}}));
  const std::string line = site.emit("Add", {site.emit("Mul", {x, site.number(alpha)}), site.number(beta)});
  return site.emit("Clip", {line, site.number(0.0), site.number(1.0)});
}

// The operator of its own is of opset 14; before, x · clip(x + 3, 0, 6) / 6, of exact constants.
std::string hard_swish(Site& site) {
  const std::string& x = site.in(0);
  if (site.dtype() == DType::f64) site.graph().require_opset(14);
  if (site.graph().opset() >= 14) return site.emit("HardSwish", {x});
  const std::string gate =
      site.emit("Clip", {site.emit("Add", {x, site.number(3.0)}), site.number(0.0), site.number(6.0)});
  return site.emit("Div", {site.emit("Mul", {x, gate}), site.number(6.0)});
}

}  // namespace taut::nn::onnx::form
