// Normalisations.
#include <algorithm>

#include "tests/onnx/generated/node_view.h"

namespace taut::test::generated {
namespace {

using Numbers = std::vector<Dual>;

Numbers standardised(const Numbers& x, Real eps) {
  const Dual share(1 / static_cast<Real>(x.size()));
  Dual mean, variance;
  for (const Dual& e : x) add_product(mean, e, share);
  Numbers y;
  for (const Dual& e : x) y.push_back(e - mean);
  for (const Dual& e : y) variance += e * e * share;
  const Dual deviation = sqrt(variance + Dual(eps));
  for (Dual& e : y) e = e / deviation;
  return y;
}

// Statistics along the last axis of (groups, size); then scale and shift of the channel of each number.
Results by_rows(const NodeView& n, std::int64_t rows, Real eps,
                const std::function<std::int64_t(std::int64_t)>& channel) {
  Value y = reshaped(
      along(reshaped(n[0], {rows, n[0].size() / rows}), 1, [&](const Numbers& x) { return standardised(x, eps); }),
      n[0].shape);
  for (std::int64_t i = 0; i < y.size(); ++i) {
    const std::int64_t c = channel(i);
    if (c >= n[1].size() || c >= n[2].size()) n.fail("scales that do not fit");
    y.at(i) = y.at(i) * n[1].at(c) + n[2].at(c);
  }
  return {y};
}

Results layer_norm(const NodeView& n) {
  const int axis = n.axis(n.whole("axis", -1), n[0].rank());
  const std::int64_t rows = product(n[0].shape, 0, axis);
  Value y = reshaped(along(reshaped(n[0], {rows, n[0].size() / rows}), 1,
                           [&](const Numbers& x) { return standardised(x, n.real("epsilon", 1e-5F)); }),
                     n[0].shape);
  const Value scale = spread(n[1], y.shape);
  for (std::int64_t i = 0; i < y.size(); ++i) y.at(i) = y.at(i) * scale.at(i);
  if (!n.has(2)) return {y};
  const Value bias = spread(n[2], y.shape);
  for (std::int64_t i = 0; i < y.size(); ++i) y.at(i) += bias.at(i);
  return {y};
}
Results instance_norm(const NodeView& n) {
  if (n[0].rank() < 3) n.fail("an image is needed");
  const std::int64_t channels = n[0].dim(1), plane = product(n[0].shape, 2, n[0].rank());
  return by_rows(n, n[0].dim(0) * channels, n.real("epsilon", 1e-5F),
                 [=](std::int64_t i) { return i / plane % channels; });
}
Results group_norm(const NodeView& n) {
  if (n[0].rank() < 3) n.fail("an image is needed");
  const std::int64_t channels = n[0].dim(1), groups = n.whole("num_groups", 0);
  const std::int64_t plane = product(n[0].shape, 2, n[0].rank());
  if (groups < 1 || channels % groups != 0) n.fail("groups that do not fit");
  // One scale per group until opset 20, one per channel since.
  const std::int64_t share = n.opset() >= 21 ? 1 : channels / groups;
  return by_rows(n, n[0].dim(0) * groups, n.real("epsilon", 1e-5F),
                 [=](std::int64_t i) { return i / plane % channels / share; });
}
Results batch_norm(const NodeView& n) {
  if (n[0].rank() < 2 || n.whole("training_mode", 0) != 0) n.fail("no inference");
  const std::int64_t channels = n[0].dim(1), plane = product(n[0].shape, 2, n[0].rank());
  const Dual eps(n.real("epsilon", 1e-5F));
  Value y = n[0];
  for (std::size_t k = 1; k < 5; ++k)
    if (n[k].shape != Sizes{channels}) n.fail("statistics that do not fit");
  for (std::int64_t i = 0; i < y.size(); ++i) {
    const std::int64_t c = i / plane % channels;
    y.at(i) = (y.at(i) - n[3].at(c)) / sqrt(n[4].at(c) + eps) * n[1].at(c) + n[2].at(c);
  }
  return {y};
}
Results lrn(const NodeView& n) {
  const std::int64_t size = n.whole("size", 0);
  if (n[0].rank() < 2 || size < 1) n.fail("channels are needed");
  const Real alpha = n.real("alpha", 1e-4F), beta = n.real("beta", 0.75F), bias = n.real("bias", 1);
  return {along(n[0], 1, [&](const Numbers& x) {
    Numbers y;
    const auto channels = static_cast<std::int64_t>(x.size());
    for (std::int64_t c = 0; c < channels; ++c) {
      Dual sum;
      const std::int64_t last = std::min(channels - 1, c + size / 2);
      for (std::int64_t j = std::max<std::int64_t>(0, c - (size - 1) / 2); j <= last; ++j)
        add_product(sum, x[static_cast<std::size_t>(j)], x[static_cast<std::size_t>(j)]);
      const Dual base = Dual(bias) + sum * Dual(alpha / static_cast<Real>(size));
      const Real power = std::pow(base.value, -beta);
      y.push_back(x[static_cast<std::size_t>(c)] * chain(base, power, -beta * power / base.value));
    }
    return y;
  })};
}
Results lp_normalization(const NodeView& n) {
  const std::int64_t p = n.whole("p", 2);
  return {along(n[0], n.axis(n.whole("axis", -1), n[0].rank()), [&](Numbers x) {
    Dual norm;
    for (const Dual& e : x) norm += p == 2 ? e * e : e.value > 0 ? e : -e;
    if (p == 2) norm = sqrt(norm);
    for (Dual& e : x) e = e / norm;
    return x;
  })};
}

}  // namespace

const OperationTable& normalising_operations() {
  static const OperationTable table{
      {"BatchNormalization", batch_norm},       {"GroupNormalization", group_norm},
      {"InstanceNormalization", instance_norm}, {"LRN", lrn},
      {"LayerNormalization", layer_norm},       {"LpNormalization", lp_normalization},
  };
  return table;
}

}  // namespace taut::test::generated
