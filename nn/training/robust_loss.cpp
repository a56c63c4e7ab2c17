#include "nn/robust_loss.h"

#include <cmath>
#include <numbers>

#include "autodiff/error.h"
#include "nn/loss.h"
#include "nn/module/logits.h"

namespace taut::nn {
namespace {

using parts::mean_of;
using parts::other_classes;
using parts::require_labels;

void require_setting(const char* loss, bool holds, const char* what, double given, Where where) {
  if (!holds || !std::isfinite(given)) throw DomainError(cat('[', loss, "] at ", where, ": ", what, ", got ", given));
}

void require_two_classes(const char* loss, const Var& output, std::span<const Index> labels, Where where) {
  if (output.shape().rank() != 2 || output.shape()[1] != 1 || output.shape()[0] != static_cast<Index>(labels.size()) ||
      labels.empty())
    throw ShapeError(cat('[', loss, "] at ", where, ": outputs are (n, 1) with a label each and n at least 1, got ",
                         output.shape(), " and ", labels.size(), " labels; reshape the output"));
  for (std::size_t i = 0; i < labels.size(); ++i)
    if (labels[i] != 0 && labels[i] != 1)
      throw DomainError(cat('[', loss, "] at ", where, ": labels must be 0 or 1, got ", labels[i], " of sample ", i,
                            "; of more classes take multi_hkr"));
}

void require_hkr(const char* loss, const HkrOptions& options, Where where) {
  require_setting(loss, options.alpha >= 0.0, "alpha must be finite and not negative", options.alpha, where);
  require_setting(loss, options.margin > 0.0, "margin must be positive and finite", options.margin, where);
}

// Signs t (n, classes): 1 where the class of the column is the row's, −1 elsewhere.
Tensor signs(const Var& logits, std::span<const Index> labels) {
  Tensor t = Tensor::full(logits.shape(), logits.dtype(), -1.0);
  dispatch(logits.dtype(), [&](auto zero) {
    const auto entries = t.mutable_data<decltype(zero)>();
    const std::size_t classes = entries.size() / labels.size();
    for (std::size_t i = 0; i < labels.size(); ++i) {
      if (classes == 1)
        entries[i] = labels[i] == 1 ? 1 : -1;
      else
        entries[i * classes + static_cast<std::size_t>(labels[i])] = 1;
    }
  });
  return t;
}

// Weights w for which Σ w·logits is the sum over the columns of their mean over t = 1 minus their mean over t = −1. A
// column without one of both has the weights 0.
Tensor difference_weights(const Tensor& t) {
  Tensor weights = t.copy();
  dispatch(t.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const auto entries = weights.mutable_data<T>();
    const auto rows = static_cast<std::size_t>(t.shape()[0]), columns = static_cast<std::size_t>(t.shape()[1]);
    for (std::size_t c = 0; c < columns; ++c) {
      std::size_t inside = 0;
      for (std::size_t i = 0; i < rows; ++i) inside += entries[i * columns + c] > 0 ? 1 : 0;
      const std::size_t outside = rows - inside;
      for (std::size_t i = 0; i < rows; ++i) {
        T& w = entries[i * columns + c];
        if (inside == 0 || outside == 0)
          w = 0;
        else
          w /= static_cast<T>(w > 0 ? inside : outside);
      }
    }
  });
  return weights;
}

Var hinge_minus_distance(const Var& logits, const Tensor& t, const HkrOptions& options, Where where) {
  const Var short_of = relu(shift(neg(mul(Var(t), logits, where), where), options.margin, where), where);
  const double rows = static_cast<double>(t.shape()[0]);
  return sub(scale(sum(short_of, {}, false, where), options.alpha / rows, where),
             sum(mul(Var(difference_weights(t)), logits, where), {}, false, where), where);
}

}  // namespace

Var kantorovich_rubinstein(const Var& output, std::span<const Index> labels, Where where) {
  require_two_classes("kantorovich_rubinstein", output, labels, where);
  Index ones = 0;
  for (const Index label : labels) ones += label;
  if (ones == 0 || ones == static_cast<Index>(labels.size()))
    throw DomainError(cat("[kantorovich_rubinstein] at ", where, ": samples of both classes are required, all ",
                          labels.size(), " have the label ", labels[0], "; take larger batches"));
  return sum(mul(Var(difference_weights(signs(output, labels))), output, where), {}, false, where);
}

Var hkr(const Var& output, std::span<const Index> labels, const HkrOptions& options, Where where) {
  require_two_classes("hkr", output, labels, where);
  require_hkr("hkr", options, where);
  return hinge_minus_distance(output, signs(output, labels), options, where);
}

Var multi_hkr(const Var& logits, std::span<const Index> labels, const HkrOptions& options, Where where) {
  require_labels("multi_hkr", logits, labels, where);
  require_hkr("multi_hkr", options, where);
  if (logits.shape()[1] < 2)
    throw DomainError(cat("[multi_hkr] at ", where, ": two classes or more are required, got logits ", logits.shape(),
                          "; hkr takes one output"));
  return hinge_minus_distance(logits, signs(logits, labels), options, where);
}

Var tau_cross_entropy(const Var& logits, std::span<const Index> labels, const TauCrossEntropyOptions& options,
                      Where where) {
  require_labels("tau_cross_entropy", logits, labels, where);
  require_setting("tau_cross_entropy", options.tau > 0.0, "tau must be positive and finite", options.tau, where);
  require_setting("tau_cross_entropy", true, "offset must be finite", options.offset, where);
  // What the label loses the others gain: a number added to a whole row changes no cross entropy.
  const Var moved = options.offset == 0.0
                        ? logits
                        : add(logits, scale(Var(other_classes(logits, labels)), options.offset, where), where);
  return scale(cross_entropy(scale(moved, options.tau, where), labels, {}, where), 1.0 / options.tau, where);
}

Var lipschitz_margin_cross_entropy(const Var& logits, std::span<const Index> labels, const Var& lipschitz,
                                   double epsilon, Where where) {
  constexpr const char* name = "lipschitz_margin_cross_entropy";
  require_labels(name, logits, labels, where);
  require_setting(name, epsilon >= 0.0, "epsilon must be finite and not negative", epsilon, where);
  if (lipschitz.shape().size() != 1)
    throw ShapeError(
        cat('[', name, "] at ", where, ": the Lipschitz constant is one element, got ", lipschitz.shape()));
  require_setting(name, lipschitz.item() >= 0.0, "the Lipschitz constant must be finite and not negative",
                  lipschitz.item(), where);
  const Var reach = scale(reshape(lipschitz, Shape{1, 1}, where), std::numbers::sqrt2 * epsilon, where);
  return cross_entropy(add(logits, mul(Var(other_classes(logits, labels)), reach, where), where), labels, {}, where);
}

Var lipschitz_margin_cross_entropy(const Var& logits, std::span<const Index> labels, double lipschitz, double epsilon,
                                   Where where) {
  return lipschitz_margin_cross_entropy(logits, labels, Var(Tensor::scalar(lipschitz, logits.dtype())), epsilon, where);
}

Var margin_loss(const Var& logits, std::span<const Index> labels, double margin, Where where) {
  require_labels("margin_loss", logits, labels, where);
  require_setting("margin_loss", true, "margin must be finite", margin, where);
  if (logits.shape()[1] < 2)
    throw DomainError(cat("[margin_loss] at ", where, ": two classes or more are required, got logits ", logits.shape(),
                          "; hinge takes one output"));
  const Var others = parts::largest_other(logits, labels, where);
  return mean_of(relu(shift(sub(others, pick(logits, labels, where), where), margin, where), where), where);
}

}  // namespace taut::nn
