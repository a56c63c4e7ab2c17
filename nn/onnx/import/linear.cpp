// Products with matrices, normalisations, and what is made of them.
#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>

#include "autodiff/error.h"
#include "nn/onnx/import/operators.h"
#include "nn/onnx/import/whole.h"

namespace taut::nn::onnx {
namespace {

// y = alpha · op(A) · op(B) + beta · C
void gemm(Call& call) {
  const Var &a = call.x(0), &b = call.x(1);
  const Where where = call.where();
  if (a.shape().rank() != 2 || b.shape().rank() != 2)
    call.fail(cat("its operands must be matrices, got the shapes ", a.shape(), " and ", b.shape()));
  const bool transpose_a = call.i("transA", 0) != 0, transpose_b = call.i("transB", 0) != 0;
  const double alpha = call.f("alpha", 1.0), beta = call.f("beta", 1.0);
  const bool bias = call.has(2) && beta != 0.0;
  const Shape out{transpose_a ? a.shape()[1] : a.shape()[0], transpose_b ? b.shape()[0] : b.shape()[1]};
  Var c;
  if (bias) c = beta == 1.0 ? call.x(2) : scale(call.x(2), beta, where);
  // The way in which nearly every dense layer is written: one operation.
  const bool vector_bias = !bias || c.shape() == Shape{out[1]};
  if (!transpose_a && transpose_b && alpha == 1.0 && vector_bias && !call.varies(1))
    return call.out(dense(a, b, c, where));
  Var y = matmul(a, b, transpose_a, transpose_b, where);
  if (alpha != 1.0) y = scale(y, alpha, where);
  if (bias) {
    if (broadcast_shapes(c.shape(), out, "Gemm") != out)
      call.fail(cat("C of shape ", c.shape(), " does not broadcast to the product's shape ", out));
    y = add(y, c, where);
  }
  call.out(y);
}

void matmul_operator(Call& call) {
  Var a = call.x(0), b = call.x(1);
  const Where where = call.where();
  const bool row = a.shape().rank() == 1, column = b.shape().rank() == 1;
  if (a.shape().rank() == 0 || b.shape().rank() == 0) call.fail("its operands must be vectors or matrices");
  if (row) a = reshape(a, a.shape().inserted(0, 1), where);
  if (column) b = reshape(b, b.shape().inserted(1, 1), where);
  call.require_moderate(
      static_cast<double>(a.shape().size()) / static_cast<double>(std::max<Index>(1, a.shape()[a.shape().rank() - 1])) *
      static_cast<double>(b.shape().size()) / static_cast<double>(std::max<Index>(1, b.shape()[b.shape().rank() - 2])));
  Var y = matmul(a, b, false, false, where);
  Shape shape = y.shape();
  if (column) shape = shape.without(shape.rank() - 1);
  if (row) shape = shape.without(shape.rank() - (column ? 1 : 2));
  call.out(shape == y.shape() ? y : reshape(y, shape, where));
}

// Letters for the axes that ellipses stand for, which are aligned at their ends and broadcast.
class Ellipses {
 public:
  Ellipses(Call& call, const std::string& spec) : call_(call) {
    for (char c = 'A'; c <= 'z'; ++c)
      if (std::isalpha(static_cast<unsigned char>(c)) != 0 && spec.find(c) == std::string::npos) letters_ += c;
  }
  // Of an operand with these letters; the axes that are 1 where another's are not are dropped.
  void add(std::string& part, Var& x) {
    const auto at = part.find("...");
    const auto named = static_cast<int>(part.size()) - 3;
    if (at == std::string::npos) return;
    const int hidden = x.shape().rank() - named;
    if (hidden < 0 || hidden > max_rank) call_.fail(cat("an operand of shape ", x.shape(), " for ", part));
    std::string names;
    for (int i = 0; i < hidden; ++i) names += letter(hidden - 1 - i);
    part.replace(at, 3, names);
    widest_ = std::max(widest_, hidden);
    for (int i = 0; i < hidden; ++i) {
      Index& size = sizes_[static_cast<std::size_t>(hidden - 1 - i)];
      const Index own = x.shape()[static_cast<int>(at) + i];
      if (own != 1 && size > 1 && own != size) call_.fail("its ellipses stand for different sizes");
      size = std::max(size, own);
    }
    starts_.emplace_back(static_cast<int>(at), hidden);
  }
  Var broadcast(std::size_t operand, const Var& x) const {
    if (operand >= starts_.size()) return x;
    const auto [at, hidden] = starts_[operand];
    Shape shape = x.shape();
    for (int i = 0; i < hidden; ++i) shape = shape.with(at + i, sizes_[static_cast<std::size_t>(hidden - 1 - i)]);
    return shape == x.shape() ? x : broadcast_to(x, shape, call_.where());
  }
  std::string all() const {
    std::string names;
    for (int i = widest_; i-- > 0;) names += letter(i);
    return names;
  }

 private:
  char letter(int from_the_end) const {
    if (from_the_end >= static_cast<int>(letters_.size())) call_.fail("it has too many indices");
    return letters_[static_cast<std::size_t>(from_the_end)];
  }
  Call& call_;
  std::string letters_;
  int widest_ = 0;
  std::array<Index, max_rank + 1> sizes_{};
  std::vector<std::pair<int, int>> starts_;
};

void einsum_operator(Call& call) {
  std::string spec = call.s("equation", "");
  std::erase(spec, ' ');
  const auto arrow = spec.find("->");
  std::string inputs = spec.substr(0, arrow), output = arrow != std::string::npos ? spec.substr(arrow + 2) : "";
  if (arrow == std::string::npos) {
    // Without an output: what ellipses stand for, then the indices that occur once, in alphabetical order.
    if (inputs.find('.') != std::string::npos) output = "...";
    for (char c = 'A'; c <= 'z'; ++c)
      if (std::isalpha(static_cast<unsigned char>(c)) != 0 && std::ranges::count(inputs, c) == 1) output += c;
  }
  if (call.count() < 1 || call.count() > 2)
    call.unsupported(cat("a product of ", call.count(), " operands; at most two are supported"));
  const auto comma = inputs.find(',');
  if ((comma == std::string::npos) != (call.count() == 1)) call.fail("its equation does not fit its operands");
  std::vector<std::string> parts{inputs.substr(0, comma)};
  std::vector<Var> x{call.x(0)};
  if (call.count() == 2) parts.push_back(inputs.substr(comma + 1)), x.push_back(call.x(1));
  Ellipses ellipses(call, spec);
  std::vector<bool> wide;
  for (std::size_t k = 0; k < parts.size(); ++k) {
    wide.push_back(parts[k].find("...") != std::string::npos);
    ellipses.add(parts[k], x[k]);
  }
  std::size_t with = 0;
  for (std::size_t k = 0; k < parts.size(); ++k)
    if (wide[k]) x[k] = ellipses.broadcast(with++, x[k]);
  if (const auto at = output.find("..."); at != std::string::npos) output.replace(at, 3, ellipses.all());
  const std::string equation = parts[0] + (parts.size() == 2 ? "," + parts[1] : "") + "->" + output;
  call.out(parts.size() == 1 ? einsum(equation, x[0], call.where()) : einsum(equation, x[0], x[1], call.where()));
}

void batch_normalization(Call& call) {
  const bool training = call.opset() >= 14  ? call.i("training_mode", 0) != 0
                        : call.opset() >= 7 ? false
                                            : call.has("is_test") && call.i("is_test", 0) == 0;
  if (training || (call.opset() >= 7 && call.wants(1)))
    call.unsupported(
        "batch normalisation in training mixes samples and has no constant per sample; export the model in inference "
        "mode (model.eval() in PyTorch)");
  if (call.i("spatial", 1) == 0) call.unsupported("spatial = 0 (statistics per place) is not supported");
  const Var& x = call.x(0);
  if (x.shape().rank() < 2) call.fail(cat("x must have an axis of channels, got the shape ", x.shape()));
  call.out(batch_norm(x, call.x(1), call.x(2), call.x(3), call.x(4), call.f("epsilon", 1e-5F), 1, call.where()));
}

double positive_eps(Call& call, double otherwise) {
  const double eps = call.f("epsilon", otherwise);
  if (!(eps > 0.0))
    call.unsupported(cat("epsilon is ", eps, "; without a positive one the normalisation has no Lipschitz constant"));
  return eps;
}

void layer_normalization(Call& call) {
  const Var& x = call.x(0);
  const int axis = call.axis(call.i("axis", -1), x.shape().rank());
  std::vector<Index> tail_axes;
  for (int i = axis; i < x.shape().rank(); ++i) tail_axes.push_back(i);
  const Axes axes{std::span<const Index>(tail_axes)};
  const double eps = positive_eps(call, 1e-5F);
  const Shape tail(x.shape().dims().subspan(static_cast<std::size_t>(axis)));
  const Where where = call.where();
  const auto fits = [&](int i) { return !call.has(i) || call.x(i).shape() == tail; };
  if (fits(1) && fits(2) && call.has(1)) {
    call.out(0, layer_norm(x, call.x(1), call.optional_x(2), eps, where));
  } else {
    Var y = standardise(x, axes, eps, where);
    if (call.has(1)) y = mul(y, call.x(1), where);
    if (call.has(2)) y = add(y, call.x(2), where);
    call.out(0, y);
  }
  if (!call.wants(1) && !call.wants(2)) return;
  const Index n = tail.size();
  const Var centre = divided(sum(x, axes, true, where), n, where);
  if (call.wants(1)) call.out(1, centre);
  if (!call.wants(2)) return;
  const Var spread = divided(sum(square(sub(x, centre, where), where), axes, true, where), n, where);
  call.out(2, rsqrt(shift(spread, eps, where), where));
}

void instance_normalization(Call& call) {
  call.out(instance_norm(call.x(0), call.x(1), call.x(2), positive_eps(call, 1e-5F), call.where()));
}

void group_normalization(Call& call) {
  const Var& x = call.x(0);
  const Index groups = call.i("num_groups", 0);
  Var gamma = call.x(1), beta = call.x(2);
  if (groups < 1 || x.shape().rank() < 2 || x.shape()[1] % groups != 0)
    call.fail(cat("num_groups ", groups, " does not divide the channels of ", x.shape()));
  // Opset 18 had one scale per group, 21 has one per channel.
  const Index per_group = x.shape()[1] / groups;
  if (gamma.shape().size() == groups && per_group > 1) {
    gamma = repeat(gamma, 0, per_group, call.where());
    beta = repeat(beta, 0, per_group, call.where());
  }
  call.out(group_norm(x, groups, gamma, beta, positive_eps(call, 1e-5F), call.where()));
}

// x / (bias + alpha / size · Σ x² over `size` neighbouring channels)^beta
void lrn(Call& call) {
  const Var& x = call.x(0);
  const Where where = call.where();
  const Index size = call.i("size", 0);
  if (x.shape().rank() < 2 || size < 1) call.fail(cat("it needs an axis of channels and size ≥ 1, got ", x.shape()));
  const Index c = x.shape()[1];
  // Sums over neighbours are a matrix along the axis of channels.
  call.require_moderate(static_cast<double>(c) * static_cast<double>(c));
  Tensor near = Tensor::zeros(Shape{c, c}, DType::f64);
  double* to = near.mutable_data<double>().data();
  for (Index i = 0; i < c; ++i)
    for (Index j = std::max<Index>(0, i - (size - 1) / 2); j <= std::min(c - 1, i + size / 2); ++j) to[i * c + j] = 1.0;
  const Var sums = matrix_along(square(x, where), near, 1, where);
  const double alpha = call.f("alpha", 1e-4F), beta = call.f("beta", 0.75), bias = call.f("bias", 1.0);
  const Var base = shift(divided(scale(sums, alpha, where), size, where), bias, where);
  call.out(mul(x, pow(base, -beta, where), where));
}

// x / ‖x‖_p along one axis.
void lp_normalization(Call& call) {
  const Var& x = call.x(0);
  const int axis = call.axis(call.i("axis", -1), x.shape().rank());
  const Index p = call.i("p", 2);
  if (p != 1 && p != 2) call.fail(cat("p must be 1 or 2, got ", p));
  const Var norm = p == 2 ? l2_norm(x, {axis}, true, call.where()) : l1_norm(x, {axis}, true, call.where());
  call.out(div(x, norm, call.where()));
}

void cumsum_operator(Call& call) {
  const int axis = call.axis(static_cast<Index>(call.scalar(1, "axis")), call.value(0).var.shape().rank());
  const Var y = cumsum(call.value(0).var, axis, call.i("exclusive", 0) != 0, call.i("reverse", 0) != 0, call.where());
  call.out(0, Value{y, call.value(0).type});
}

constexpr Operator linear_table[] = {
    {"BatchNormalization", Kind::computes, 1, batch_normalization, "channel_affine", "inference"},
    {"CumSum", Kind::computes, 11, cumsum_operator, "cumsum"},
    {"Einsum", Kind::computes, 12, einsum_operator, "einsum", "at most two operands"},
    {"Gemm", Kind::computes, 1, gemm, "dense, or matmul, scale, add"},
    {"GroupNormalization", Kind::computes, 18, group_normalization, "group_norm"},
    {"InstanceNormalization", Kind::computes, 1, instance_normalization, "instance_norm"},
    {"LRN", Kind::computes, 1, lrn, "square, matrix_along, pow, mul", "a constant on a box only"},
    {"LayerNormalization", Kind::computes, 17, layer_normalization, "layer_norm"},
    {"LpNormalization", Kind::computes, 1, lp_normalization, "l2_norm, div", "unbounded at 0"},
    {"MatMul", Kind::computes, 1, matmul_operator, "matmul"},
};

}  // namespace

std::span<const Operator> linear_operators() { return linear_table; }

}  // namespace taut::nn::onnx
