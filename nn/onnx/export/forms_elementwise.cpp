// Forms of elementwise functions of one and two operands.
#include "nn/onnx/export/forms.h"

namespace taut::nn::onnx::form {

std::string square(Site& site) { return site.emit("Pow", {site.in(0), site.number(2.0)}); }

// The attribute is f32; a slope that it cannot hold makes a choice of it.
std::string leaky_relu(Site& site) {
  const auto slope = site.get<double>("slope");
  const std::string& x = site.in(0);
  if (Site::is_float(slope)) return site.emit("LeakyRelu", {x}, {{"alpha", static_cast<float>(slope)}});
  const std::string positive = site.emit("Greater", {x, site.number(0.0)});
  return site.emit("Where", {positive, x, site.emit("Mul", {x, site.number(slope)})});
}

std::string step(Site& site) { return site.emit("Relu", {site.emit("Sign", {site.in(0)})}); }

std::string scale(Site& site) { return site.emit("Mul", {site.in(0), site.number(site.get<double>("factor"))}); }
std::string shift(Site& site) { return site.emit("Add", {site.in(0), site.number(site.get<double>("offset"))}); }
std::string pow(Site& site) { return site.emit("Pow", {site.in(0), site.number(site.get<double>("exponent"))}); }

std::string rsqrt(Site& site) { return site.emit("Reciprocal", {site.emit("Sqrt", {site.in(0)})}); }

// ONNX has neither; close to 0 these lose the digits that the primitives keep: the error is one rounding of 1.
std::string log1p(Site& site) { return site.emit("Log", {site.emit("Add", {site.in(0), site.number(1.0)})}); }
std::string expm1(Site& site) { return site.emit("Sub", {site.emit("Exp", {site.in(0)}), site.number(1.0)}); }

// Only the slope broadcasts.
std::string prelu(Site& site) { return site.emit("PRelu", {site.in(0), site.unexpanded(1).name}); }

std::string choice(Site& site) {
  std::vector<std::string> operands = site.broadcast_operands();  // the condition has the shape of the result
  operands.insert(operands.begin(), site.truths(site.get<Tensor>("condition")));
  return site.emit("Where", std::move(operands));
}

}  // namespace taut::nn::onnx::form
