// Forms of products of matrices and of affine functions along one axis.
#include <numeric>
#include <optional>

#include "autodiff/ops.h"
#include "nn/onnx/export/forms.h"

namespace taut::nn::onnx::form {
namespace {

std::vector<std::int64_t> swapped(int rank, int a, int b) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(rank));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  std::swap(order[static_cast<std::size_t>(a)], order[static_cast<std::size_t>(b)]);
  return order;
}

std::string transposed(Site& site, const std::string& x, int rank) {
  return site.permute(x, swapped(rank, rank - 2, rank - 1));
}

// Batches of matrices broadcast: where broadcast_to has stretched nothing but them, it is left out.
Site::Unexpanded matrices(Site& site, int i) {
  const Site::Unexpanded narrow = site.unexpanded(i), wide{site.in(i), site.shape(i)};
  const int rank = narrow.shape.rank(), wide_rank = wide.shape.rank();
  if (rank < 2) return wide;
  for (const int axis : {1, 2})
    if (narrow.shape[rank - axis] != wide.shape[wide_rank - axis]) return wide;
  return narrow;
}

Shape batches(const Shape& shape) { return Shape(shape.dims().first(static_cast<std::size_t>(shape.rank() - 2))); }

}  // namespace

std::string matmul(Site& site) {
  const bool ta = site.get<bool>("transpose_a"), tb = site.get<bool>("transpose_b");
  if (site.out().rank() == 2 && (ta || tb))
    return site.emit("Gemm", {site.in(0), site.in(1)}, {{"transA", std::int64_t{ta}}, {"transB", std::int64_t{tb}}});
  std::string names[2] = {site.in(0), site.in(1)};
  const Shape* shapes[2] = {&site.shape(0), &site.shape(1)};
  for (int i = 0; i < 2; ++i) {
    const Site::Unexpanded narrow = matrices(site, i);
    if (broadcast_shapes(batches(narrow.shape), batches(*shapes[1 - i]), "onnx") != batches(site.out())) continue;
    names[i] = narrow.name;
    shapes[i] = &narrow.shape;
  }
  if (ta) names[0] = transposed(site, names[0], shapes[0]->rank());
  if (tb) names[1] = transposed(site, names[1], shapes[1]->rank());
  return site.emit("MatMul", {names[0], names[1]});
}

namespace {

// op(matrix) of the last axis of x: as rows, so that products of any rank are those of two matrices. `samples`: the
// axis of the operand and of the result along which samples lie, where that is symbolic.
std::string by_rows(Site& site, std::string x, const Shape& in, int samples, const std::string& matrix, bool transposed,
                    Index out, const std::string& bias) {
  const int last = in.rank() - 1;
  if (in.rank() != 2) x = site.reshape(x, Shape{in.product(0, last), in[last]}, samples < 0 ? no_sample_axis : 0, true);
  const std::string y = site.emit("Gemm", {x, matrix, bias}, {{"transB", std::int64_t{transposed}}});
  return in.rank() != 2 ? site.reshape(y, in.with(last, out), samples, true) : y;
}

}  // namespace

std::string dense(Site& site) {
  const std::string bias = site.count() == 3 ? site.in(2) : "";
  return by_rows(site, site.in(0), site.shape(0), site.axis(), site.in(1), true, site.shape(1)[0], bias);
}

std::string matrix_along(Site& site) {
  const auto stored = site.get<Tensor>("matrix");
  const bool transposed = site.get<bool>("transposed");
  const int axis = static_cast<int>(site.get<Index>("axis")), last = site.shape(0).rank() - 1;
  const Index out = site.out()[axis];
  const std::string matrix = site.numbers(stored), &x = site.in(0);
  if (axis == last) return by_rows(site, x, site.shape(0), site.axis(), matrix, !transposed, out, "");
  const std::vector<std::int64_t> order = swapped(last + 1, axis, last);  // its own inverse
  const Shape in = site.shape(0).with(axis, site.shape(0)[last]).with(last, site.shape(0)[axis]);
  const int samples = site.axis() == last ? axis : site.axis();
  return site.permute(by_rows(site, site.permute(x, order), in, samples, matrix, !transposed, out, ""), order);
}

std::string cumsum(Site& site) {
  return site.emit(
      "CumSum", {site.in(0), site.scalar_whole(site.get<Index>("axis"))},
      {{"exclusive", std::int64_t{site.get<bool>("exclusive")}}, {"reverse", std::int64_t{site.get<bool>("reverse")}}});
}

namespace {

// The operands of a batch norm in inference, as batch_norm() records it.
struct BatchNorm {
  NodeId gamma, beta, mean, variance, radicand;  // radicand: variance + eps
  double eps;
};
std::optional<BatchNorm> batch_norm_of(const Site& site) {
  const NodeId factor = site.node().operands()[1], shift = site.node().operands()[2];
  const Node* const quotient = site.made_by<Div>(factor);
  const Node* const difference = site.made_by<Sub>(shift);
  if (quotient == nullptr || difference == nullptr) return {};
  const Node* const root = site.made_by<Sqrt>(quotient->operands()[1]);
  const Node* const moved = site.made_by<Mul>(difference->operands()[1]);
  if (root == nullptr || moved == nullptr || moved->operands()[1] != factor) return {};
  const Node* const sum = site.made_by<Shift>(root->operands()[0]);
  if (sum == nullptr) return {};
  return BatchNorm{quotient->operands()[0], difference->operands()[0],
                   moved->operands()[0],    sum->operands()[0],
                   root->operands()[0],     std::get<double>(sum->op->attributes().front().value)};
}

}  // namespace

// The batch norm that it comes from, if any; where the attribute cannot hold eps, the variance has it already.
std::string channel_affine(Site& site) {
  const auto axis = site.get<Index>("axis");
  const std::string& x = site.in(0);
  if (site.count() == 3 && axis == 1 && !site.varies(1) && !site.varies(2))
    if (const auto norm = batch_norm_of(site)) {
      const bool held = Site::is_float(norm->eps);
      return site.emit("BatchNormalization",
                       {x, site.name_of(norm->gamma), site.name_of(norm->beta), site.name_of(norm->mean),
                        site.name_of(held ? norm->variance : norm->radicand)},
                       {{"epsilon", held ? static_cast<float>(norm->eps) : 0.0F}});
    }
  // (c) as (c, 1, 1) and the like.
  std::vector<Index> aligned(static_cast<std::size_t>(site.out().rank() - static_cast<int>(axis)), 1);
  aligned.front() = site.out()[static_cast<int>(axis)];
  const auto spread = [&](int i) {
    return aligned.size() == 1 ? site.in(i) : site.reshape(site.in(i), Shape(aligned), no_sample_axis);
  };
  const std::string scaled = site.emit("Mul", {x, spread(1)});
  return site.count() == 3 ? site.emit("Add", {scaled, spread(2)}) : scaled;
}

}  // namespace taut::nn::onnx::form
