#include "nn/module/logits.h"

#include "autodiff/error.h"
#include "autodiff/range.h"

namespace taut::nn::parts {

void require_labels(const char* loss, const Var& logits, std::span<const Index> labels, Where where) {
  const Shape& shape = logits.shape();
  if (shape.rank() != 2)
    throw ShapeError(cat('[', loss, "] at ", where, ": logits are (samples, classes), got ", shape, "; flatten them"));
  if (shape[0] != static_cast<Index>(labels.size()) || shape[0] == 0)
    throw ShapeError(cat('[', loss, "] at ", where,
                         ": one label per row and at least one row are required, got logits ", shape, " and ",
                         labels.size(), " labels"));
  for (std::size_t i = 0; i < labels.size(); ++i)
    if (labels[i] < 0 || labels[i] >= shape[1])
      throw DomainError(cat('[', loss, "] at ", where, ": label ", labels[i], " of sample ", i, " is not in [0, ",
                            shape[1], "); the net must have one output per class"));
}

Tensor other_classes(const Var& logits, std::span<const Index> labels) {
  Tensor others = Tensor::full(logits.shape(), logits.dtype(), 1.0);
  dispatch(logits.dtype(), [&](auto zero) {
    const auto entries = others.mutable_data<decltype(zero)>();
    const auto classes = static_cast<std::size_t>(logits.shape()[1]);
    for (std::size_t i = 0; i < labels.size(); ++i) entries[i * classes + static_cast<std::size_t>(labels[i])] = 0;
  });
  return others;
}

Var largest_other(const Var& logits, std::span<const Index> labels, Where where) {
  const Var least(Tensor::scalar(-largest_finite(logits.dtype()), logits.dtype()));
  return max(taut::where(other_classes(logits, labels), logits, least, where), {1}, false, where);
}

Var mean_of(const Var& x, Where where) { return mean(x, {}, false, where); }

}  // namespace taut::nn::parts
