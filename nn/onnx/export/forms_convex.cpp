// The form of a convex step, x − Aᵀ relu(A x + b): its parts, from which patterns_convex.cpp knows it again.
#include "autodiff/ops.h"
#include "nn/onnx/export/forms.h"

namespace taut::nn::onnx::form {
namespace {

using Numbers = std::vector<std::int64_t>;

std::string by_matrix(Site& site, const Tensor& a, const Tensor& b) {
  std::string h = site.emit("MatMul", {site.in(0), site.numbers(transpose(Var(a)).value())});
  if (b.defined()) h = site.emit("Add", {h, site.numbers(b)});
  return site.emit("MatMul", {site.emit("Relu", {h}), site.numbers(a)});
}

std::string by_kernel(Site& site, const std::string& x, const Tensor& a, const Tensor& b) {
  const auto stride = site.get<Numbers>("stride");
  if (stride != Numbers{1, 1}) site.refuse("a stride other than 1 is not written");
  const auto padding = site.get<std::vector<Index>>("padding");  // top, bottom, left, right
  const NodeAttributes attributes{{"kernel_shape", Numbers{a.shape()[2], a.shape()[3]}},
                                  {"strides", stride},
                                  {"dilations", site.get<Numbers>("dilation")},
                                  {"pads", Numbers{padding[0], padding[2], padding[1], padding[3]}},
                                  {"group", site.get<Index>("groups")}};
  const std::string kernel = site.numbers(a);
  std::vector<std::string> operands{x, kernel};
  if (b.defined()) operands.push_back(site.numbers(b));
  const std::string h = site.emit("Relu", {site.emit("Conv", operands, attributes)});
  return site.emit("ConvTranspose", {h, kernel}, attributes);
}

}  // namespace

std::string convex_step(Site& site) {
  const auto a = site.get<Tensor>("a");
  const Tensor b = site.get<bool>("has_b") ? site.get<Tensor>("b") : Tensor();
  if (a.shape().rank() == 2) return site.emit("Sub", {site.in(0), by_matrix(site, a, b)});
  const bool innermost = site.get<bool>("batch_innermost");
  const std::string x = innermost ? site.permute(site.in(0), {3, 0, 1, 2}) : site.in(0);
  const std::string y = site.emit("Sub", {x, by_kernel(site, x, a, b)});
  return innermost ? site.permute(y, {1, 2, 3, 0}) : y;
}

}  // namespace taut::nn::onnx::form
