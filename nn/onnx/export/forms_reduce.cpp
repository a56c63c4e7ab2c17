// Forms of reductions, norms and normalisations.
#include <numeric>

#include "nn/onnx/export/forms.h"

namespace taut::nn::onnx::form {
namespace {

std::vector<std::int64_t> axes_of(const Site& site) { return site.get<std::vector<Index>>("axes"); }

// The last axes; all of them are named by none.
NodeAttributes last_axes(const Site& site, bool keep) {
  const auto count = site.get<Index>("axes");
  std::vector<std::int64_t> axes(static_cast<std::size_t>(count));
  std::iota(axes.begin(), axes.end(), site.shape(0).rank() - count);
  NodeAttributes attributes{{"keepdims", std::int64_t{keep}}};
  if (count > 0) attributes["axes"] = std::move(axes);
  return attributes;
}

}  // namespace

// The sum of a single number has no axes to name: none would stand for all.
std::string sum(Site& site) {
  const std::vector<std::int64_t> axes = axes_of(site);
  if (axes.empty()) return site.emit("Identity", {site.in(0)});
  return site.emit("ReduceSum", {site.in(0), site.whole(axes)}, {{"keepdims", std::int64_t{site.get<bool>("keep")}}});
}

std::string reduction(Site& site) {
  std::vector<std::int64_t> axes = axes_of(site);
  if (axes.empty()) return site.emit("Identity", {site.in(0)});
  return site.emit(std::string(site.nodes()), {site.in(0)},
                   {{"axes", std::move(axes)}, {"keepdims", std::int64_t{site.get<bool>("keep")}}});
}

std::string softmax(Site& site) {
  return site.emit(std::string(site.nodes()), {site.in(0)}, {{"axis", site.get<Index>("axis")}});
}

std::string l2_norm(Site& site) { return site.emit("ReduceL2", {site.in(0)}, last_axes(site, site.get<bool>("keep"))); }

// One node where the opset has it and its attribute holds eps; otherwise as exporters wrote it before.
std::string standardise(Site& site) {
  const auto eps = site.get<double>("eps");
  const auto axes = site.get<Index>("axes");
  const Shape& shape = site.shape(0);
  const std::string& x = site.in(0);
  if (site.graph().opset() >= 17 && Site::is_float(eps) && axes > 0) {
    const int first = shape.rank() - static_cast<int>(axes);
    const Shape rows(shape.dims().subspan(static_cast<std::size_t>(first)));
    return site.emit("LayerNormalization", {x, site.numbers(Tensor::full(rows, site.dtype(), 1.0))},
                     {{"axis", std::int64_t{first}}, {"epsilon", static_cast<float>(eps)}});
  }
  const NodeAttributes over = last_axes(site, true);
  const std::string centred = site.emit("Sub", {x, site.emit("ReduceMean", {x}, over)});
  const std::string square = site.emit("Pow", {centred, site.number(2.0)});
  const std::string variance = site.emit("Add", {site.emit("ReduceMean", {square}, over), site.number(eps)});
  return site.emit("Div", {centred, site.emit("Sqrt", {variance})});
}

std::string l2_normalise(Site& site) {
  const std::string& x = site.in(0);
  const std::string norm = site.emit("ReduceL2", {x}, last_axes(site, true));
  const std::string limited = site.emit("Max", {norm, site.number(site.get<double>("eps"))});
  return site.emit("Div", {x, site.emit("Expand", {limited, site.emit("Shape", {x})})});
}

// The weights are softmax_j(scale (2 ⟨u_i, u_j⟩ − ‖u_j‖²)): what ‖u_i − u_j‖² has besides is the same for all j.
std::string l2_attention(Site& site) {
  const std::string& u = site.in(0);
  const int rank = site.shape(0).rank();
  std::vector<std::int64_t> swapped(static_cast<std::size_t>(rank));
  std::iota(swapped.begin(), swapped.end(), std::int64_t{0});
  std::swap(swapped[static_cast<std::size_t>(rank - 1)], swapped[static_cast<std::size_t>(rank - 2)]);
  const std::string columns = site.permute(u, std::move(swapped));
  const std::string products = site.emit("Mul", {site.emit("MatMul", {u, columns}), site.number(2.0)});
  const std::string squares =
      site.emit("ReduceSum", {site.emit("Mul", {columns, columns}), site.whole({-2})}, {{"keepdims", std::int64_t{1}}});
  const std::string near = site.emit("Sub", {products, squares});
  const std::string logits = site.emit("Mul", {near, site.number(site.get<double>("scale"))});
  const std::string weights = site.emit("Softmax", {logits}, {{"axis", std::int64_t{-1}}});
  return site.emit("MatMul", {weights, u});
}

}  // namespace taut::nn::onnx::form
