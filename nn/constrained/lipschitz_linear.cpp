#include "nn/lipschitz_linear.h"

#include <cmath>

#include "autodiff/error.h"
#include "nn/constrained/weights.h"
#include "nn/layers/plain_layers.h"
#include "nn/module/layer_parts.h"

namespace taut::nn {

using namespace parts;

namespace {

Var row_sums(const Var& v, Where where) { return sum(abs(v, where), {1}, true, where); }

Var scaled_rows(const Var& v, const Var& limit, Where where) {
  // A row of zeros stays one, with finite derivatives.
  const Var one(Tensor::scalar(1.0, v.dtype())), least(Tensor::scalar(1e-12, v.dtype()));
  const Var sums = maximum(row_sums(v, where), least, where);
  return mul(v, minimum(one, div(limit, sums, where), where), where);
}

// The c with softplus(c) = s, for s > 0.
double inverse_softplus(double s) { return s + std::log(-std::expm1(-s)); }

}  // namespace

LipschitzLinear::LipschitzLinear(Index in, Index out, Random& random, const LayerOptions& options, Where where)
    : where_(where) {
  require_positive("lipschitz_linear", "the number of inputs", in);
  require_positive("lipschitz_linear", "the number of outputs", out);
  raw = initialised(Shape{out, in}, options, random);
  bias = zero_bias(out, options);
  const double largest = max(row_sums(raw.value, where), {}).item();
  c = Parameter(Tensor::scalar(inverse_softplus(std::max(largest, 1e-3)), options.dtype));
}

Var LipschitzLinear::bound(Tape& tape) const { return softplus(c.on(tape), where_); }
double LipschitzLinear::bound() const { return softplus(Var(c.value.to(DType::f64)), where_).item(); }

Var LipschitzLinear::operator()(const Var& x) {
  const Var w = training ? scaled_rows(raw.on(x), softplus(c.on(x), where_), where_) : stored().on(x);
  return dense(x, w, bias.on(x), where_);
}

const Parameter& LipschitzLinear::stored() const {
  const auto make = [&] {
    const Var w = scaled_rows(raw.value.to(DType::f64), Tensor::scalar(bound()), where_);
    return std::vector{
        within_norm(w.value().to(raw.value.dtype()), matrix_map, bound(), "lipschitz_linear", Norm::linf)};
  };
  const std::array<const Parameter*, 2> sources{&raw, &c};
  return stored_.of(sources, {0, 0}, make).front();
}

Tensor LipschitzLinear::weight() const { return stored().value; }
AnyModule LipschitzLinear::vanilla() const { return plain_linear(stored().value, bias.value, where_); }

Var lipschitz_mlp_penalty(Tape& tape, std::span<const LipschitzLinear* const> layers) {
  if (layers.empty()) throw UsageError("[lipschitz_mlp_penalty] needs layers, got none; pass those of the net");
  Var product = layers.front()->bound(tape);
  for (const LipschitzLinear* const layer : layers.subspan(1)) product = mul(product, layer->bound(tape));
  return product;
}

}  // namespace taut::nn
