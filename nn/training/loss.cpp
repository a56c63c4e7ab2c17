#include "nn/loss.h"

#include <cmath>
#include <limits>

#include "autodiff/error.h"
#include "nn/module/logits.h"

namespace taut::nn {
namespace {

using parts::mean_of;
using parts::other_classes;
using parts::require_labels;

void require_pairs(const char* loss, const Var& prediction, const Var& target, Where where) {
  if (prediction.shape() != target.shape())
    throw ShapeError(cat('[', loss, "] at ", where, ": prediction ", prediction.shape(), " and target ", target.shape(),
                         " differ; reshape one of them"));
  if (prediction.shape().size() == 0)
    throw ShapeError(
        cat('[', loss, "] at ", where, ": the mean of no entries is undefined, got shape ", prediction.shape()));
}

// DomainError unless holds(entry) for every entry; `what` says what an entry must be.
template <class Holds>
void require_entries(const char* loss, const Var& values, const char* what, Where where, Holds&& holds) {
  dispatch(values.dtype(), [&](auto zero) {
    const auto entries = values.value().data<decltype(zero)>();
    for (std::size_t i = 0; i < entries.size(); ++i)
      if (!holds(entries[i]))
        throw DomainError(cat('[', loss, "] at ", where, ": ", what, ", got ", entries[i], " at position ", i));
  });
}

void require_share(const char* loss, const Var& target, Where where) {
  require_entries(loss, target, "targets must lie in [0, 1]", where, [](auto t) { return t >= 0 && t <= 1; });
}

// a where target is 1, b where it is 0, linear in between.
Var between(const Var& target, const Var& a, const Var& b, Where where) {
  const Var rest = shift(neg(target, where), 1.0, where);
  return add(mul(target, a, where), mul(rest, b, where), where);
}

}  // namespace

Var mse(const Var& prediction, const Var& target, Where where) {
  require_pairs("mse", prediction, target, where);
  return mean_of(square(sub(prediction, target, where), where), where);
}

Var huber(const Var& prediction, const Var& target, double delta, Where where) {
  require_pairs("huber", prediction, target, where);
  if (!(delta > 0.0) || std::isinf(delta))
    throw DomainError(cat("[huber] at ", where, ": delta must be positive and finite, got ", delta));
  // With m = min(|d|, delta) both cases are m·(|d| − m/2), and nothing large is subtracted from anything large.
  const Var distance = abs(sub(prediction, target, where), where);
  const Var least = minimum(distance, Var(Tensor::scalar(delta, prediction.dtype())), where);
  return mean_of(mul(least, sub(distance, scale(least, 0.5, where), where), where), where);
}

Var cross_entropy(const Var& logits, std::span<const Index> labels, const CrossEntropyOptions& options, Where where) {
  require_labels("cross_entropy", logits, labels, where);
  const double smoothing = options.label_smoothing;
  if (!(smoothing >= 0.0 && smoothing <= 1.0))
    throw DomainError(cat("[cross_entropy] at ", where, ": label smoothing must be in [0, 1], got ", smoothing));
  const Var log_probabilities = log_softmax(logits, -1, where);
  const Var of_labels = mean_of(pick(log_probabilities, labels, where), where);
  if (smoothing == 0.0) return neg(of_labels, where);
  return add(scale(of_labels, smoothing - 1.0, where), scale(mean_of(log_probabilities, where), -smoothing, where),
             where);
}

Var multi_margin(const Var& logits, std::span<const Index> labels, double margin, Where where) {
  require_labels("multi_margin", logits, labels, where);
  if (!std::isfinite(margin))
    throw DomainError(cat("[multi_margin] at ", where, ": margin must be finite, got ", margin));
  const Var right = reshape(pick(logits, labels, where), Shape{logits.shape()[0], 1}, where);
  const Var short_of = relu(shift(sub(logits, right, where), margin, where), where);
  return mean_of(mul(short_of, Var(other_classes(logits, labels)), where), where);
}

Var hinge(const Var& prediction, const Var& target, Where where) {
  require_pairs("hinge", prediction, target, where);
  require_entries("hinge", target, "targets must be -1 or 1", where, [](auto t) { return t == 1 || t == -1; });
  return mean_of(relu(shift(neg(mul(target, prediction, where), where), 1.0, where), where), where);
}

Var bce_with_logits(const Var& logits, const Var& target, Where where) {
  require_pairs("bce_with_logits", logits, target, where);
  require_share("bce_with_logits", target, where);
  // −log p = softplus(−z) and −log(1 − p) = softplus(z): a sum of terms ≥ 0 loses nothing.
  return mean_of(between(target, softplus(neg(logits, where), where), softplus(logits, where), where), where);
}

Var bce(const Var& probabilities, const Var& target, Where where) {
  require_pairs("bce", probabilities, target, where);
  require_share("bce", target, where);
  require_entries("bce", probabilities, "probabilities must lie in [0, 1]; bce_with_logits takes what a layer gives",
                  where, [](auto p) { return p >= 0 && p <= 1; });
  const double smallest = probabilities.dtype() == DType::f32 ? static_cast<double>(std::numeric_limits<float>::min())
                                                              : std::numeric_limits<double>::min();
  const Var least(Tensor::scalar(smallest, probabilities.dtype()));
  const auto log_of = [&](const Var& p) { return log(maximum(p, least, where), where); };
  const Var no = shift(neg(probabilities, where), 1.0, where);
  return neg(mean_of(between(target, log_of(probabilities), log_of(no), where), where), where);
}

Var kl_divergence(const Var& log_probabilities, const Var& target, Where where) {
  require_pairs("kl_divergence", log_probabilities, target, where);
  if (target.shape().rank() == 0)
    throw ShapeError(cat("[kl_divergence] at ", where, ": axis 0 counts the samples, got shape ()"));
  require_entries("kl_divergence", target, "targets are probabilities and must not be negative", where,
                  [](auto t) { return t >= 0; });
  Tensor logs = Tensor::uninitialised(target.value().type());
  dispatch(target.dtype(), [&](auto zero) {
    const auto from = target.value().data<decltype(zero)>();
    const auto into = logs.mutable_data<decltype(zero)>();
    for (std::size_t i = 0; i < from.size(); ++i) into[i] = from[i] > 0 ? std::log(from[i]) : 0;
  });
  const Var terms = mul(target.detached(), sub(Var(std::move(logs)), log_probabilities, where), where);
  return scale(sum(terms, {}, false, where), 1.0 / static_cast<double>(target.shape()[0]), where);
}

}  // namespace taut::nn
